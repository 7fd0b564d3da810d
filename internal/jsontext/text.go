package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Text is a text as a JSON string, in which only what must be is escaped, and the line
// ends U+2028 and U+2029, which some readers take for the end of a line. The text is valid
// UTF-8.
func Text(text string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		return json.RawMessage(`""`) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

var errSurrogate = errors.New("half of a surrogate pair, which is no character")

// TextOf is what a JSON string means. Bytes that are not UTF-8 and half a surrogate pair
// are no text and are refused.
func TextOf(raw json.RawMessage) (string, error) {
	if Kind(raw) != '"' {
		return "", fmt.Errorf("%s stands where a text is expected", Describe(raw))
	}
	if !utf8.Valid(raw) {
		return "", errors.New("a text is not UTF-8")
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

// loneSurrogate finds \uD800 to \uDFFF outside of a pair in a JSON string; -1: there is none.
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

// unit is the number in the four hex digits at the start of raw; 0 where there are none.
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

// Canonical is a value with its members sorted by the bytes of their names, no blanks, the
// shortest escapes, and numbers as they were written. Two values have the same canonical
// form when they say the same in the same digits. What Check refuses is refused.
func Canonical(value json.RawMessage) ([]byte, error) {
	if err := Check(value); err != nil {
		return nil, err
	}
	return appendCanonical(nil, bytes.TrimSpace(value))
}

func appendCanonical(dst, value []byte) ([]byte, error) {
	switch Kind(value) {
	case '{':
		f, err := FieldsOf(value)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(f, func(a, b Member) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
		dst = append(dst, '{')
		for i, m := range f {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendShortest(dst, m.Name), ':')
			if dst, err = appendCanonical(dst, m.Value); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	case '[':
		items, err := ListOf(value)
		if err != nil {
			return nil, err
		}
		dst = append(dst, '[')
		for i, item := range items {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = appendCanonical(dst, item); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case '"':
		text, err := TextOf(value)
		return appendShortest(dst, text), err
	}
	return append(dst, value...), nil
}

// appendShortest appends a JSON string with the shortest escapes.
func appendShortest(dst []byte, s string) []byte {
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
