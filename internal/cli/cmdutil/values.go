package cmdutil

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/object"
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

// Duration is a flag value of time: what time.ParseDuration takes, and days ("30d").
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
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no duration such as 90s, 1h or 30d", text)
		}
		*d = Duration(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration such as 90s, 1h or 30d", text)
	}
	*d = Duration(v)
	return nil
}

// Type implements pflag.Value.
func (d *Duration) Type() string { return "duration" }

// Time reads the value of a flag: RFC 3339, a date, or a time ago such as 90m or 7d.
// An empty text is the zero time.
func (f *Factory) Time(flag, text string) (object.Time, error) {
	if text == "" {
		return 0, nil
	}
	var ago Duration
	if err := ago.Set(text); err == nil {
		return f.Now().Add(-time.Duration(ago)), nil
	}
	t, err := object.ParseTime(text)
	if err != nil {
		return 0, clierr.Usagef("%s: %w, nor a time ago such as 90m or 7d", flag, err)
	}
	return t, nil
}
