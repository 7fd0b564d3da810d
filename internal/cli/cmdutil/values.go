package cmdutil

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mythos-project/mythos/internal/units"
)

// Size is a flag value of bytes, below 2^63: 4096, 64KiB, 5MB.
type Size uint64

// String implements pflag.Value.
func (s *Size) String() string { return units.FormatSize(uint64(*s)) }

// Set implements pflag.Value.
func (s *Size) Set(text string) error {
	n, err := units.ParseSize(text)
	if err == nil && n > math.MaxInt64 {
		err = fmt.Errorf("%q is too large", text)
	}
	if err == nil {
		*s = Size(n)
	}
	return err
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
	v, err := units.ParseDuration(text) // the syntax of scopes and settings
	if err != nil {
		v, err = time.ParseDuration(text) // and fractions
	}
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration such as 90s, 1h30m or 30d", text)
	}
	*d = Duration(v)
	return nil
}

// Type implements pflag.Value.
func (d *Duration) Type() string { return "duration" }

// Span is a Duration greater than zero: zero could mean none or unlimited.
type Span time.Duration

// String implements pflag.Value.
func (s *Span) String() string { return (*Duration)(s).String() }

// Set implements pflag.Value.
func (s *Span) Set(text string) error {
	if err := (*Duration)(s).Set(text); err != nil {
		return err
	}
	if *s == 0 {
		return fmt.Errorf("%q is zero: give a longer time, or leave the flag out", text)
	}
	return nil
}

// Type implements pflag.Value.
func (s *Span) Type() string { return "duration" }

// FlagError says what a flag of a number expects; other errors are unchanged.
func FlagError(err error) error {
	var of *pflag.InvalidValueError
	var number *strconv.NumError
	if !errors.As(err, &of) || !errors.As(err, &number) {
		return err
	}
	kind := of.GetFlag().Value.Type()
	expected := "a whole number"
	if strings.HasPrefix(kind, "uint") {
		expected += " that is not negative"
	}
	if errors.Is(number.Err, strconv.ErrRange) {
		expected = "a smaller number"
	}
	return fmt.Errorf("--%s %s: %s is expected", of.GetFlag().Name, of.GetValue(), expected)
}

// text is a flag value of text that is recorded.
type text string

// TextVar defines a flag of text that is recorded, and so must be UTF-8 as it is: an argument may hold any bytes.
func TextVar(flags *pflag.FlagSet, p *string, name, usage string) { flags.Var((*text)(p), name, usage) }

// String implements pflag.Value.
func (t *text) String() string { return string(*t) }

// Set implements pflag.Value.
func (t *text) Set(s string) error {
	if i := strings.IndexRune(strings.ToValidUTF8(s, "\x00"), 0); i >= 0 { // no argument has a zero byte
		return fmt.Errorf("it is not UTF-8 from byte %d on: give it as UTF-8", i)
	}
	*t = text(s)
	return nil
}

// Type implements pflag.Value.
func (t *text) Type() string { return "string" }
