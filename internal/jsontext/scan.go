package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

var errSyntax = errors.New("it is not JSON")

// scanner goes through the text of a value. It finds where values end in any bytes; encoding/json decides whether the
// text between is JSON.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) blank() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek returns the next byte; 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// next skips a byte if it is the expected one.
func (s *scanner) next(b byte) bool {
	if s.peek() != b || s.at >= len(s.text) {
		return false
	}
	s.at++
	return true
}

// end returns an error unless only white space is left.
func (s *scanner) end() error {
	if s.blank(); s.at < len(s.text) {
		return fmt.Errorf("%w: something follows the value", errSyntax)
	}
	return nil
}

// members calls fn with each member of an object, after its opening brace.
func (s *scanner) members(fn func(name string, value json.RawMessage) error) error {
	for s.blank(); !s.next('}'); s.blank() {
		begin := s.at
		if s.skip(); s.at == begin || s.text[begin] != '"' {
			return errSyntax
		}
		name, err := TextOf(s.text[begin:s.at])
		if err != nil {
			return err
		}
		if s.blank(); !s.next(':') {
			return errSyntax
		}
		value, err := s.value()
		if err == nil {
			err = fn(name, value)
		}
		if err != nil {
			return err
		}
		if s.blank(); s.next(',') {
			if s.blank(); s.peek() == '}' {
				return errSyntax
			}
		} else if s.peek() != '}' {
			return errSyntax
		}
	}
	return nil
}

// items calls fn with each item of a list, after its opening bracket.
func (s *scanner) items(fn func(value json.RawMessage) error) error {
	for s.blank(); !s.next(']'); s.blank() {
		value, err := s.value()
		if err == nil {
			err = fn(value)
		}
		if err != nil {
			return err
		}
		if s.blank(); s.next(',') {
			if s.blank(); s.peek() == ']' {
				return errSyntax
			}
		} else if s.peek() != ']' {
			return errSyntax
		}
	}
	return nil
}

// value returns the next value.
func (s *scanner) value() (json.RawMessage, error) {
	s.blank()
	begin := s.at
	if s.skip(); s.at == begin {
		return nil, errSyntax
	}
	return s.text[begin:s.at:s.at], nil
}

// skip skips a value: a string, everything between a pair of brackets, or a word.
func (s *scanner) skip() {
	depth := 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			s.skipText()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			if depth == 0 {
				return
			}
			depth--
			s.at++
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return
			}
			s.at++
			continue
		default:
			s.skipWord()
		}
		if depth == 0 {
			return
		}
	}
}

func (s *scanner) skipText() {
	for s.at++; s.at < len(s.text) && s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at = min(s.at+1, len(s.text))
}

func (s *scanner) skipWord() {
	for s.at < len(s.text) && bytes.IndexByte([]byte(",:]}[{\" \t\n\r"), s.text[s.at]) < 0 {
		s.at++
	}
}

// maxDepth is the maximum nesting of objects and lists.
const maxDepth = 500

// Check refuses what different programs read differently: invalid UTF-8, half of a surrogate pair, an object with
// duplicate members, anything after the value, and nesting deeper than 500. It does not check names.
func Check(data []byte) error {
	if bytes.HasPrefix(data, byteOrderMark) {
		return errors.New("it begins with a byte order mark")
	}
	if !utf8.Valid(data) {
		return fmt.Errorf("it is not UTF-8 (byte %d), which JSON is", 1+firstInvalid(data))
	}
	if !json.Valid(data) {
		return invalid(data)
	}
	s := scanner{text: data}
	return s.check(0)
}

func firstInvalid(data []byte) int {
	at := 0
	for at < len(data) {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}

// invalid says what encoding/json finds wrong, and where.
func invalid(data []byte) error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(data, new(json.RawMessage))
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w (byte %d): %w", errSyntax, syntax.Offset, err)
	}
	return fmt.Errorf("%w: %w", errSyntax, err)
}

// check walks down a value that is valid JSON, once.
func (s *scanner) check(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("more than %d objects and lists inside one another", maxDepth)
	}
	switch s.blank(); s.peek() {
	case '{':
		return s.checkObject(depth)
	case '[':
		s.at++
		for s.blank(); !s.next(']'); s.blank() {
			if err := s.check(depth + 1); err != nil {
				return err
			}
			s.blank()
			s.next(',')
		}
	case '"':
		_, err := s.checkText()
		return err
	default:
		s.skipWord()
	}
	return nil
}

func (s *scanner) checkObject(depth int) error {
	s.at++
	var seen names
	for s.blank(); !s.next('}'); s.blank() {
		raw, err := s.checkText()
		if err != nil {
			return err
		}
		name := string(raw[1 : len(raw)-1])
		if bytes.IndexByte(raw, '\\') >= 0 {
			if name, err = TextOf(raw); err != nil {
				return err
			}
		}
		if !seen.add(name) {
			return twice(name)
		}
		s.blank()
		s.next(':')
		if err := s.check(depth + 1); err != nil {
			return err
		}
		s.blank()
		s.next(',')
	}
	return nil
}

func (s *scanner) checkText() (json.RawMessage, error) {
	begin := s.at
	s.skipText()
	raw := s.text[begin:s.at]
	if at := loneSurrogate(raw); at >= 0 {
		return nil, fmt.Errorf("byte %d: %w", begin+at+1, errSurrogate)
	}
	return raw, nil
}
