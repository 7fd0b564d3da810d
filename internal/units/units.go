// Package units reads and writes sizes and durations as people write them: in scopes, settings, policies and flags. A
// number of bytes is 4096, 64KiB or 5MB, a duration is 90s, 1h30m or 30d.
package units

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

type unit struct {
	name string
	n    uint64
}

// Binary and decimal sizes; of equal ones, the first is written.
var sizes = []unit{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3},
	{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"B", 1},
}

// Durations in microseconds, largest first.
var terms = []unit{
	{"d", 86_400_000_000}, {"h", 3_600_000_000}, {"m", 60_000_000}, {"s", 1_000_000}, {"ms", 1_000}, {"us", 1},
}

// ParseSize reads a number of bytes: "1048576", "10MiB", "5MB"; a bare K, M, G or T is binary. Fractions are not
// allowed.
func ParseSize(text string) (uint64, error) {
	digits, name := cutNumber(text)
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size such as 10MiB", text)
	}
	if name == "" {
		return n, nil
	}
	for _, u := range sizes {
		if u.name == name {
			return multiply(n, u.n, text)
		}
	}
	return 0, fmt.Errorf("%q is not a size: unit %q is not known (KiB, MiB, GiB, TiB, kB, MB, GB, TB are)", text, name)
}

func cutNumber(s string) (digits, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

func multiply(a, b uint64, text string) (uint64, error) {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return lo, nil
}

// FormatSize writes a number of bytes in the largest binary unit that divides it.
func FormatSize(n uint64) string {
	for _, u := range sizes[:4] {
		if n != 0 && n%u.n == 0 {
			return strconv.FormatUint(n/u.n, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}

// ParseDuration reads a duration in whole units: "90s", "1h30m", "30d". The units are d, h, m, s, ms and us.
func ParseDuration(text string) (time.Duration, error) {
	us, err := ParseMicros(text)
	if err != nil {
		return 0, err
	}
	if us > math.MaxInt64/1000 {
		return 0, fmt.Errorf("%q is too long", text)
	}
	return time.Duration(us) * time.Microsecond, nil
}

// ParseSpan is ParseDuration for flags and policies, which also allow fractions: "0.5s" and anything else that
// [time.ParseDuration] reads, but no negative duration.
func ParseSpan(text string) (time.Duration, error) {
	d, err := ParseDuration(text)
	if err == nil {
		return d, nil
	}
	if d, gerr := time.ParseDuration(text); gerr == nil && d >= 0 {
		return d, nil
	}
	return 0, err
}

// ParseMicros is ParseDuration in microseconds.
func ParseMicros(text string) (total uint64, err error) {
	rest := text
	for ok := true; ok; ok = rest != "" {
		var n, part uint64
		digits, tail := cutNumber(rest)
		if n, err = strconv.ParseUint(digits, 10, 64); err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 1h30m or 30d", text)
		}
		end := strings.IndexAny(tail, "0123456789")
		if end < 0 {
			end = len(tail)
		}
		if part, err = termMicros(n, tail[:end], text); err != nil {
			return 0, err
		}
		if total+part < total {
			return 0, fmt.Errorf("%q is too long", text)
		}
		total, rest = total+part, tail[end:]
	}
	return total, nil
}

func termMicros(n uint64, name, text string) (uint64, error) {
	for _, u := range terms {
		if u.name == name {
			return multiply(n, u.n, text)
		}
	}
	return 0, fmt.Errorf("%q is not a duration: unit %q is not known (d, h, m, s, ms, us are)", text, name)
}

// FormatMicros writes microseconds in the fewest whole units.
func FormatMicros(us uint64) string {
	var b strings.Builder
	for _, u := range terms {
		if n := us / u.n; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			us %= u.n
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// FormatMillis writes milliseconds in the fewest whole units, "1h30m".
func FormatMillis(ms uint64) string {
	if ms > math.MaxUint64/1000 {
		return strconv.FormatUint(ms, 10) + "ms"
	}
	return FormatMicros(ms * 1000)
}

// FormatDuration writes a duration in the fewest whole units, rounded down to microseconds; it is the reverse of
// ParseDuration.
func FormatDuration(d time.Duration) string {
	if d < 0 {
		return "-" + FormatMicros(uint64(-(d / time.Microsecond)))
	}
	return FormatMicros(uint64(d / time.Microsecond))
}

// Count returns a number of things in words: "1 call", "2 calls". many is given if the plural is not formed with an s.
func Count[N int | int64 | uint16 | uint32 | uint64](n N, one string, many ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(many) > 0:
		return fmt.Sprintf("%d %s", n, many[0])
	}
	return fmt.Sprintf("%d %ss", n, one)
}
