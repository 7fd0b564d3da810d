package ui

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestNotesAreHarmless: what strangers say cannot forge a line, move the cursor or erase the
// screen.
func TestNotesAreHarmless(t *testing.T) {
	var b bytes.Buffer
	s := &Streams{Err: &b, Verbose: true}
	s.Notef("%s: %v", "tool \x1b[2J\x1b]0;title\a", errors.New("first\nmythos: ok\x1b[1A"))
	s.Debugf("%d %s", 7, "line one\n  line two\twide")
	got := b.String()
	if strings.ContainsAny(got, "\x1b\a\t") || strings.Contains(got, "\nmythos: ok") {
		t.Errorf("%q", got)
	}
	if !strings.Contains(got, "7 line one\n  line two    wide") {
		t.Errorf("%q", got)
	}
	b.Reset()
	s.Notef("%s", "\x1b[38;5;78mholds\x1b[0m \x1b[2K")
	if got := b.String(); !strings.HasPrefix(got, "\x1b[38;5;78mholds\x1b[0m ") || strings.Contains(got, "\x1b[2K") {
		t.Errorf("%q", got)
	}
}
