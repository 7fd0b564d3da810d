package object

import (
	"fmt"
	"strconv"
	"time"
)

// Time is a point in time in microseconds since the Unix epoch, UTC.
type Time int64

const timeLayout = "2006-01-02T15:04:05.000000Z"

// TimeOf rounds t down to the microsecond.
func TimeOf(t time.Time) Time { return Time(t.UnixMicro()) }

// Std returns the same instant as a time.Time in UTC.
func (t Time) Std() time.Time { return time.UnixMicro(int64(t)).UTC() }

// Add returns t plus d, rounded down to the microsecond.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Microseconds()) }

// String is RFC 3339 with microseconds; a year outside 0 to 9999 prints as the
// integer.
func (t Time) String() string {
	if s := t.Std(); s.Year() >= 0 && s.Year() <= 9999 {
		return s.Format(timeLayout)
	}
	return strconv.FormatInt(int64(t), 10)
}

// ParseTime reads RFC 3339, a date, or integer microseconds since the epoch.
func ParseTime(s string) (Time, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Time(n), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return TimeOf(t), nil
		}
	}
	return 0, fmt.Errorf("%q is not a time: expected RFC 3339 or microseconds since 1970", s)
}

// MarshalText is String.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText is ParseTime.
func (t *Time) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTime(string(text))
	return err
}
