package help

import (
	"strings"
	"unicode/utf8"
)

// wrap breaks text into lines of at most Columns; each line but the first begins with indent. A word longer than a line
// gets a line of its own.
func wrap(first, indent, text string) []string {
	var lines []string
	line, empty := first, true
	for word := range strings.FieldsSeq(text) {
		if !empty && utf8.RuneCountInString(line+" "+word) > Columns {
			lines = append(lines, line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return append(lines, line)
}

// broken formats a command line behind a label: a line that is too long ends with a backslash, between two words of the
// shell.
func broken(label, command string) []string {
	const goesOn = ` \`
	var lines []string
	line, empty := label, true
	for _, word := range shellWords(command) {
		if !empty && utf8.RuneCountInString(line+" "+word+goesOn) > Columns {
			lines = append(lines, line+goesOn)
			line, empty = strings.Repeat(" ", len(label)+2), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return append(lines, line)
}

// shellWords splits a command line at spaces outside quotation marks and parentheses.
func shellWords(command string) []string {
	var words []string
	var quote rune
	depth, start := 0, 0
	for i, r := range command {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ' ' && depth == 0:
			words, start = append(words, command[start:i]), i+1
		}
	}
	return append(words, command[start:])
}

// paragraphs are the parts of a long description: lines that begin with a space and empty lines stay unchanged, the
// others are filled.
func paragraphs(text string) []string {
	var parts []string
	flowing := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		plain := line != "" && line[0] != ' '
		if plain && flowing {
			parts[len(parts)-1] += " " + line
		} else {
			parts = append(parts, line)
		}
		flowing = plain
	}
	return parts
}

// flow fills a paragraph.
func flow(paragraph string) []string {
	if strings.HasPrefix(paragraph, " ") {
		indent := paragraph[:len(paragraph)-len(strings.TrimLeft(paragraph, " "))]
		if utf8.RuneCountInString(paragraph) <= Columns {
			return []string{paragraph}
		}
		return wrap(indent, indent+"  ", paragraph)
	}
	return wrap("", "", paragraph)
}

// whole formats a long description.
func whole(text string) []string {
	var lines []string
	for _, p := range paragraphs(text) {
		lines = append(lines, flow(p)...)
	}
	return lines
}

// beginning is as much of a long description as fits the rows: whole paragraphs, and the first sentences of the first
// paragraph that does not fit.
func beginning(text string, rows int) []string {
	var lines []string
	for _, p := range paragraphs(text) {
		if next := flow(p); len(lines)+len(next) <= rows {
			lines = append(lines, next...)
			continue
		}
		return append(lines, sentences(p, rows-len(lines))...)
	}
	return lines
}

// sentences are the first sentences of a paragraph, as many as fit the rows.
func sentences(p string, rows int) []string {
	for end := strings.LastIndex(p, ". "); end > 0; end = strings.LastIndex(p[:end], ". ") {
		if next := flow(p[:end+1]); p[0] != ' ' && len(next) <= rows {
			return next
		}
	}
	return nil
}
