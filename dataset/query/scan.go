package query

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// maxBrackets is how deep brackets may nest in a query.
const maxBrackets = 64

// prepared is a query text in the form for the parser. Two things that the parser does not know are replaced by others
// of the same length, so that positions stay valid. A time without quotes becomes a name; the ")" of a range [from, to)
// becomes a "]".
type prepared struct {
	text   []rune
	times  map[int]string // by position
	ranges map[int]bool   // positions of the "[" of ranges
}

var timeLiteral = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))?`)
})

// scanner walks over a query text, skipping strings and comments.
type scanner struct {
	prepared
	open []int // positions of open brackets
	word bool  // the previous rune belongs to a name or number
}

func prepare(text string) (prepared, error) {
	s := &scanner{prepared: prepared{text: []rune(text), times: map[int]string{}, ranges: map[int]bool{}}}
	for at := 0; at < len(s.text); {
		n, err := s.step(at)
		if err != nil {
			return prepared{}, err
		}
		at += n
	}
	return s.prepared, nil
}

// step processes the text at a position and returns its length.
func (s *scanner) step(at int) (int, error) {
	r := s.text[at]
	before := s.word
	s.word = r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127
	switch {
	case r == '"' || r == '\'' || r == '`':
		return s.quoted(at), nil
	case r == '/' && s.at(at+1) == '/':
		return s.until(at, "\n"), nil
	case r == '/' && s.at(at+1) == '*':
		return s.until(at+2, "*/") + 2, nil
	case r >= '0' && r <= '9' && !before:
		return s.time(at), nil
	case strings.ContainsRune("([{", r):
		if s.open = append(s.open, at); len(s.open) > maxBrackets {
			return 0, s.fail(at, "more than %d brackets inside one another", maxBrackets)
		}
	case strings.ContainsRune(")]}", r) && len(s.open) > 0:
		return 1, s.close(at)
	}
	return 1, nil
}

func (s *scanner) at(i int) rune {
	if i < len(s.text) {
		return s.text[i]
	}
	return 0
}

func (s *scanner) close(at int) error {
	from := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	switch {
	case s.text[from] == '[' && s.text[at] == ')':
		s.text[at] = ']'
		s.ranges[from] = true
	case s.text[from] == '(' && s.text[at] == ']':
		return s.fail(from, "ranges are half-open: [from, to)")
	}
	return nil
}

// quoted is the length of a string.
func (s *scanner) quoted(at int) int {
	for i := at + 1; i < len(s.text); i++ {
		switch {
		case s.text[i] == '\\' && s.text[at] != '`':
			i++
		case s.text[i] == s.text[at]:
			return i + 1 - at
		}
	}
	return len(s.text) - at
}

// until is the length up to and including the end mark.
func (s *scanner) until(at int, mark string) int {
	rest := string(s.text[min(at, len(s.text)):])
	i := strings.Index(rest, mark)
	if i < 0 {
		return len([]rune(rest))
	}
	return len([]rune(rest[:i+len(mark)]))
}

// time replaces a time by a name of the same length.
func (s *scanner) time(at int) int {
	rest := string(s.text[at:min(at+40, len(s.text))])
	found := timeLiteral().FindString(rest)
	if found == "" {
		return 1
	}
	s.times[at] = found
	for i := range len(found) {
		s.text[at+i] = '_'
	}
	s.word = true
	return len(found)
}

func (s *scanner) fail(at int, format string, args ...any) error {
	return newError(s.text, at, fmt.Sprintf(format, args...))
}

// newError places a reason at a rune of the text.
func newError(text []rune, at int, reason string) error {
	e := &Error{Line: 1, Column: 1, Reason: reason}
	for _, r := range text[:min(max(at, 0), len(text))] {
		e.Column++
		if r == '\n' {
			e.Line, e.Column = e.Line+1, 1
		}
	}
	return e
}
