// Package strictjson reads the JSON that people and foreign programs write, where a guess
// would do harm: a member that is misspelt, repeated or null is an error, not a zero value.
//
// encoding/json alone takes the last of two equal members, matches names in any letter
// case, ignores what it does not know, takes null for nothing, and replaces what is no
// Unicode text by U+FFFD. None of that is done here.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxDepth is how many objects and arrays stand inside one another at most.
const maxDepth = 200

// Unmarshal reads one JSON value into v, a pointer. The members of v's structs, at any
// depth, are all that an object may have, in exactly this spelling and once; null is for
// members of the types any and json.RawMessage alone. A member that must be there is told from
// one that is missing by a pointer.
func Unmarshal(data []byte, v any) error {
	if err := walk(data, reflect.TypeOf(v)); err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// Check refuses what different programs read differently: text that is no UTF-8, half of a
// surrogate pair, an object with the same member twice, and anything behind the value. Of
// names it knows nothing.
func Check(data []byte) error { return walk(data, nil) }

func walk(data []byte, t reflect.Type) error {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return errors.New("it begins with a byte order mark")
	}
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8")
	}
	if !json.Valid(data) {
		return invalid(data)
	}
	if at := loneSurrogate(data); at >= 0 {
		return fmt.Errorf("byte %d: half of a surrogate pair, which is no character", at)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return value(d, t, "", 0)
}

// invalid says what encoding/json finds wrong.
func invalid(data []byte) error {
	var any json.RawMessage
	if err := json.Unmarshal(data, &any); err != nil {
		return err
	}
	return errors.New("it is not JSON")
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

// value reads one value; t is the type that it is for, nil for any.
func value(d *json.Decoder, t reflect.Type, name string, depth int) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if depth > maxDepth {
		return fmt.Errorf("more than %d objects and arrays inside one another", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch delim, _ := token.(json.Delim); {
	case token == nil && t != nil && t != rawMessage && t.Kind() != reflect.Interface:
		return fmt.Errorf("%s is null", named(name))
	case delim == '{':
		return object(d, t, depth)
	case delim == '[':
		var item reflect.Type
		if t != nil && t != rawMessage && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			item = t.Elem()
		}
		for d.More() {
			if err := value(d, item, name, depth+1); err != nil {
				return err
			}
		}
		_, err = d.Token()
	}
	return err
}

func object(d *json.Decoder, t reflect.Type, depth int) error {
	known, other := members(t)
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("the member %q is there twice", name)
		}
		seen[name] = true
		of, is := known[name]
		switch {
		case known != nil && !is:
			return fmt.Errorf("the member %q is not known%s", name, meant(name, known))
		case known == nil:
			of = other
		}
		if err := value(d, of, name, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// members are the names that an object for a struct may have, with their types; nil: any
// name, with values of the type other.
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

// meant suggests the member whose name differs in letter case, dashes and underscores alone.
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

// loneSurrogate finds \uD800 to \uDFFF outside of a pair in valid JSON; -1: there is none.
func loneSurrogate(data []byte) int {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		if data[i+1] != 'u' {
			i++ // the escaped character
			continue
		}
		switch kind(data[i+2:]) {
		case low:
			return i
		case high:
			if i+7 >= len(data) || data[i+6] != '\\' || data[i+7] != 'u' || kind(data[i+8:]) != low {
				return i
			}
			i += 6
		}
		i += 5
	}
	return -1
}

const (
	high = 1 + iota
	low
)

// kind tells halves of surrogate pairs by their hex digits.
func kind(digits []byte) int {
	switch lower := bytes.ToLower(digits[:4]); {
	case lower[0] != 'd':
		return 0
	case strings.IndexByte("89ab", lower[1]) >= 0:
		return high
	case strings.IndexByte("cdef", lower[1]) >= 0:
		return low
	}
	return 0
}
