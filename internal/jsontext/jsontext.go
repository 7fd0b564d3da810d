// Package jsontext reads and writes JSON without turning it into Go values: numbers keep
// their digits, members keep their order, and what is passed on is the text that stood
// there. A struct of encoding/json would fold the case of names, take the last of two
// members with one name, and replace half a surrogate pair.
//
// All functions but [Check] take JSON that [Check] accepts.
package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Member is one member of a JSON object.
type Member struct {
	Name  string
	Value json.RawMessage
}

// Fields are the members of a JSON object in their order.
type Fields []Member

// Get is the value of a member; nil where it is missing or null.
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

// Has reports whether there is such a member, null or not.
func (f Fields) Has(name string) bool {
	for _, m := range f {
		if m.Name == name {
			return true
		}
	}
	return false
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

// JSON is the object; nil when it has no members.
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

// List is a JSON list of values.
func List(values []json.RawMessage) json.RawMessage {
	return append(append([]byte{'['}, bytes.Join(rawBytes(values), []byte{','})...), ']')
}

func rawBytes(values []json.RawMessage) [][]byte {
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// Text is a text as a JSON string, in which only what must be is escaped. The text is
// valid UTF-8.
func Text(text string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		return json.RawMessage(`""`) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// Check reports why data is not one JSON value in UTF-8.
func Check(data []byte) error {
	if !utf8.Valid(data) {
		at := 0
		for at < len(data) {
			r, n := utf8.DecodeRune(data[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		return fmt.Errorf("it is not UTF-8 (byte %d), which JSON is", at+1)
	}
	var syntax *json.SyntaxError
	err := json.Unmarshal(data, new(json.RawMessage))
	if errors.As(err, &syntax) {
		return fmt.Errorf("it is not JSON (byte %d): %v", syntax.Offset, err)
	}
	return err
}

// FieldsOf splits an object that is valid JSON. Two members of one name are refused.
func FieldsOf(raw json.RawMessage) (Fields, error) {
	if Kind(raw) != '{' {
		return nil, fmt.Errorf("%s stands where a JSON object is expected", Describe(raw))
	}
	var out Fields
	seen := map[string]bool{}
	for i := blank(raw, 1+bytes.IndexByte(raw, '{')); raw[i] != '}'; {
		end := skipValue(raw, i)
		name, err := TextOf(raw[i:end])
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("the Member %q stands twice", name)
		}
		seen[name] = true
		i = blank(raw, blank(raw, end)+1) // past the colon
		end = skipValue(raw, i)
		out = append(out, Member{name, raw[i:end]})
		if i = blank(raw, end); raw[i] == ',' {
			i = blank(raw, i+1)
		}
	}
	return out, nil
}

// ListOf splits a list that is valid JSON.
func ListOf(raw json.RawMessage) ([]json.RawMessage, error) {
	if Kind(raw) != '[' {
		return nil, fmt.Errorf("%s stands where a JSON list is expected", Describe(raw))
	}
	var out []json.RawMessage
	for i := blank(raw, 1+bytes.IndexByte(raw, '[')); raw[i] != ']'; {
		end := skipValue(raw, i)
		out = append(out, raw[i:end])
		if i = blank(raw, end); raw[i] == ',' {
			i = blank(raw, i+1)
		}
	}
	return out, nil
}

// TextOf is what a JSON string means. Half a surrogate pair is no text and is refused.
func TextOf(raw json.RawMessage) (string, error) {
	var text string
	if Kind(raw) != '"' || json.Unmarshal(raw, &text) != nil {
		return "", fmt.Errorf("%s stands where a text is expected", Describe(raw))
	}
	for i := 0; i < len(raw)-1; i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		r := hex4(raw[i+1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		if i+6 >= len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' || utf16.DecodeRune(r, hex4(raw[i+3:])) == utf8.RuneError {
			return "", errors.New(`a text has half a surrogate pair (\u` + strconv.FormatInt(int64(r), 16) + "), which is no character")
		}
		i += 6
	}
	return text, nil
}

func hex4(raw []byte) rune {
	n, err := strconv.ParseUint(string(raw[:4]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// Kind is the first byte of a value, which tells its kind: {, [, ", t, f, n, or a digit
// or minus; 0 for nothing.
func Kind(raw json.RawMessage) byte {
	if i := blank(raw, 0); i < len(raw) {
		return raw[i]
	}
	return 0
}

// IsNumber reports whether a value is a JSON number.
func IsNumber(raw json.RawMessage) bool {
	k := Kind(raw)
	return k == '-' || k >= '0' && k <= '9'
}

// Describe names a value in an error, at most 40 bytes of it.
func Describe(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "nothing"
	}
	if len(raw) > 40 {
		return string(bytes.ToValidUTF8(raw[:40], nil)) + "..."
	}
	return string(raw)
}

// blank is the first position from i on that is no blank of JSON.
func blank(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r') {
		i++
	}
	return i
}

// skipValue is the end of the value that begins at i, in valid JSON.
func skipValue(raw []byte, i int) int {
	depth := 0
	for i < len(raw) {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			i++
			for i < len(raw) && !bytes.ContainsRune([]byte(",:]} \t\n\r"), rune(raw[i])) {
				i++
			}
			if depth == 0 {
				return i
			}
			continue
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return i
}

// Compact is JSON without blanks, as it stands otherwise.
func Compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// Plain is the text of a JSON string, and any other value as compact JSON; nil for null
// and for nothing.
func Plain(raw json.RawMessage) ([]byte, error) {
	switch Kind(raw) {
	case '"':
		text, err := TextOf(raw)
		return []byte(text), err
	case 0, 'n':
		return nil, nil
	}
	return Compact(raw), nil
}

// PlainText is what Plain gives, as a text.
func PlainText(raw json.RawMessage) (string, error) {
	text, err := Plain(raw)
	return string(text), err
}
