package cmdutil

import (
	"errors"
	"strconv"
	"time"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/object"
)

// TimeHelp describes the forms of a time, for the help of flags that Factory.Time reads.
const TimeHelp = "yesterday, 2h or 7d (ago), a date, RFC 3339, or seconds since 1970"

// When is a point in time as a flag, read by Factory.Time. An empty value is refused: usually it comes from an unset
// variable.
type When string

// Set implements pflag.Value.
func (w *When) Set(text string) error {
	if text == "" {
		return errors.New("the time is empty: is its variable set?")
	}
	*w = When(text)
	return nil
}

// String implements pflag.Value.
func (w *When) String() string { return string(*w) }

// Type implements pflag.Value.
func (w *When) Type() string { return "time" }

// Time reads the value of a flag in one of the forms of TimeHelp, in UTC. An empty text is the
// zero time.
func (f *Factory) Time(flag string, text When) (object.Time, error) {
	if text == "" {
		return 0, nil
	}
	if at, ok := f.moment(string(text)); ok {
		return at, nil
	}
	var ago Duration
	if err := ago.Set(string(text)); err == nil {
		return f.Now().Add(-time.Duration(ago)), nil
	}
	return 0, clierr.Usagef("%s: %q is not a time: %s", flag, text, TimeHelp)
}

// Moment is Time for a time that may be in the future: it refuses a time span, which could mean ago or from now.
func (f *Factory) Moment(flag string, text When) (object.Time, error) {
	if text == "" {
		return 0, nil
	}
	if at, ok := f.moment(string(text)); ok {
		return at, nil
	}
	var span Duration
	if err := span.Set(string(text)); err == nil {
		return 0, clierr.Usagef("%s: %q is a time span: give the time itself, such as %s", flag, text, f.Now().Add(time.Duration(span)))
	}
	return 0, clierr.Usagef("%s: %q is not a time: RFC 3339, a date, or seconds since 1970", flag, text)
}

// layouts are the forms of a time, in UTC if they have no zone.
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

func (f *Factory) moment(text string) (object.Time, bool) {
	day := f.Now().Std().Truncate(24 * time.Hour)
	switch text {
	case "now":
		return f.Now(), true
	case "today":
		return object.TimeOf(day), true
	case "yesterday":
		return object.TimeOf(day.AddDate(0, 0, -1)), true
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return epoch(n), true
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return object.TimeOf(t), true
		}
	}
	return 0, false
}

// epoch reads a number of seconds, milliseconds, microseconds or nanoseconds since 1970. Its magnitude decides the
// unit, so that each unit reaches from a few days after 1970 to the year 5138.
func epoch(n int64) object.Time {
	size := n
	if size < 0 {
		size = -size
	}
	switch {
	case size < 1e11:
		return object.Time(n * 1e6)
	case size < 1e14:
		return object.Time(n * 1e3)
	case size < 1e17:
		return object.Time(n)
	}
	return object.Time(n / 1e3)
}

// Times reads the two ends of a period. It refuses a period that ends before it begins, which would be empty.
func (f *Factory) Times(since, until When) (from, to object.Time, err error) {
	if from, err = f.Time("--since", since); err != nil {
		return 0, 0, err
	}
	if to, err = f.Time("--until", until); err != nil {
		return 0, 0, err
	}
	if until != "" && from >= to {
		return 0, 0, clierr.Usagef("--since %s is not before --until %s", since, until)
	}
	return from, to, nil
}

// ShowMinute is ShowTime to the minute, for rows with several times.
func (f *Factory) ShowMinute(t object.Time) string {
	if f.IO.OutTTY {
		return t.Std().Format("2006-01-02 15:04Z")
	}
	return t.String()
}

// ShowTime is a point in time for lists: to the second on a terminal, in full elsewhere.
func (f *Factory) ShowTime(t object.Time) string {
	if f.IO.OutTTY {
		return t.Std().Format("2006-01-02 15:04:05Z")
	}
	return t.String()
}
