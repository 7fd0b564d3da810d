package can

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// Diagnostic renders data, exactly one canonical value, for people (spec/can.md#diagnostic-notation): unsigned integers
// as 5, signed ones as +5 or -5, bytes as h'00ff', texts quoted, lists as [a, b], maps as {k: v}. A container that does
// not fit a line of 80 columns has one element a line. Nothing reads the notation back.
func Diagnostic(data []byte) (string, error) {
	v, err := Parse(data)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	v.diagnostic(&b, 0)
	return b.String(), nil
}

const diagnosticWidth = 80

func (v Value) diagnostic(b *strings.Builder, indent int) {
	line := v.line()
	if len(v.List)+len(v.Pairs) == 0 || indent+len(line) <= diagnosticWidth {
		b.WriteString(line)
		return
	}
	open, end := "[", "]"
	if v.Tag == TagMap {
		open, end = "{", "}"
	}
	b.WriteString(open)
	next := func() { b.WriteString("\n" + strings.Repeat(" ", indent+2)) }
	for _, e := range v.List {
		next()
		e.diagnostic(b, indent+2)
		b.WriteString(",")
	}
	for _, p := range v.Pairs {
		next()
		b.WriteString(p.Key.line() + ": ")
		p.Value.diagnostic(b, indent+2)
		b.WriteString(",")
	}
	b.WriteString("\n" + strings.Repeat(" ", indent) + end)
}

// line is the notation without line breaks.
func (v Value) line() string {
	switch v.Tag {
	case TagNull:
		return "null"
	case TagFalse, TagTrue:
		return strconv.FormatBool(v.Tag == TagTrue)
	case TagUint:
		return strconv.FormatUint(v.Uint, 10)
	case TagInt:
		if v.Int >= 0 {
			return "+" + strconv.FormatInt(v.Int, 10)
		}
		return strconv.FormatInt(v.Int, 10)
	case TagBytes:
		return "h'" + hex.EncodeToString(v.Bytes) + "'"
	case TagText:
		return strconv.Quote(string(v.Bytes))
	}
	parts := make([]string, 0, len(v.List)+len(v.Pairs))
	for _, e := range v.List {
		parts = append(parts, e.line())
	}
	for _, p := range v.Pairs {
		parts = append(parts, p.Key.line()+": "+p.Value.line())
	}
	if v.Tag == TagList {
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
