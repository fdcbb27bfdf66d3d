// Command dotnet writes the C# SDK of the package that a schema describes.
//
//	go run . SCHEMA SDK-FOLDER
//
// It is a module of its own because its generator builds only against another version of the engine's packages than
// the other languages' generators do.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	dotnet "github.com/pulumi/pulumi-dotnet/pulumi-language-dotnet/v3/codegen"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

//go:embed icon.png
var icon []byte

// iconOnly answers every request with our icon. The generator fetches the package's icon by URL; this way it needs no
// network and writes the same bytes everywhere.
type iconOnly struct{}

func (iconOnly) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: request, Body: io.NopCloser(bytes.NewReader(icon))}, nil
}

// alone refuses references to other packages: ours has none, and looking one up would need plugins and the network.
type alone struct{ schema.ReferenceLoader }

func (alone) LoadPackageReferenceV2(_ context.Context, other *schema.PackageDescriptor) (schema.PackageReference, error) {
	return nil, fmt.Errorf("the schema refers to package %q", other.Name)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: dotnet SCHEMA SDK-FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], filepath.Join(os.Args[2], "dotnet")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(schemaFile, folder string) error {
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return fmt.Errorf("%s: %w", schemaFile, err)
	}
	pkg, problems, err := schema.BindSpec(spec, alone{}, schema.ValidationOptions{})
	if err != nil {
		return fmt.Errorf("%s: %w", schemaFile, err)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s: %w", schemaFile, problems)
	}
	http.DefaultTransport = iconOnly{}
	files, err := dotnet.GeneratePackage("make generate", pkg, nil, nil)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for name, text := range files {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
