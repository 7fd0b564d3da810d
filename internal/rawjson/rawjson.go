// Package rawjson takes JSON apart without changing a byte of what it hands on: no number
// becomes another one, and no text is repaired. What a Go value cannot hold exactly is an
// error.
package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Member is one member of a JSON object, its value as it was written.
type Member struct {
	Name string
	Raw  json.RawMessage
}

// What is wrong with a JSON value.
var (
	ErrNoObject = errors.New("it is no JSON object")
	ErrTwice    = errors.New("a name occurs twice")
	ErrText     = errors.New("a text is not valid Unicode")
)

// Members splits a JSON object and changes no byte of the values. A name that occurs
// twice is an error that wraps ErrTwice.
func Members(object []byte) ([]Member, error) {
	if !json.Valid(object) {
		return nil, ErrNoObject
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, ErrNoObject
	}
	var list []Member
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, ErrNoObject
		}
		var m Member
		m.Name = name
		if err := dec.Decode(&m.Raw); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(o Member) bool { return o.Name == name }) {
			return nil, fmt.Errorf("%w: %q", ErrTwice, name)
		}
		list = append(list, m)
	}
	return list, nil
}

// Find is the value of a member. One that is null says nothing, like one that is not there.
func Find(list []Member, name string) json.RawMessage {
	for _, m := range list {
		if m.Name == name && string(m.Raw) != "null" {
			return m.Raw
		}
	}
	return nil
}

// Text decodes a JSON text. It refuses what a Go string cannot hold exactly: bytes
// that are not UTF-8, and half of a surrogate pair.
func Text(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || !utf8.Valid(raw) || loneSurrogate(raw) || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// loneSurrogate finds an escaped surrogate without its other half.
func loneSurrogate(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if i >= len(raw) || raw[i] != 'u' {
			continue
		}
		switch code := unit(raw[i+1:]); {
		case code >= 0xdc00 && code < 0xe000:
			return true
		case code >= 0xd800 && code < 0xdc00:
			rest := raw[i+5:]
			if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
				return true
			}
			if low := unit(rest[2:]); low < 0xdc00 || low >= 0xe000 {
				return true
			}
			i += 6
		}
		i += 4
	}
	return false
}

// unit is the number in the four hex digits at the start of raw.
func unit(raw []byte) uint64 {
	if len(raw) < 4 {
		return 0
	}
	n, err := strconv.ParseUint(string(raw[:4]), 16, 32)
	if err != nil {
		return 0
	}
	return n
}

// Plain is the plain form of a JSON value: members sorted by the bytes of their names, no
// white space, the shortest escapes, and numbers as they were written. Two values have
// the same plain form when they say the same in the same digits. A name that occurs twice
// and a text that is not valid Unicode are refused.
func Plain(value []byte) ([]byte, error) {
	if !json.Valid(value) {
		return nil, errors.New("it is no JSON")
	}
	return appendPlain(nil, bytes.TrimSpace(value))
}

func appendPlain(dst, value []byte) ([]byte, error) {
	switch value[0] {
	case '{':
		return appendObject(dst, value)
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(value, &items); err != nil {
			return nil, err
		}
		dst = append(dst, '[')
		for i, item := range items {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendPlain(dst, item); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case '"':
		s, ok := Text(value)
		if !ok {
			return nil, ErrText
		}
		return AppendText(dst, s), nil
	}
	return append(dst, value...), nil
}

func appendObject(dst, value []byte) ([]byte, error) {
	if !utf8.Valid(value) || loneSurrogate(value) {
		return nil, ErrText
	}
	list, err := Members(value)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b Member) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	dst = append(dst, '{')
	for i, m := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendText(dst, m.Name), ':')
		if dst, err = appendPlain(dst, m.Raw); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// AppendText appends a JSON text with the shortest escapes.
func AppendText(dst []byte, s string) []byte {
	const short = "\b\t\n\f\r\"\\"
	dst = append(dst, '"')
	for _, r := range s {
		if at := bytes.IndexRune([]byte(short), r); at >= 0 {
			dst = append(dst, '\\', "btnfr\"\\"[at])
		} else if r < ' ' {
			dst = fmt.Appendf(dst, `\u%04x`, r)
		} else {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
