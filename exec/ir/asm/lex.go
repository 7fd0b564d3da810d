package asm

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mythos-project/mythos/object"
)

// SyntaxError is a fault at one place of an assembler text.
type SyntaxError struct {
	Line, Col int // from 1; columns count characters
	Msg       string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Col, e.Msg)
}

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokNewline
	tokWord   // name: letters, digits, '_', '.', '-', not starting with a digit or '-'
	tokNumber // 12
	tokSigned // +12, -12
	tokString // "text"
	tokBytes  // x"hex"
	tokConst  // $name
	tokNode   // &name
	tokLabel  // @name
	tokHash   // #hex or #"label"
	tokPunct  // { } [ ] ( ) , : ? ->
)

var tokenNames = [...]string{
	"the end", "the end of the line", "a name", "a number", "a signed number", "a string",
	`bytes like x"00ff"`, "a constant like $name", "a node like &name", "a label like @name", "a hash like #hex", "punctuation",
}

// token is one word of the text. text is the name without its sigil, the digits,
// the unquoted string or bytes, or the punctuation.
type token struct {
	kind      tokenKind
	text      string
	hash      object.Hash // of tokHash
	line, col int
}

func (t token) fail(format string, args ...any) error {
	return &SyntaxError{t.line, t.col, fmt.Sprintf(format, args...)}
}

func (t token) String() string {
	switch t.kind {
	case tokWord, tokNumber, tokSigned, tokPunct:
		return strconv.Quote(t.text)
	}
	return tokenNames[t.kind]
}

// lexer splits a text into tokens. It ignores newlines inside brackets.
type lexer struct {
	src     string
	pos     int
	line    int
	counted int // end of the part of the line whose characters are counted
	chars   int
	open    int // brackets
}

const maxSource = 64 << 20 // bytes of assembler text

func lex(src string) ([]token, error) {
	l := &lexer{src: src, line: 1}
	if len(src) > maxSource || !utf8.ValidString(src) {
		return nil, &SyntaxError{1, 1, fmt.Sprintf("the text is not UTF-8, or longer than %d bytes", maxSource)}
	}
	var toks []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		toks = append(toks, t)
		if t.kind == tokEOF {
			return toks, nil
		}
	}
}

func (l *lexer) at(kind tokenKind, start int) token {
	// Tokens come in order, so each character of a line is counted once, however long the line is.
	l.chars += utf8.RuneCountInString(l.src[l.counted:start])
	l.counted = start
	return token{kind: kind, text: l.src[start:l.pos], line: l.line, col: l.chars + 1}
}

func (l *lexer) next() (token, error) {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\r':
			l.pos++
		case c == ';':
			for l.pos < len(l.src) && l.src[l.pos] != '\n' {
				l.pos++
			}
		case c == '\n':
			t := l.at(tokNewline, l.pos)
			l.pos++
			l.line, l.counted, l.chars = l.line+1, l.pos, 0
			if l.open == 0 {
				return t, nil
			}
		default:
			return l.word()
		}
	}
	return l.at(tokEOF, l.pos), nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '.' }

// isName reports whether s is a name that needs no quotes.
func isName(s string) bool {
	if s == "" || !isLetter(s[0]) || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		if !isLetter(s[i]) && !isDigit(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

func (l *lexer) name() {
	for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos]) || l.src[l.pos] == '-') {
		l.pos++
	}
}

func (l *lexer) digits() {
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
}

func (l *lexer) word() (token, error) {
	start := l.pos
	c := l.src[start]
	l.pos++
	switch {
	case c == '"':
		return l.quoted(tokString, start, start)
	case c == 'x' && strings.HasPrefix(l.src[l.pos:], `"`):
		return l.quoted(tokBytes, start, start+1)
	case c == '#':
		return l.hash(start)
	case isLetter(c):
		l.name()
		return l.at(tokWord, start), nil
	case isDigit(c):
		l.digits()
		return l.at(tokNumber, start), nil
	case c == '-' && strings.HasPrefix(l.src[l.pos:], ">"):
		l.pos++
		return l.at(tokPunct, start), nil
	case c == '+' || c == '-':
		l.digits()
		return l.at(tokSigned, start), nil
	}
	if kind, ok := map[byte]tokenKind{'$': tokConst, '&': tokNode, '@': tokLabel}[c]; ok {
		l.name()
		t := l.at(kind, start)
		t.text = t.text[1:]
		return t, nil
	}
	return l.punct(c, start)
}

func (l *lexer) punct(c byte, start int) (token, error) {
	switch c {
	case '{', '[', '(':
		l.open++
	case '}', ']', ')':
		l.open = max(l.open-1, 0)
	case ',', ':', '?':
	default:
		_, size := utf8.DecodeRuneInString(l.src[start:])
		l.pos = start + size
		t := l.at(tokPunct, start)
		return t, t.fail("unexpected %q", t.text)
	}
	return l.at(tokPunct, start), nil
}

// quoted reads a string whose opening quote is at from.
func (l *lexer) quoted(kind tokenKind, start, from int) (token, error) {
	l.pos = from + 1
	for l.pos < len(l.src) && l.src[l.pos] != '"' && l.src[l.pos] != '\n' {
		if l.src[l.pos] == '\\' {
			l.pos++
		}
		l.pos++
	}
	if l.pos >= len(l.src) || l.src[l.pos] != '"' {
		l.pos = min(l.pos, len(l.src))
		return token{}, l.at(kind, start).fail("the string does not end on its line")
	}
	l.pos++
	t := l.at(kind, start)
	text, err := strconv.Unquote(l.src[from:l.pos])
	if err != nil {
		return t, t.fail("the string has an escape that does not exist")
	}
	if kind == tokBytes {
		raw, err := hex.DecodeString(text)
		if err != nil {
			return t, t.fail("bytes are written as pairs of hex digits")
		}
		text = string(raw)
	} else if !utf8.ValidString(text) {
		return t, t.fail("the string is not UTF-8")
	}
	t.text = text
	return t, nil
}

// hash reads #hex, or #"label" for the hash of a label's bytes. It refuses a label that is itself an id, because nobody
// means its hash.
func (l *lexer) hash(start int) (token, error) {
	if strings.HasPrefix(l.src[l.pos:], `"`) {
		t, err := l.quoted(tokHash, start, l.pos)
		if _, id := object.ParseHash(t.text); err == nil && id == nil {
			return t, t.fail("#\"...\" is the hash of a label, and this label is 64 hex digits: an id stands without quotation marks, #%s...", t.text[:12])
		}
		t.hash = object.SumText(t.text)
		return t, err
	}
	l.name0()
	t := l.at(tokHash, start)
	h, err := object.ParseHash(t.text[1:])
	if err != nil {
		return t, t.fail("a hash has 64 hex digits, or is a quoted label: %v", err)
	}
	t.hash = h
	return t, nil
}

func (l *lexer) name0() {
	for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos])) {
		l.pos++
	}
}
