package units

import (
	"testing"
	"time"
)

func TestUnits(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "7": 7, "7B": 7, "10MiB": 10 << 20, "1K": 1024, "1kB": 1000, "2TiB": 2 << 40, "3GB": 3e9} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("size %s: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]time.Duration{"1h": time.Hour, "30d": 720 * time.Hour, "1h30m": 90 * time.Minute, "5ms": 5 * time.Millisecond, "7us": 7 * time.Microsecond, "0s": 0} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("duration %s: %s, %v", text, got, err)
		}
		if again, err := ParseDuration(FormatDuration(got)); err != nil || again != got {
			t.Errorf("duration %s prints as %s", text, FormatDuration(got))
		}
	}
	for _, text := range []string{"", "h", "1", "1x", "1h3", "-1h", "106751992d", "1.5h", "1 h"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q was read as %s", text, d)
		}
	}
}

func TestFlags(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1d12h": 36 * time.Hour, "0.5s": 500 * time.Millisecond, "1.5h": 90 * time.Minute, "0": 0} {
		if got, err := ParseSpan(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "7", "-1h", "1.5d", "106752d", "h"} {
		if got, err := ParseSpan(text); err == nil {
			t.Errorf("%q was read as %s", text, got)
		}
	}
}

func TestCount(t *testing.T) {
	got := Count(0, "call") + ", " + Count(uint16(1), "call") + ", " + Count(uint64(2), "call") + ", " + Count(1, "entry", "entries") + ", " + Count(3, "entry", "entries")
	if got != "0 calls, 1 call, 2 calls, 1 entry, 3 entries" {
		t.Error(got)
	}
}
