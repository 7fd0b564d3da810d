package docgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

const schemaBase = "https://github.com/mythos-project/mythos/schemas/"

// schemas makes a JSON Schema (2020-12) for each command that writes JSON, and one for errors.
func (t *Tree) schemas(files map[string][]byte) error {
	r := t.reflector()
	for _, c := range t.Commands() {
		o, ok := t.Factory.Output(c)
		if !ok || len(o.Types) == 0 {
			continue
		}
		s := r.output(o)
		s.Title = c.CommandPath()
		s.Description = strings.TrimSuffix(c.Short, ".") + ". " + formText[o.Form]
		if err := addSchema(files, fileName(c), s); err != nil {
			return err
		}
	}
	s := r.one(cli.ErrorDocument{})
	s.Title, s.Description = "mythos: error", "What --json writes to standard error when a command fails. See docs/exit-codes.md."
	return addSchema(files, "mythos-error", s)
}

var formText = map[cmdutil.Form]string{
	cmdutil.FormDocument: "One JSON document.",
	cmdutil.FormLines:    "JSON lines: each line is such a document.",
}

func addSchema(files map[string][]byte, name string, s *jsonschema.Schema) error {
	s.Version, s.ID = jsonschema.Version, jsonschema.ID(schemaBase+name+".json")
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		return fmt.Errorf("schema %s: %w", name, err)
	}
	files[SchemaFile(name)] = b.Bytes()
	return nil
}

// SchemaFile returns the path of a command's schema. name is the command's path with hyphens.
func SchemaFile(name string) string { return "schemas/" + name + ".json" }

// SchemaOf returns the path of c's schema.
func SchemaOf(c *cobra.Command) string { return SchemaFile(fileName(c)) }

type reflector struct{ jsonschema.Reflector }

func (t *Tree) reflector() *reflector {
	comments := newComments(t.source)
	r := &reflector{}
	r.DoNotReference, r.Anonymous = true, true
	r.Mapper = r.mapped
	r.LookupComment = comments.lookup
	return r
}

// output returns the schema of a document: of its single type, or of any of several.
func (r *reflector) output(o cmdutil.Output) *jsonschema.Schema {
	if len(o.Types) == 1 {
		return r.one(o.Types[0])
	}
	s := &jsonschema.Schema{}
	for _, v := range o.Types {
		s.AnyOf = append(s.AnyOf, r.one(v))
	}
	return s
}

func (r *reflector) one(v any) *jsonschema.Schema {
	s := r.Reflect(v)
	s.Version = ""
	return s
}

var known = map[reflect.Type]func() *jsonschema.Schema{
	reflect.TypeFor[cmdutil.Any](): func() *jsonschema.Schema { return &jsonschema.Schema{} },
	reflect.TypeFor[json.RawMessage](): func() *jsonschema.Schema {
		return &jsonschema.Schema{Description: "The JSON view of an object (spec/objects.md)."}
	},
	reflect.TypeFor[object.Hash](): func() *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: "^[0-9a-f]{64}$"}
	},
	reflect.TypeFor[object.Time](): timeSchema,
}

// timeSchema also allows the integer that a time outside the years 0 to 9999 is printed as.
func timeSchema() *jsonschema.Schema {
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string", Format: "date-time"}, {Type: "integer"}}}
}

// mapped gives the types of the protocol the schema of their JSON view, and types with their own JSON form the schema
// of that.
func (r *reflector) mapped(t reflect.Type) *jsonschema.Schema {
	if make, ok := known[t]; ok {
		return make()
	}
	if t.Kind() == reflect.Struct && t.NumField() > 0 {
		if _, ok := t.Field(0).Tag.Lookup("can"); ok {
			return r.view(can.TypeOf(t), nil)
		}
	}
	return r.recursive(t)
}

// recursive writes a type that contains itself once, with references to it.
func (r *reflector) recursive(t reflect.Type) *jsonschema.Schema {
	if t.Kind() != reflect.Struct || !containsItself(t, t, map[reflect.Type]bool{}) {
		return nil
	}
	inner := r.Reflector
	inner.DoNotReference, inner.ExpandedStruct, inner.Mapper = false, false, func(x reflect.Type) *jsonschema.Schema {
		if make, ok := known[x]; ok {
			return make()
		}
		return nil
	}
	s := inner.ReflectFromType(t)
	s.Version = ""
	return s
}

func containsItself(t, in reflect.Type, seen map[reflect.Type]bool) bool {
	switch in.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return in.Elem() == t || containsItself(t, in.Elem(), seen)
	case reflect.Struct:
		if seen[in] {
			return false
		}
		seen[in] = true
		for f := range in.Fields() {
			if f.Type == t || containsItself(t, f.Type, seen) {
				return true
			}
		}
	}
	return false
}
