package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is read here without turning it into Go values: numbers keep their digits,
// members keep their order, and what is passed on is the text that stood there. A struct
// of encoding/json would fold the case of names, take the last of two members with one
// name, and replace half a surrogate pair.

// member is one member of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// fields are the members of a JSON object in their order.
type fields []member

// get is the value of a member; nil where it is missing or null.
func (f fields) get(names ...string) json.RawMessage {
	for _, name := range names {
		for _, m := range f {
			if m.name == name && string(m.value) != "null" {
				return m.value
			}
		}
	}
	return nil
}

// has reports whether there is such a member, null or not.
func (f fields) has(name string) bool {
	for _, m := range f {
		if m.name == name {
			return true
		}
	}
	return false
}

// add appends a member; a nil value adds nothing.
func (f *fields) add(name string, value json.RawMessage) {
	if value != nil {
		*f = append(*f, member{name, value})
	}
}

// addText appends a text; an empty one adds nothing.
func (f *fields) addText(name, text string) {
	if text != "" {
		f.add(name, jsonText(text))
	}
}

// json is the object; nil when it has no members.
func (f fields) json() json.RawMessage {
	if len(f) == 0 {
		return nil
	}
	out := []byte{'{'}
	for i, m := range f {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, jsonText(m.name)...), ':'), m.value...)
	}
	return append(out, '}')
}

// jsonList is a JSON list of values.
func jsonList(values []json.RawMessage) json.RawMessage {
	return append(append([]byte{'['}, bytes.Join(rawBytes(values), []byte{','})...), ']')
}

func rawBytes(values []json.RawMessage) [][]byte {
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// jsonText is a text as a JSON string, in which only what must be is escaped. The text is
// valid UTF-8.
func jsonText(text string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		return json.RawMessage(`""`) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// checkJSON reports why data is not one JSON value in UTF-8.
func checkJSON(data []byte) error {
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

// fieldsOf splits an object that is valid JSON. Two members of one name are refused.
func fieldsOf(raw json.RawMessage) (fields, error) {
	if kindOf(raw) != '{' {
		return nil, fmt.Errorf("%s stands where a JSON object is expected", describe(raw))
	}
	var out fields
	seen := map[string]bool{}
	for i := blank(raw, 1+bytes.IndexByte(raw, '{')); raw[i] != '}'; {
		end := skipValue(raw, i)
		name, err := textOf(raw[i:end])
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("the member %q stands twice", name)
		}
		seen[name] = true
		i = blank(raw, blank(raw, end)+1) // past the colon
		end = skipValue(raw, i)
		out = append(out, member{name, raw[i:end]})
		if i = blank(raw, end); raw[i] == ',' {
			i = blank(raw, i+1)
		}
	}
	return out, nil
}

// listOf splits a list that is valid JSON.
func listOf(raw json.RawMessage) ([]json.RawMessage, error) {
	if kindOf(raw) != '[' {
		return nil, fmt.Errorf("%s stands where a JSON list is expected", describe(raw))
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

// textOf is what a JSON string means. Half a surrogate pair is no text and is refused.
func textOf(raw json.RawMessage) (string, error) {
	var text string
	if kindOf(raw) != '"' || json.Unmarshal(raw, &text) != nil {
		return "", fmt.Errorf("%s stands where a text is expected", describe(raw))
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

// kindOf is the first byte of a value, which tells its kind: {, [, ", t, f, n, or a digit
// or minus; 0 for nothing.
func kindOf(raw json.RawMessage) byte {
	if i := blank(raw, 0); i < len(raw) {
		return raw[i]
	}
	return 0
}

// isNumber reports whether a value is a JSON number.
func isNumber(raw json.RawMessage) bool {
	k := kindOf(raw)
	return k == '-' || k >= '0' && k <= '9'
}

// describe names a value in an error, at most 40 bytes of it.
func describe(raw json.RawMessage) string {
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

// compact is JSON without blanks, as it stands otherwise.
func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// plain is the text of a JSON string, and any other value as compact JSON; nil for null
// and for nothing.
func plain(raw json.RawMessage) ([]byte, error) {
	switch kindOf(raw) {
	case '"':
		text, err := textOf(raw)
		return []byte(text), err
	case 0, 'n':
		return nil, nil
	}
	return compact(raw), nil
}

// optionalText is plain as a text.
func optionalText(raw json.RawMessage) (string, error) {
	text, err := plain(raw)
	return string(text), err
}
