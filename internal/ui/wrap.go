package ui

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"sync"

	"github.com/mattn/go-runewidth"
)

// Wrap writes text after a head: on a terminal in lines of its width, all aligned with the first word of the text,
// otherwise in one line.
func (s *Streams) Wrap(head, text string) {
	if text = head + text; s.OutTTY {
		text = fold(text, s.Width(), strings.Repeat(" ", columns(head)))
	}
	s.Printf("%s\n", text)
}

// foldErr is fold for Err: for a pipe, text is not changed.
func (s *Streams) foldErr(text, indent string) string {
	if !s.ErrTTY {
		return text
	}
	return fold(text, s.Width(), indent)
}

// word matches what a line is not broken inside: a command in backticks, which somebody copies, or a text without
// spaces.
var word = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("[^\\s`]*`[^`\n]*`[^\\s`]*|\\S+") })

// fold breaks the lines of text that are wider than width between words, and indents what follows a break. A word wider
// than a line remains whole, and the terminal breaks it: so it can be copied as one.
func fold(text string, width int, indent string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if columns(line) > width {
			lines[i] = foldLine(line, width, indent)
		}
	}
	return strings.Join(lines, "\n")
}

func foldLine(line string, width int, indent string) string {
	var b strings.Builder
	used, end := 0, 0
	for _, at := range word().FindAllStringIndex(line, -1) {
		space, text := line[end:at[0]], line[at[0]:at[1]]
		end = at[1]
		if used > 0 && used+len(space)+columns(text) > width {
			b.WriteString("\n" + indent)
			used, space = columns(indent), ""
		}
		b.WriteString(space + text)
		used += len(space) + columns(text)
	}
	return b.String()
}

// columns returns how wide painted text is.
func columns(text string) int {
	return runewidth.StringWidth(painted().ReplaceAllString(text, ""))
}

// Fields writes a JSON object for people: one line per field, its name before its value, hashes shortened.
func (s *Streams) Fields(indent string, view []byte) {
	dec := json.NewDecoder(bytes.NewReader(view))
	dec.UseNumber() // numbers are not changed
	s.value(dec, indent, "")
}

// value writes the next value of dec under a label. The names of a JSON object keep their order, which a map would
// lose.
func (s *Streams) value(dec *json.Decoder, indent, label string) {
	token, err := dec.Token()
	if err != nil {
		return
	}
	opening, nested := token.(json.Delim)
	if label != "" {
		label = s.Paint(Dim, label) + "  "
	}
	if !nested {
		s.Wrap(indent, label+s.Hashes(Clean(scalar(token))))
		return
	}
	if label != "" {
		s.Printf("%s\n", strings.TrimRight(indent+label, " "))
		indent += "  "
	}
	for dec.More() {
		name := "-"
		if opening == '{' {
			token, err := dec.Token()
			if err != nil {
				return
			}
			name = strings.ReplaceAll(Clean(scalar(token)), "_", " ")
		}
		s.value(dec, indent, name)
	}
	_, _ = dec.Token() // the end, which well-formed input has
}

// longHex matches hex that is longer than a hash: signatures and other bytes.
var longHex = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{12})[0-9a-f]{53,}$`) })

func scalar(token json.Token) string {
	switch v := token.(type) {
	case string:
		return longHex().ReplaceAllString(v, "$1…")
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "yes"
		}
		return "no"
	}
	return "none"
}
