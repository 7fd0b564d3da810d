package jsontext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Pointer is a JSON pointer (RFC 6901): the names and indexes on the way down to a value. The empty pointer means the
// whole value.
type Pointer []string

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// ParsePointer reads a pointer such as /a/0/b.
func ParsePointer(text string) (Pointer, error) {
	if text == "" {
		return Pointer{}, nil
	}
	if text[0] != '/' {
		return nil, fmt.Errorf("%q is not a JSON pointer: it begins with a slash, such as /prompt", text)
	}
	for i := range len(text) {
		if text[i] == '~' && (i+1 == len(text) || text[i+1] != '0' && text[i+1] != '1') {
			return nil, fmt.Errorf("%q is not a JSON pointer: a tilde is written ~0", text)
		}
	}
	p := Pointer(strings.Split(text[1:], "/"))
	for i := range p {
		p[i] = unescape.Replace(p[i])
	}
	return p, nil
}

// In returns the value that the pointer leads to, which may be null, without surrounding white space; nil: there is
// none. It returns an error if an object on the way cannot be read exactly.
func (p Pointer) In(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	for _, step := range p {
		switch Kind(raw) {
		case '{':
			f, err := FieldsOf(raw)
			if err != nil {
				return nil, err
			}
			raw = nil
			for _, m := range f {
				if m.Name == step {
					raw = m.Value
				}
			}
		case '[':
			items, err := ListOf(raw)
			if err != nil {
				return nil, err
			}
			if raw = nil; IsIndex(step) {
				if i, err := strconv.Atoi(step); err == nil && i < len(items) {
					raw = items[i]
				}
			}
		default:
			return nil, nil
		}
	}
	return raw, nil
}

// IsIndex reports whether a step of a pointer is an index: digits, without a leading zero.
func IsIndex(step string) bool {
	for _, r := range step {
		if r < '0' || r > '9' {
			return false
		}
	}
	return step == "0" || step != "" && step[0] != '0'
}
