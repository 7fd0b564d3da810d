package object

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable reports whether a terminal shows s as it is.
func Printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Shown returns s for display: in quotes when a terminal could misread it.
func Shown(s string) string {
	if Printable(s) {
		return s
	}
	return fmt.Sprintf("%q", s)
}

// Name names an agent for people: its hint, which anybody can choose, and the start of its key.
func (a AgentID) Name() string {
	key := a.KeyHex()[:12]
	if a.Hint == "" {
		return "agent " + key
	}
	return Shown(a.Hint) + " (" + key + ")"
}
