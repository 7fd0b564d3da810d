package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/decimal"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// timeText matches a time in the forms of RFC 3339, SQL and strftime.
var timeText = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,18}))? ?([Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$`)
})

var errNoZone = errors.New("it has no zone, such as Z or +02:00, so that the time is not known; --skip-bad leaves such records out")

// timeOf reads a time; 0 if there is none. A number, also in quotes, is seconds since 1970 with a fraction; if it is so
// large that it can only be milli-, micro- or nanoseconds, it is read as those. A text is RFC 3339; a blank for the T,
// an offset without a colon, and UTC for Z are allowed. A time has microseconds: further digits are cut, toward the
// past.
func timeOf(raw json.RawMessage) (object.Time, error) {
	text, err := jsontext.PlainText(raw)
	if err != nil {
		return 0, err
	}
	if text = strings.TrimSpace(text); text == "" {
		return 0, nil
	}
	if d, ok := decimal.Parse(text); ok {
		t, err := numberTime(d)
		return t, atTime(raw, err)
	}
	m := timeText().FindStringSubmatch(text)
	if m == nil {
		return 0, atTime(raw, errors.New("RFC 3339 or seconds since 1970 are expected"))
	}
	if m[4] == "" {
		return 0, atTime(raw, errNoZone)
	}
	t, err := clockTime(m[1]+" "+m[2], m[3], m[4])
	return t, atTime(raw, err)
}

func atTime(raw json.RawMessage, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s is not a time: %w", jsontext.Describe(raw), err)
}

// unitTimes are the factors to microseconds by the size of a number; times up to the year 5138 in seconds stay below
// the first.
var unitTimes = []struct {
	above    *big.Int // bound of the number's size
	num, den int64    // microseconds per unit, as a fraction
}{
	{big.NewInt(1e17), 1, 1000},
	{big.NewInt(1e14), 1, 1},
	{big.NewInt(1e11), 1000, 1},
	{big.NewInt(-1), 1e6, 1},
}

func numberTime(d decimal.Number) (object.Time, error) {
	size, _ := d.Times(big.NewInt(1))
	size.Abs(size)
	for _, u := range unitTimes {
		if size.Cmp(u.above) <= 0 {
			continue
		}
		if u.den > 1 {
			d = d.Thousandth() // the only fraction is a thousandth
		}
		n, _ := d.Times(big.NewInt(u.num))
		if !n.IsInt64() {
			break
		}
		return object.Time(n.Int64()), nil
	}
	return 0, errors.New("it is too far away")
}

// clockTime is a time of day in a zone, with the digits of a fraction of a second.
func clockTime(clock, fraction, zone string) (object.Time, error) {
	t, err := time.Parse(time.DateTime, clock)
	if err != nil {
		return 0, errors.New("there is no such day or time of day")
	}
	offset, err := zoneOffset(zone)
	if err != nil {
		return 0, err
	}
	us := int64(0)
	if fraction != "" {
		if us, err = strconv.ParseInt((fraction + "000000")[:6], 10, 64); err != nil {
			return 0, err
		}
	}
	return object.Time((t.Unix()-offset)*1e6 + us), nil
}

// zoneOffset is the offset of a zone in seconds east.
func zoneOffset(zone string) (int64, error) {
	if zone[0] != '+' && zone[0] != '-' {
		return 0, nil
	}
	digits := strings.ReplaceAll(zone[1:], ":", "")
	if len(digits) == 2 {
		digits += "00"
	}
	hours, errH := strconv.ParseInt(digits[:2], 10, 64)
	minutes, errM := strconv.ParseInt(digits[2:], 10, 64)
	if errH != nil || errM != nil || hours > 23 || minutes > 59 {
		return 0, fmt.Errorf("%s is not an offset", zone)
	}
	offset := hours*3600 + minutes*60
	if zone[0] == '-' {
		offset = -offset
	}
	return offset, nil
}

// firstTime is the first of several times that is present.
func firstTime(raws ...json.RawMessage) (object.Time, error) {
	for _, raw := range raws {
		if t, err := timeOf(raw); err != nil || t != 0 {
			return t, err
		}
	}
	return 0, nil
}
