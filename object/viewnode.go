package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// viewNode is parsed JSON or YAML. It keeps the order of members and numbers as written, and repeated names are
// refused; encoding/json's maps do none of this.
type viewNode struct {
	kind    byte   // 'n'ull, 'b'ool, '0' number, 's'tring, '[' or '{'
	text    string // of a number or a string
	truth   bool
	list    []viewNode
	members []viewMember
}

type viewMember struct {
	name  string
	value viewNode
}

func (n viewNode) member(name string) (viewNode, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m.value, true
		}
	}
	return viewNode{}, false
}

const maxViewDepth = 200

func parseJSON(data []byte) (viewNode, error) {
	if err := wholeText(data); err != nil {
		return viewNode{}, fmt.Errorf("JSON, %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	n, err := readJSON(dec, 0)
	if err != nil {
		return viewNode{}, fmt.Errorf("JSON, byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return viewNode{}, fmt.Errorf("JSON, byte %d: something follows the value", dec.InputOffset())
	}
	return n, nil
}

func readJSON(dec *json.Decoder, depth int) (viewNode, error) {
	tok, err := dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return viewNode{}, err
	}
	if depth > maxViewDepth {
		return viewNode{}, errors.New("nested too deeply")
	}
	switch t := tok.(type) {
	case bool:
		return viewNode{kind: 'b', truth: t}, nil
	case json.Number:
		return viewNode{kind: '0', text: t.String()}, nil
	case string:
		return viewNode{kind: 's', text: t}, nil
	case json.Delim:
		if t == '[' {
			return readJSONList(dec, depth)
		}
		return readJSONObject(dec, depth)
	}
	return viewNode{kind: 'n'}, nil
}

func readJSONList(dec *json.Decoder, depth int) (viewNode, error) {
	n := viewNode{kind: '['}
	for dec.More() {
		v, err := readJSON(dec, depth+1)
		if err != nil {
			return n, err
		}
		n.list = append(n.list, v)
	}
	_, err := dec.Token()
	return n, err
}

func readJSONObject(dec *json.Decoder, depth int) (viewNode, error) {
	n := viewNode{kind: '{'}
	seen := map[string]bool{}
	for dec.More() {
		name, err := readJSON(dec, depth+1)
		if err != nil {
			return n, err
		}
		if seen[name.text] {
			return n, fmt.Errorf("member %q appears twice", name.text)
		}
		seen[name.text] = true
		v, err := readJSON(dec, depth+1)
		if err != nil {
			return n, err
		}
		n.members = append(n.members, viewMember{name.text, v})
	}
	_, err := dec.Token()
	return n, err
}

// appendJSONString appends s as a JSON string without HTML escaping. It escapes what YAML refuses or reads as a line
// end, because the view is valid YAML, too.
func appendJSONString(dst []byte, s string) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes, and a Builder accepts all bytes
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff || r == 0xfeff {
			dst = fmt.Appendf(dst, `\u%04x`, r)
		} else {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// wholeText refuses text that encoding/json would replace: bytes that are not UTF-8, and
// escapes of half a surrogate pair.
func wholeText(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8")
	}
	text := false
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '"':
			text = !text
		case text && data[i] == '\\':
			half, n := surrogate(data[i:])
			if half {
				return fmt.Errorf("byte %d: \\u%s is half a surrogate pair", i, data[i+2:i+6])
			}
			i += n - 1
		}
	}
	return nil
}

// surrogate looks at one escape of a JSON string. It reports whether the escape is a surrogate without its other half,
// and how many bytes it has.
func surrogate(esc []byte) (half bool, n int) {
	unit, ok := escaped(esc)
	switch {
	case !ok:
		return false, min(len(esc), 2) // another escape; the parser judges it
	case !utf16.IsSurrogate(unit):
		return false, 6
	}
	low, ok := escaped(esc[6:])
	return !ok || utf16.DecodeRune(unit, low) == utf8.RuneError, 12
}

// escaped reads an escape of the form \uXXXX.
func escaped(esc []byte) (rune, bool) {
	if len(esc) < 6 || esc[0] != '\\' || esc[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(esc[2:6]), 16, 16)
	return rune(unit), err == nil
}

// plainNumber refuses integers that are not in the form that the view writes: 007, -0, +5.
func plainNumber(s string) error {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || digits[0] == '0' && s != "0" {
		return fmt.Errorf("%q is not an integer as the view writes one (no leading zeros, no sign of 0, no fraction)", s)
	}
	return nil
}
