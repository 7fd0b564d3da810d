package secret

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// introducer reports a byte that may begin an encoded character.
func introducer(c byte) bool { return introducers[c] }

var introducers = [256]bool{'%': true, '\\': true, '&': true, '=': true, '+': true}

// writing is one way to read the start of a text: n bytes of it stand for text.
type writing struct {
	n    int
	text []byte
}

// decode reads an encoded character: %41, %2541, =41, +, \u0041, \u{41}, \x41, \101, \/, &#65;, &#x41; or &amp;. It
// returns every way to read it, the longest encoding first.
func decode(data []byte) []writing {
	var one writing
	switch data[0] {
	case '%':
		return decodePercent(data)
	case '=': // quoted-printable
		if b, ok := hexByte(data[1:]); ok {
			one = writing{3, []byte{b}}
		}
	case '+': // of a form
		one = writing{1, []byte{' '}}
	case '\\':
		return decodeEscapes(data)
	case '&':
		one.n, one.text = decodeEntity(data)
	}
	if one.n == 0 {
		return nil
	}
	return []writing{one}
}

// mostTimes is how often a character may have been encoded repeatedly.
const mostTimes = 4

// decodePercent reads %41 and its repeated encodings: %2541, %252541.
func decodePercent(data []byte) (list []writing) {
	for at := 1; at < 2*mostTimes; at += 2 {
		b, ok := hexByte(data[min(at, len(data)):])
		if !ok {
			break
		}
		list = append([]writing{{at + 2, []byte{b}}}, list...)
		if b != '%' {
			break
		}
	}
	return list
}

// decodeEscapes reads an escape, and backslashes in front of one.
func decodeEscapes(data []byte) (list []writing) {
	if n, text := decodeEscape(data); n > 0 {
		list = append(list, writing{n, text})
	}
	run := 0
	for run < min(len(data), mostEscapes) && data[run] == '\\' {
		run++
	}
	for n := mostEscapes; n > 1; n /= 2 {
		if n <= run {
			list = append(list, writing{n, data[:1]})
		}
	}
	return list
}

func hexByte(data []byte) (byte, bool) {
	if len(data) < 2 {
		return 0, false
	}
	b, err := strconv.ParseUint(string(data[:2]), 16, 8)
	return byte(b), err == nil
}

// mostEscapes is how many backslashes may precede one character.
const mostEscapes = 16

// decodeEscape reads an escape of JSON or of a programming language, possibly escaped again.
func decodeEscape(data []byte) (n int, text []byte) {
	at := 0
	for at < min(len(data), mostEscapes) && data[at] == '\\' {
		at++
	}
	if at == len(data) {
		return 0, nil
	}
	switch c := data[at]; c {
	case 'u':
		return decodeUnicode(data, at+1)
	case 'x':
		if b, ok := hexByte(data[at+1:]); ok {
			return at + 3, []byte{b}
		}
	case '0', '1', '2', '3':
		if b, err := strconv.ParseUint(string(data[at:min(len(data), at+3)]), 8, 8); err == nil && at+3 <= len(data) {
			return at + 3, []byte{byte(b)}
		}
	case '/', '"', '\'':
		return at + 1, []byte{c}
	case 't':
		return at + 1, []byte{'\t'}
	}
	return 0, nil
}

// decodeUnicode reads four hex digits, twice four with \u between, or some in braces.
func decodeUnicode(data []byte, at int) (n int, text []byte) {
	if at < len(data) && data[at] == '{' {
		digits, _, _ := strings.Cut(string(data[at+1:min(len(data), at+longestEntity)]), "}")
		code, err := strconv.ParseUint(digits, 16, 32)
		if err != nil || at+len(digits)+2 > len(data) || data[at+len(digits)+1] != '}' {
			return 0, nil
		}
		return at + len(digits) + 2, utf8.AppendRune(nil, rune(code))
	}
	code, ok := unit(data, at)
	if !ok {
		return 0, nil
	}
	at += 4
	if code >= 0xd800 && code < 0xdc00 {
		rest := bytes.TrimLeft(data[at:], `\`)
		low, ok := unit(rest, 1)
		if !ok || rest[0] != 'u' || low < 0xdc00 || low > 0xdfff {
			return 0, nil
		}
		code = 0x10000 + (code-0xd800)<<10 + (low - 0xdc00)
		at = len(data) - len(rest) + 5
	}
	return at, utf8.AppendRune(nil, rune(code))
}

func unit(data []byte, at int) (uint64, bool) {
	if at+4 > len(data) {
		return 0, false
	}
	code, err := strconv.ParseUint(string(data[at:at+4]), 16, 32)
	return code, err == nil
}

const longestEntity = 12

// decodeEntity reads a character of HTML or XML.
func decodeEntity(data []byte) (n int, text []byte) {
	end := bytes.IndexByte(data[:min(len(data), longestEntity)], ';')
	if end < 0 {
		return 0, nil
	}
	decoded := html.UnescapeString(string(data[:end+1]))
	if decoded == string(data[:end+1]) {
		return 0, nil
	}
	return end + 1, []byte(decoded)
}

// lineBreak is the length of a line break at the start of data, plain or escaped, or of a separator between hex digits:
// a space, a colon, a comma, 0x.
func lineBreak(data []byte) int {
	for _, s := range []string{"\r\n", "\n", `\r\n`, `\n`, " ", ":", ",", "0x"} {
		if bytes.HasPrefix(data, []byte(s)) {
			return len(s)
		}
	}
	return 0
}
