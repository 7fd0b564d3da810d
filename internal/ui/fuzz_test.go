package ui

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzClean: foreign text cannot control a terminal.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"a\x1b[31mb", "\u202eabc", "a\rb", "\u009b31m", "x\u200b", "\x9b31m", "a\u2028b", "\u2066x", "e\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(Clean(text)) || !utf8.ValidString(CleanLines(text)) {
			t.Fatalf("%q keeps bytes that are no UTF-8", text)
		}
		for _, r := range Clean(text) {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
				t.Fatalf("%U in %q", r, Clean(text))
			}
		}
		for _, r := range CleanLines(text) {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Fatalf("%U in %q", r, CleanLines(text))
			}
		}
	})
}
