// Command imported writes the program that `pulumi import` writes of what it has imported, with the engine's own
// generators, for language hosts that cannot.
//
//	pulumi stack export | go run ./imported SCHEMA typescript|python|go >PROGRAM
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/blang/semver"
	"github.com/hashicorp/hcl/v2"
	gogen "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/pcl"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/pkg/v3/importer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

type generator func(*pcl.Program) (map[string][]byte, hcl.Diagnostics, error)

var languages = map[string]struct {
	file     string
	generate generator
}{
	"typescript": {"index.ts", nodejs.GenerateProgram},
	"python":     {"__main__.py", python.GenerateProgram},
	"go":         {"main.go", gogen.GenerateProgram},
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: imported SCHEMA LANGUAGE <DEPLOYMENT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(schemaFile, language string, deployment io.Reader, out io.Writer) error {
	target, known := languages[language]
	if !known {
		return fmt.Errorf("no language %q", language)
	}
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return err
	}
	ours, err := schema.ImportSpec(spec, nil, loader{}, schema.ValidationOptions{})
	if err != nil {
		return err
	}
	imported, all, err := states(deployment, ours.Name)
	if err != nil {
		return err
	}
	write := func(out io.Writer, program *pcl.Program) error {
		files, problems, err := target.generate(program)
		if err == nil && problems.HasErrors() {
			err = problems
		}
		if err != nil {
			return err
		}
		_, err = out.Write(files[target.file])
		return err
	}
	return importer.GenerateLanguageDefinitions(out, loader{ours}, write, imported, all, nil)
}

// states are the package's resources, and all that there are. Of a provider only its place matters.
func states(deployment io.Reader, name string) (imported, all []*resource.State, err error) {
	var exported struct {
		Deployment struct {
			Resources []struct {
				URN             resource.URN
				ID              resource.ID
				Type            tokens.Type
				Custom, Protect bool
				Parent          resource.URN
				Provider        string
				Inputs, Outputs map[string]any
			}
		}
	}
	if err := json.NewDecoder(deployment).Decode(&exported); err != nil {
		return nil, nil, err
	}
	for _, found := range exported.Deployment.Resources {
		state := &resource.State{
			URN: found.URN, ID: found.ID, Type: found.Type, Custom: found.Custom, Protect: found.Protect,
			Parent: found.Parent, Provider: found.Provider,
		}
		if found.Type.Package() == tokens.Package(name) {
			state.Inputs = resource.NewPropertyMapFromMap(found.Inputs)
			state.Outputs = resource.NewPropertyMapFromMap(found.Outputs)
			imported = append(imported, state)
		}
		all = append(all, state)
	}
	if len(imported) == 0 {
		return nil, nil, errors.New("the deployment has no resource of the package")
	}
	return imported, all, nil
}

// loader knows one package, or none.
type loader struct{ ours *schema.Package }

func (l loader) LoadPackage(name string, _ *semver.Version) (*schema.Package, error) {
	if l.ours == nil || name != l.ours.Name {
		return nil, fmt.Errorf("the program needs package %q", name)
	}
	return l.ours, nil
}

func (l loader) LoadPackageV2(_ context.Context, wanted *schema.PackageDescriptor) (*schema.Package, error) {
	return l.LoadPackage(wanted.Name, nil)
}

func (l loader) LoadPackageReference(name string, _ *semver.Version) (schema.PackageReference, error) {
	found, err := l.LoadPackage(name, nil)
	if err != nil {
		return nil, err
	}
	return found.Reference(), nil
}

func (l loader) LoadPackageReferenceV2(
	_ context.Context, wanted *schema.PackageDescriptor,
) (schema.PackageReference, error) {
	return l.LoadPackageReference(wanted.Name, nil)
}
