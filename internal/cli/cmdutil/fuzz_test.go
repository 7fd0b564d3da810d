package cmdutil

import (
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
)

// FuzzValues: values of flags are bounded, and their printed form reads as the same value.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"4MiB", "0", "1h30m", "0:0", "7:9", "-1:2", "now", "7d", "2026-01-02", "1e9", "9223372036854775807", "-9223372036854775808", "KiB"} {
		f.Add(s)
	}
	factory := &Factory{Now: func() object.Time { return object.Time(1e15) }}
	f.Fuzz(func(t *testing.T, text string) {
		var size, size2 Size
		if size.Set(text) == nil && (size2.Set(size.String()) != nil || size2 != size) {
			t.Fatalf("%q is written %q", text, size.String())
		}
		var d Duration
		if d.Set(text) == nil && time.Duration(d) < 0 {
			t.Fatalf("%q is %s", text, d.String())
		}
		if off, n, err := ParseRange(text); err == nil && (off < 0 || n < 0) {
			t.Fatalf("%q is %d and %d", text, off, n)
		}
		_, _ = factory.Time("--at", When(text))
		_, _ = factory.Moment("--at", When(text))
	})
}
