package object

import "testing"

// FuzzForms: times, hashes and keys are written as they were read.
func FuzzForms(f *testing.F) {
	for _, s := range []string{"2026-01-02T03:04:05.000006Z", "1969-12-31T23:59:59Z", "2026-01-02T03:04:05+02:00", "AB", "0x00", "9999-12-31T23:59:59.999999Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, err := ParseTime(text); err == nil {
			if again, err := ParseTime(at.String()); err != nil || again != at {
				t.Fatalf("%q is written %q: %v", text, at, err)
			}
		}
		if h, err := ParseHash(text); err == nil {
			if again, err := ParseHash(h.String()); err != nil || again != h {
				t.Fatalf("%q: %v", text, err)
			}
		}
		if a, err := ParseKey(text); err == nil && len(a.KeyHex()) != 64 {
			t.Fatalf("%q", text)
		}
	})
}

// FuzzYAML: a document that is YAML is read, or refused, without panic.
func FuzzYAML(f *testing.F) {
	f.Add([]byte("a: 1\nb: [x, null]\n"))
	f.Add([]byte("a: &x 1\nb: *x\n"))
	f.Add([]byte("<<: {a: 1}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = parseYAML(data) })
}
