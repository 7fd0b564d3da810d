package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text returns a text as a JSON string. It escapes only what it must, and U+2028 and U+2029, which some readers take
// for line ends. The text must be valid UTF-8.
func Text(text string) json.RawMessage {
	if plain([]byte(text)) && ascii(text) {
		return json.RawMessage(`"` + text + `"`)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		return json.RawMessage(`""`) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

var errSurrogate = errors.New("half of a surrogate pair, which is not a character")

// TextOf returns the text of a JSON string. Invalid UTF-8 and half of a surrogate pair are refused.
func TextOf(raw json.RawMessage) (string, error) {
	if Kind(raw) != '"' {
		return "", fmt.Errorf("%s stands where a text is expected", Describe(raw))
	}
	if !utf8.Valid(raw) {
		return "", errors.New("a text is not UTF-8")
	}
	if last := len(raw) - 1; last > 0 && raw[0] == '"' && raw[last] == '"' && plain(raw[1:last]) {
		return string(raw[1:last]), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fmt.Errorf("%w: %w", errSyntax, err)
	}
	if loneSurrogate(raw) >= 0 {
		return "", errSurrogate
	}
	return text, nil
}

// plain reports whether the text between the quotes of a JSON string needs no unescaping.
func plain(inner []byte) bool {
	for _, b := range inner {
		if b < ' ' || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// loneSurrogate finds \uD800 to \uDFFF outside a pair in a JSON string; -1: there is none.
func loneSurrogate(raw []byte) int {
	for i := 0; i < len(raw)-1; i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		switch code := unit(raw[i+1:]); {
		case code >= 0xdc00 && code < 0xe000:
			return i - 1
		case code >= 0xd800 && code < 0xdc00:
			rest := raw[i+5:]
			if len(rest) < 2 || rest[0] != '\\' || rest[1] != 'u' {
				return i - 1
			}
			if second := unit(rest[2:]); second < 0xdc00 || second >= 0xe000 {
				return i - 1
			}
			i += 6
		}
		i += 4
	}
	return -1
}

// unit returns the number of the four hex digits at the start of raw; 0: there are none.
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

// Plain returns the text of a JSON string, and any other value as compact JSON; nil for null and for no value.
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

// PlainText returns the result of Plain as a string.
func PlainText(raw json.RawMessage) (string, error) {
	text, err := Plain(raw)
	return string(text), err
}

// Canonical returns a value with its members sorted by the bytes of their names, no white space, the shortest escapes,
// and numbers as they were written. Two values have the same canonical form if they mean the same, with the same
// digits. What Check refuses is refused.
func Canonical(value json.RawMessage) ([]byte, error) {
	if err := Check(value); err != nil {
		return nil, err
	}
	s := scanner{text: value}
	return s.canonical(make([]byte, 0, len(value)))
}

// canonical appends a value that Check has accepted.
func (s *scanner) canonical(dst []byte) ([]byte, error) {
	s.blank()
	switch begin := s.at; s.peek() {
	case '{':
		return s.canonicalObject(dst)
	case '[':
		s.at++
		dst = append(dst, '[')
		for s.blank(); !s.next(']'); s.blank() {
			var err error
			if dst, err = s.canonical(dst); err != nil {
				return nil, err
			}
			if s.blank(); s.next(',') {
				dst = append(dst, ',')
			}
		}
		return append(dst, ']'), nil
	case '"':
		s.skipText()
		text, err := TextOf(s.text[begin:s.at])
		return appendShortest(dst, text), err
	default:
		s.skipWord()
		return append(dst, s.text[begin:s.at]...), nil
	}
}

func (s *scanner) canonicalObject(dst []byte) ([]byte, error) {
	type member struct {
		name     string
		from, to int // where it stands in dst
	}
	var list []member
	s.at++
	begin := len(dst)
	for s.blank(); !s.next('}'); s.blank() {
		m := member{from: len(dst)}
		at := s.at
		s.skipText()
		var err error
		if m.name, err = TextOf(s.text[at:s.at]); err != nil {
			return nil, err
		}
		s.blank()
		s.next(':')
		if dst, err = s.canonical(append(appendShortest(dst, m.name), ':')); err != nil {
			return nil, err
		}
		m.to = len(dst)
		list = append(list, m)
		s.blank()
		s.next(',')
	}
	slices.SortFunc(list, func(a, b member) int { return strings.Compare(a.name, b.name) })
	unsorted := slices.Clone(dst[begin:])
	dst = append(dst[:begin], '{')
	for i, m := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, unsorted[m.from-begin:m.to-begin]...)
	}
	return append(dst, '}'), nil
}

// appendShortest appends a JSON string with the shortest escapes.
func appendShortest(dst []byte, s string) []byte {
	const short = "\b\t\n\f\r\"\\"
	if plain([]byte(s)) && utf8.ValidString(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
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
