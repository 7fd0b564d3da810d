package docgen

import (
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/mythos-project/mythos/object/can"
)

// view returns the schema of what object.ToJSON makes of a struct of the protocol. A member "$N" is a field that this
// version does not know. A type inside itself is any value from its second occurrence down.
func (r *reflector) view(t *can.Type, inside []reflect.Type) *jsonschema.Schema {
	if make, ok := known[t.Go]; ok {
		return make()
	}
	switch t.Kind {
	case can.KindStruct:
		if slices.Contains(inside, t.Go) {
			return &jsonschema.Schema{Type: "object"}
		}
		return r.viewStruct(t, append(slices.Clone(inside), t.Go))
	case can.KindList:
		return &jsonschema.Schema{Type: "array", Items: r.view(t.Elem, inside)}
	case can.KindMap:
		return &jsonschema.Schema{Type: "object", AdditionalProperties: r.view(t.Elem, inside)}
	case can.KindBytes, can.KindArray:
		return &jsonschema.Schema{Type: "string", Pattern: "^([0-9a-f]{2})*$", Description: "Bytes in hex."}
	case can.KindText:
		return &jsonschema.Schema{Type: "string"}
	case can.KindUint:
		return &jsonschema.Schema{Type: "integer", Minimum: "0"}
	case can.KindInt:
		return &jsonschema.Schema{Type: "integer"}
	case can.KindBool:
		return &jsonschema.Schema{Type: "boolean"}
	}
	return &jsonschema.Schema{}
}

func (r *reflector) viewStruct(t *can.Type, inside []reflect.Type) *jsonschema.Schema {
	s := &jsonschema.Schema{
		Type:                 "object",
		Description:          r.LookupComment(t.Go, ""),
		Properties:           jsonschema.NewProperties(),
		PatternProperties:    map[string]*jsonschema.Schema{`^\$[0-9]+$`: {}},
		AdditionalProperties: jsonschema.FalseSchema,
	}
	for i, f := range t.Fields {
		field := r.view(f.Type, inside)
		if i < t.Go.NumField() && field.Description == "" {
			field.Description = r.fieldComment(t.Go, f)
		}
		s.Properties.Set(f.Name, field)
		if !f.Optional {
			s.Required = append(s.Required, f.Name)
		}
	}
	return s
}

// fieldComment finds the Go field that has the protocol field's number.
func (r *reflector) fieldComment(t reflect.Type, f can.StructField) string {
	for gf := range t.Fields() {
		if num, name := tagOf(gf.Tag.Get("can")); num == f.Num && name == f.Name {
			return r.LookupComment(t, gf.Name)
		}
	}
	return ""
}
