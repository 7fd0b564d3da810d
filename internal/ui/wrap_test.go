package ui

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

func TestFold(t *testing.T) {
	hash := strings.Repeat("0123456789abcdef", 4)
	for text, want := range map[string]string{
		"short":                       "short",
		"a word of many and the rest": "a word of many\n  and the rest",
		"receipt d84368367804d":       "receipt\n  d84368367804d",
		"see `mythos log --tool x` then `mythos status`": "see\n  `mythos log --tool x`\n  then\n  `mythos status`",
		"key " + hash + " is it":                         "key\n  " + hash + "\n  is it",
		"first\nsecond line that is long":                "first\nsecond line that\n  is long",
		"語語語語 語語語語 語語":                                   "語語語語\n  語語語語 語語",
		"\x1b[1mmythos:\x1b[0m a painted b":              "\x1b[1mmythos:\x1b[0m a\n  painted b",
	} {
		if got := fold(text, 16, "  "); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

// TestFailures: an error is folded only on a terminal, and a hint that is a command remains one line.
func TestFailures(t *testing.T) {
	text := strings.Repeat("word ", 30) + "end"
	for _, terminal := range []bool{true, false} {
		var b bytes.Buffer
		s := &Streams{Err: &b, ErrTTY: terminal}
		s.Fail(text, "mythos "+text)
		s.Fail("short", text)
		s.Notef("%s", text)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if terminal != (len(lines) == 10) || terminal == (len(lines) == 5) {
			t.Errorf("terminal %t: %d lines:\n%s", terminal, len(lines), b.String())
		}
		if !strings.Contains(b.String(), "  hint: mythos "+text+"\n") {
			t.Errorf("the command is in pieces:\n%s", b.String())
		}
	}
}

// TestNarrowTables: no row is wider than the terminal, whatever is in the columns.
func TestNarrowTables(t *testing.T) {
	var b bytes.Buffer
	s := &Streams{Out: &b, OutTTY: true, outWidth: 60}
	s.Table([]string{"id", "name", "by", "note"}, [][]Cell{
		{{Text: "0123456789ab"}, {Text: strings.Repeat("long-name-", 5)}, {Text: strings.Repeat("語", 20)}, {Text: "a note that has no end"}},
		{{Text: "0123456789ab"}, {Text: "x"}, {Text: "y"}, {Text: "z"}},
	})
	for line := range strings.Lines(b.String()) {
		if w := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); w > 60 {
			t.Errorf("%d columns: %s", w, line)
		}
	}
	if !strings.Contains(b.String(), "0123456789ab  long-") {
		t.Errorf("the narrow column was cut:\n%s", b.String())
	}
}

func TestFields(t *testing.T) {
	var b bytes.Buffer
	s := &Streams{Out: &b, OutTTY: true, outWidth: 80}
	s.Fields("", []byte(`{"tool_id":"`+strings.Repeat("ab", 32)+`","n":18446744073709551615,"safe":true,"argv":["wc","-l"],"module":{"kind":2,"limits":null},"none":[]}`))
	want := "tool id  abababababab\nn  18446744073709551615\nsafe  yes\nargv\n  -  wc\n  -  -l\nmodule\n  kind  2\n  limits  none\nnone\n"
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}
