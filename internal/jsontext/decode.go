package jsontext

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Unmarshal reads one JSON value into v, a pointer. It refuses what Check refuses. An object may have only the members
// of v's structs, at any depth, in exactly this spelling and at most once; null is allowed only for members of the
// types any and json.RawMessage. Use a pointer to tell a missing member from a zero one.
func Unmarshal(data []byte, v any) error {
	if err := Check(data); err != nil {
		return err
	}
	if err := fits(data, reflect.TypeOf(v), ""); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

// fits checks a value against its type.
func fits(raw json.RawMessage, t reflect.Type, name string) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t == rawMessage || t.Kind() == reflect.Interface {
		return nil
	}
	switch Kind(raw) {
	case 'n':
		return fmt.Errorf("%s is null", named(name))
	case '{':
		return fitsObject(raw, t)
	case '[':
		if t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			return nil // encoding/json says so
		}
		items, err := ListOf(raw)
		for _, item := range items {
			err = errors.Join(err, fits(item, t.Elem(), name))
			if err != nil {
				return err
			}
		}
		return err
	}
	return nil
}

func fitsObject(raw json.RawMessage, t reflect.Type) error {
	known, other := members(t)
	if known == nil && other == nil {
		return nil
	}
	f, err := FieldsOf(raw)
	if err != nil {
		return err
	}
	for _, m := range f {
		of, is := known[m.Name]
		switch {
		case known != nil && !is:
			return fmt.Errorf("the member %q is not known%s", m.Name, meant(m.Name, known))
		case known == nil:
			of = other
		}
		if err := fits(m.Value, of, m.Name); err != nil {
			return err
		}
	}
	return nil
}

// members returns the names that an object for a struct may have, with their types; nil: any name, with values of the
// type other.
func members(t reflect.Type) (known map[string]reflect.Type, other reflect.Type) {
	if t == nil || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil, nil
	}
	switch t.Kind() {
	case reflect.Map:
		return nil, t.Elem()
	case reflect.Struct:
	default:
		return nil, nil
	}
	known = map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() || (f.Anonymous && name == ""):
			continue
		case name == "":
			name = f.Name
		}
		known[name] = f.Type
	}
	return known, nil
}

// meant suggests a member whose name differs only in letter case, dashes and underscores.
func meant(name string, known map[string]reflect.Type) string {
	flat := strings.NewReplacer("-", "", "_", "")
	for k := range known {
		if strings.EqualFold(flat.Replace(k), flat.Replace(name)) {
			return fmt.Sprintf("; did you mean %q?", k)
		}
	}
	return ""
}

func named(name string) string {
	if name == "" {
		return "a value"
	}
	return fmt.Sprintf("the member %q", name)
}
