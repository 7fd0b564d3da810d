// Package wat assembles modules of WebAssembly from the part of its text format that the
// shipped modules are written in. A text has exactly one module:
//
//	(module
//	  (import "MODULE" "NAME" (func $f (param i32 ...) (result i32)))
//	  (memory (export "memory") PAGES)
//	  (func $f (export "NAME") (param $p i32) (result i32) (local $l i64)
//	    INSTRUCTION ...))
//
// An instruction is folded or stands by itself; block, loop and if are folded, and their
// labels have names. Functions, parameters and locals are called by their names. There are no
// tables, globals, data or custom sections. Numbers have the shortest encoding, so that the
// module has the bytes that wabt's wat2wasm gives for the same text.
package wat

import (
	"errors"
	"fmt"
	"strings"
)

// ErrText means that a text is not in this part of the format.
var ErrText = errors.New("not a module that this assembler knows")

// node is a list, a word or a string.
type node struct {
	list   []node
	word   string
	quoted bool
	line   int
}

func (n node) fail(format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %s", ErrText, n.line, fmt.Sprintf(format, args...))
}

// head returns the first word of a list.
func (n node) head() string {
	if len(n.list) == 0 || n.list[0].quoted {
		return ""
	}
	return n.list[0].word
}

// parse reads the single list in a text.
func parse(text string) (node, error) {
	stack := []node{{}}
	line := 1
	for text != "" {
		top := &stack[len(stack)-1]
		switch c := text[0]; {
		case c == '\n':
			line++
			text = text[1:]
		case c == ' ' || c == '\t':
			text = text[1:]
		case strings.HasPrefix(text, ";;"):
			end := strings.IndexByte(text, '\n')
			if end < 0 {
				end = len(text)
			}
			text = text[end:]
		case c == '(':
			stack = append(stack, node{line: line})
			text = text[1:]
		case c == ')':
			if len(stack) == 1 {
				return node{}, node{line: line}.fail("a parenthesis is closed that was not opened")
			}
			done := *top
			stack = stack[:len(stack)-1]
			up := &stack[len(stack)-1]
			up.list = append(up.list, done)
			text = text[1:]
		case c == '"':
			inside, rest, closed := strings.Cut(text[1:], `"`)
			if !closed || strings.ContainsAny(inside, "\\\n") {
				return node{}, node{line: line}.fail("a string is not closed, or has an escape")
			}
			top.list = append(top.list, node{word: inside, quoted: true, line: line})
			text = rest
		default:
			end := strings.IndexAny(text, " \t\n();\"")
			if end < 0 {
				end = len(text)
			}
			if end == 0 {
				return node{}, node{line: line}.fail("%q is not expected", text[:1])
			}
			top.list = append(top.list, node{word: text[:end], line: line})
			text = text[end:]
		}
	}
	if len(stack) != 1 || len(stack[0].list) != 1 {
		return node{}, node{line: line}.fail("one list is expected, every parenthesis closed")
	}
	return stack[0].list[0], nil
}
