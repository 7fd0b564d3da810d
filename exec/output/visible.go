package output

import (
	"bytes"
	"strconv"
	"strings"
)

// Visible is foreign text on one line, for an error. Unprintable characters are escaped.
func Visible(text []byte) string {
	text = bytes.TrimSpace(text)
	quoted := strconv.Quote(strings.ToValidUTF8(string(text), "\uFFFD"))
	quoted = strings.ReplaceAll(quoted[1:len(quoted)-1], `\n`, " | ")
	return strings.ReplaceAll(strings.ReplaceAll(quoted, `\"`, `"`), `\\`, `\`)
}
