// Package jsontext reads and writes JSON without changing its text: numbers keep their digits, members their order and
// the letter case of their names, and values are passed on byte for byte. encoding/json alone takes the last of two
// equal members, matches names in any letter case, rounds numbers, ignores null, and replaces invalid Unicode by
// U+FFFD. This package does none of that: what cannot be represented exactly is an error.
//
// [Check] refuses what different programs read differently, at any depth. [FieldsOf], [ListOf] and [TextOf] split one
// value and check only that level, so that nested values can remain bytes; they accept any bytes. [Unmarshal] reads
// into a struct and allows no other members.
package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Member is one member of a JSON object, with its value as it was written.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Fields are the members of a JSON object in their order.
type Fields []Member

// Get returns the value of the first of the named members that is present and not null; nil: none is.
func (f Fields) Get(names ...string) json.RawMessage {
	for _, name := range names {
		for _, m := range f {
			if m.Name == name && string(m.Value) != "null" {
				return m.Value
			}
		}
	}
	return nil
}

// Has reports whether there is such a member, even if it is null.
func (f Fields) Has(name string) bool {
	return slices.ContainsFunc(f, func(m Member) bool { return m.Name == name })
}

// Bool returns the first of the named members that is not null, which must be true or false, also in quotes; false if
// there is none.
func (f Fields) Bool(names ...string) (bool, error) {
	switch raw := f.Get(names...); string(raw) {
	case "true", `"true"`:
		return true, nil
	case "false", `"false"`, "":
		return false, nil
	default:
		return false, fmt.Errorf("%s stands in %s, where true or false is expected", Describe(raw), strings.Join(names, " or "))
	}
}

// Add appends a member; a nil value adds nothing.
func (f *Fields) Add(name string, value json.RawMessage) {
	if value != nil {
		*f = append(*f, Member{name, value})
	}
}

// AddText appends a text; an empty one adds nothing.
func (f *Fields) AddText(name, text string) {
	if text != "" {
		f.Add(name, Text(text))
	}
}

// JSON returns the object; nil if it has no members.
func (f Fields) JSON() json.RawMessage {
	if len(f) == 0 {
		return nil
	}
	out := []byte{'{'}
	for i, m := range f {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, Text(m.Name)...), ':'), m.Value...)
	}
	return append(out, '}')
}

// List returns a JSON list of values.
func List(values []json.RawMessage) json.RawMessage {
	out := []byte{'['}
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}

// FieldsOf splits an object without changing any byte of the values. Duplicate members are an error; names are compared
// after unescaping.
func FieldsOf(raw json.RawMessage) (Fields, error) {
	s := scanner{text: raw}
	if s.blank(); !s.next('{') {
		return nil, fmt.Errorf("%s stands where a JSON object is expected", Describe(raw))
	}
	var out Fields
	var seen names
	err := s.members(func(name string, value json.RawMessage) error {
		if !seen.add(name) {
			return twice(name)
		}
		out = append(out, Member{name, value})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, s.end()
}

// ListOf splits a list without changing any byte of the values.
func ListOf(raw json.RawMessage) ([]json.RawMessage, error) {
	s := scanner{text: raw}
	if s.blank(); !s.next('[') {
		return nil, fmt.Errorf("%s stands where a JSON list is expected", Describe(raw))
	}
	var out []json.RawMessage
	err := s.items(func(value json.RawMessage) error {
		out = append(out, value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, s.end()
}

// names detects duplicate names. It is a list while it is short.
type names struct {
	list []string
	set  map[string]bool
}

const shortNames = 16

func twice(name string) error { return fmt.Errorf("the member %q is there twice", name) }

func (n *names) add(name string) bool {
	if n.set != nil {
		if n.set[name] {
			return false
		}
		n.set[name] = true
		return true
	}
	if slices.Contains(n.list, name) {
		return false
	}
	if n.list = append(n.list, name); len(n.list) > shortNames {
		n.set = make(map[string]bool, 2*shortNames)
		for _, have := range n.list {
			n.set[have] = true
		}
	}
	return true
}

// Kind returns the first byte of a value, which shows its kind: {, [, ", t, f, n, or a digit or minus; 0: there is no
// value.
func Kind(raw json.RawMessage) byte {
	s := scanner{text: raw}
	s.blank()
	return s.peek()
}

// IsNumber reports whether a value is a JSON number.
func IsNumber(raw json.RawMessage) bool {
	k := Kind(raw)
	return k == '-' || k >= '0' && k <= '9'
}

// Describe shows at most 40 bytes of a value, for an error.
func Describe(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "nothing"
	}
	if len(raw) > 40 {
		return string(bytes.ToValidUTF8(raw[:40], nil)) + "..."
	}
	return string(bytes.ToValidUTF8(raw, nil))
}

// Compact returns JSON without white space, and otherwise unchanged.
func Compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}
