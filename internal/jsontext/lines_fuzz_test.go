package jsontext

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

// FuzzLines: lines are text, in order, and only white space is left out.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"a\nb\r\n\nc", "\xef\xbb\xbfa\n", "a\x00\n", "\xff\xfea\x00", "{\"a\":1}\n{\"A\":2}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		last, got := 0, 0
		err := Lines(bytes.NewReader(data), func(n int, line string) error {
			if n <= last || line == "" || !utf8.ValidString(line) {
				t.Fatalf("line %d after %d: %q", n, last, line)
			}
			last, got = n, got+len(bytes.Join(bytes.Fields([]byte(line)), nil))
			return nil
		})
		if err != nil {
			return
		}
		if want := len(bytes.Join(bytes.Fields(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))), nil)); got != want {
			t.Fatalf("%d of %d bytes", got, want)
		}
	})
}
