package ui

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestNotesAreHarmless: foreign text cannot forge a line, move the cursor or erase the screen.
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
	holds := paint(Good, "holds")
	s.Notef("%s", holds+" \x1b[2K\x1b[8m")
	if got := b.String(); !strings.HasPrefix(got, holds+" ") || strings.Contains(got, "\x1b[2K") || strings.Contains(got, "\x1b[8m") {
		t.Errorf("%q", got)
	}
}

// named is a value of some package with a String method.
type named struct{ hint string }

func (n named) String() string { return n.hint }

type kind string

// TestResultsAreHarmless: whatever kind of value contains a foreign text, it cannot control a terminal, and what is
// painted here keeps its colours. Bytes for programs go to a pipe unchanged.
func TestResultsAreHarmless(t *testing.T) {
	const foreign = "a\x1b[8mb\x1b[2Jc\rd\u009b31me\u202ef\x9bg"
	for _, tty := range []bool{false, true} {
		var out bytes.Buffer
		s := &Streams{Out: &out, Err: io.Discard, OutTTY: tty, Color: tty}
		s.Printf("%s|%v|%s|%v|%s\n", foreign, errors.New(foreign), named{foreign}, &named{foreign}, kind(foreign))
		s.Printf("%s %d\n", s.Paint(Bad, "ours"), 7)
		if tty {
			s.Printf("%s\n", []byte(foreign))
			s.Text(foreign)
		}
		want := s.Paint(Bad, "ours")
		if !strings.Contains(out.String(), want+" 7\n") {
			t.Errorf("%q lacks %q", out.String(), want)
		}
		for _, r := range strings.ReplaceAll(out.String(), want, "") {
			if r != '\n' && !unicode.IsPrint(r) || r == utf8.RuneError {
				t.Fatalf("%U in %q", r, out.String())
			}
		}
	}
	var out bytes.Buffer
	s := &Streams{Out: &out}
	s.Text(foreign)
	s.Printf("%s", []byte(foreign))
	if out.String() != foreign+foreign {
		t.Errorf("a pipe gets %q", out.String())
	}
}
