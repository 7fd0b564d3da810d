package scope

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

// Rate limits how often calls may happen: up to Calls at once, then one call after each PerUs/Calls.
type Rate struct {
	Calls uint32 `can:"1,calls"`  // 1 or more
	PerUs uint64 `can:"2,per_us"` // microseconds, at most a year
}

const maxPer = 366 * 24 * 3600 * 1_000_000 // microseconds

// Check bounds both numbers [field-81].
func (r Rate) Check() error {
	if r.Calls < 1 || r.PerUs < uint64(r.Calls) || r.PerUs > maxPer {
		return fmt.Errorf("rate %s: at least 1 call, at most one a microsecond, in at most 366 days", r)
	}
	return nil
}

// String is for example "30/1m".
func (r Rate) String() string { return fmt.Sprintf("%d/%s", r.Calls, units.FormatMicros(r.PerUs)) }

// ParseRate reads N/D, as in 30/1m.
func ParseRate(text string) (*Rate, error) {
	count, per, found := strings.Cut(text, "/")
	n, err := strconv.ParseUint(count, 10, 32)
	if !found || err != nil {
		return nil, fmt.Errorf("%q is not a rate: N/D is expected, as in 30/1m", text)
	}
	us, err := units.ParseMicros(per)
	if err != nil {
		return nil, fmt.Errorf("rate %q: %w", text, err)
	}
	r := &Rate{uint32(n), us}
	return r, r.Check()
}

// interval is the time from one call to the next, rounded up to the microsecond.
func (r Rate) interval() uint64 { return (r.PerUs + uint64(r.Calls) - 1) / uint64(r.Calls) }

// Take is the generic cell rate algorithm. tat is the time at which all calls so far are due at this rate. Take returns
// the tat after one more call or, if the call comes too early, how many microseconds to wait. If tat is later than any
// calls could have made it, because a clock was ahead, it counts as the latest possible tat.
func (r Rate) Take(tat, now object.Time) (next object.Time, wait uint64) {
	due := max(min(uint64(tat), uint64(now)+r.PerUs), uint64(now))
	step := r.interval()
	if due+step > uint64(now)+max(r.PerUs, step) {
		return tat, due + step - uint64(now) - max(r.PerUs, step)
	}
	return object.Time(due + step), 0
}

// Back undoes one call.
func (r Rate) Back(tat object.Time) object.Time {
	return object.Time(uint64(tat) - min(uint64(tat), r.interval()))
}

// rateWithin checks that a child allows no more at once than its parent, and no more often.
func rateWithin(child, parent *Rate) error {
	switch {
	case parent == nil:
		return nil
	case child == nil:
		return fmt.Errorf("rate has no limit, its parent's is %s", parent)
	}
	hi, lo := bits.Mul64(uint64(child.Calls), parent.PerUs)
	phi, plo := bits.Mul64(uint64(parent.Calls), child.PerUs)
	if child.Calls > parent.Calls || hi > phi || (hi == phi && lo > plo) {
		return fmt.Errorf("rate is %s, its parent's is %s", child, parent)
	}
	return nil
}

// RateOf returns the rate of a scope; nil: no limit.
func RateOf(s Scope) *Rate {
	switch s := s.(type) {
	case *ToolCall:
		return s.Rate
	case *ToolsCall:
		return s.Rate
	}
	return nil
}

func (r *Rate) text() string {
	if r == nil {
		return ""
	}
	return ",rate=" + r.String()
}

func (r *Rate) words() string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf(", %d at a time and %d in %s", r.Calls, r.Calls, units.FormatMicros(r.PerUs))
}

// rate reads the parameter rate=N/D.
func (p *params) rate() *Rate {
	text, ok := p.take("rate")
	if !ok {
		return nil
	}
	r, err := ParseRate(text)
	if err != nil {
		p.fail(err)
	}
	return r
}
