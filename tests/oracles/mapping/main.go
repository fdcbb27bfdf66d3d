// Reads the answer of a GetMapping with the types that Pulumi's converter reads it with, strictly, and writes as JSON what
// it has understood: of each resource and data source the token, and of each property its name here and its schema.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	// The linker wants what package info refers to.
	_ "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/schema"
)

type property struct {
	Name        string              `json:"name"`
	Type        string              `json:"type"`
	Optional    bool                `json:"optional"`
	Required    bool                `json:"required"`
	Computed    bool                `json:"computed"`
	ForceNew    bool                `json:"forceNew"`
	MaxItemsOne bool                `json:"maxItemsOne"`
	Item        string              `json:"item,omitempty"`
	Properties  map[string]property `json:"properties,omitempty"`
}

type entry struct {
	Token      string              `json:"token"`
	Properties map[string]property `json:"properties"`
}

type answer struct {
	Name        string           `json:"name"`
	Resources   map[string]entry `json:"resources"`
	DataSources map[string]entry `json:"dataSources"`
}

func main() {
	understood, err := read(os.Stdin)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(understood)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(text io.Reader) (*answer, error) {
	decoder := json.NewDecoder(text)
	decoder.DisallowUnknownFields()
	var marshalled tfbridge.MarshallableProviderInfo
	if err := decoder.Decode(&marshalled); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something follows the answer")
	}
	provider := marshalled.Unmarshal()
	if err := provider.Validate(context.Background()); err != nil {
		return nil, err
	}

	understood := answer{provider.Name, map[string]entry{}, map[string]entry{}}
	sources := &tfbridge.ProviderInfo{
		P:         (&schema.Provider{ResourcesMap: provider.P.DataSourcesMap()}).Shim(),
		Resources: map[string]*tfbridge.ResourceInfo{},
	}
	for name, resource := range provider.Resources {
		if err := add(understood.Resources, name, resource.Tok.String(), provider.P.ResourcesMap(), resource.Fields); err != nil {
			return nil, err
		}
	}
	for name, source := range provider.DataSources {
		if err := add(understood.DataSources, name, source.Tok.String(), provider.P.DataSourcesMap(), source.Fields); err != nil {
			return nil, err
		}
		sources.Resources[name] = &tfbridge.ResourceInfo{Fields: source.Fields}
	}
	if provider.P.ResourcesMap().Len() != len(provider.Resources) || provider.P.DataSourcesMap().Len() != len(provider.DataSources) {
		return nil, errors.New("there is a schema without a token")
	}
	// Validate looks at resources only.
	return &understood, sources.Validate(context.Background())
}

func add(to map[string]entry, name, token string, schemas shim.ResourceMap, fields map[string]*tfbridge.SchemaInfo) error {
	resource, ok := schemas.GetOk(name)
	if !ok {
		return fmt.Errorf("%s has a token and no schema", name)
	}
	properties, err := propertiesOf(name, resource.Schema(), fields)
	to[name] = entry{token, properties}
	return err
}

func propertiesOf(path string, schemas shim.SchemaMap, fields map[string]*tfbridge.SchemaInfo) (map[string]property, error) {
	properties := map[string]property{}
	var problems []error
	schemas.Range(func(name string, one shim.Schema) bool {
		read, err := propertyOf(path+"."+name, one, fields[name])
		properties[name] = read
		problems = append(problems, err)
		return true
	})
	return properties, errors.Join(problems...)
}

func propertyOf(path string, one shim.Schema, field *tfbridge.SchemaInfo) (property, error) {
	if field == nil {
		return property{}, fmt.Errorf("%s has no name here", path)
	}
	read := property{
		Name:        field.Name,
		Type:        one.Type().String(),
		Optional:    one.Optional(),
		Required:    one.Required(),
		Computed:    one.Computed(),
		ForceNew:    one.ForceNew(),
		MaxItemsOne: field.MaxItemsOne != nil && *field.MaxItemsOne,
	}
	switch element := one.Elem().(type) {
	case shim.Schema:
		read.Item = element.Type().String()
	case shim.Resource:
		if field.Elem == nil {
			return read, fmt.Errorf("%s has no names for what is in it", path)
		}
		nested, err := propertiesOf(path, element.Schema(), field.Elem.Fields)
		read.Properties = nested
		return read, err
	}
	return read, nil
}
