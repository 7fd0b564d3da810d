package cmdutil

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
)

// Size is a flag value of bytes: 4096, 64KiB, 4MiB, 1GiB (or K, M, G for the same).
type Size uint64

// String implements pflag.Value.
func (s *Size) String() string {
	n := uint64(*s)
	for _, u := range []struct {
		name string
		of   uint64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.of && n%u.of == 0 {
			return fmt.Sprintf("%d%s", n/u.of, u.name)
		}
	}
	return strconv.FormatUint(n, 10)
}

// Set implements pflag.Value.
func (s *Size) Set(text string) error {
	digits := strings.TrimRight(text, "KMGiB")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return fmt.Errorf("%q is no size: expected bytes, or a number with KiB, MiB or GiB", text)
	}
	shift := map[string]int{"": 0, "B": 0, "K": 10, "KiB": 10, "M": 20, "MiB": 20, "G": 30, "GiB": 30}
	by, ok := shift[text[len(digits):]]
	if !ok || n > 1<<(63-by)-1 {
		return fmt.Errorf("%q is no size: expected bytes, or a number with KiB, MiB or GiB", text)
	}
	*s = Size(n << by)
	return nil
}

// Type implements pflag.Value.
func (s *Size) Type() string { return "size" }

// Duration is a flag value of time: 90s, 1h30m, 1d12h, 0.5s.
type Duration time.Duration

// String implements pflag.Value.
func (d *Duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

// Set implements pflag.Value.
func (d *Duration) Set(text string) error {
	v, err := caps.ParseDuration(text) // the grammar of scopes and settings
	if err != nil {
		v, err = time.ParseDuration(text) // and fractions
	}
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration such as 90s, 1h30m or 30d", text)
	}
	*d = Duration(v)
	return nil
}

// Type implements pflag.Value.
func (d *Duration) Type() string { return "duration" }

// Span is a Duration that is more than nothing: of what lasts no time at all, nobody could
// tell whether none or without end is meant.
type Span time.Duration

// String implements pflag.Value.
func (s *Span) String() string { return (*Duration)(s).String() }

// Set implements pflag.Value.
func (s *Span) Set(text string) error {
	if err := (*Duration)(s).Set(text); err != nil {
		return err
	}
	if *s == 0 {
		return fmt.Errorf("%q is no time at all: give more, or leave the flag out", text)
	}
	return nil
}

// Type implements pflag.Value.
func (s *Span) Type() string { return "duration" }
