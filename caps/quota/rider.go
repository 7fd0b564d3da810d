package quota

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object/can"
)

// Riding is Charge for a use that is charged in one update of the store together with
// something else: with what it permits, so that neither is there without the other.
// The function reads the counters through get (nil: there is no such key) and returns
// the records to be written (nil: nothing is limited), or the error that Charge gives.
// It may be called several times; only what it put last, and then was written, counts.
// keys are those of the counters.
func (q *Quotas) Riding(chain caps.Chain, use scope.Use) (keys []string, ride func(get func(key string) ([]byte, error)) (map[string][]byte, error), err error) {
	c := &charge{ctx: context.Background(), chain: chain, now: q.now()}
	if err := q.itemize(c, use.Cost()); err != nil {
		return nil, nil, err
	}
	for _, l := range c.lines {
		keys = append(keys, l.key)
	}
	return keys, c.ride, nil
}

// Returning is Return as a rider, like Riding.
func (q *Quotas) Returning(chain caps.Chain, cost []scope.Amount) (keys []string, ride func(get func(key string) ([]byte, error)) (map[string][]byte, error), err error) {
	c := &charge{ctx: context.Background(), chain: chain, now: q.now(), back: true}
	if err := q.itemize(c, cost); err != nil {
		return nil, nil, err
	}
	for _, l := range c.lines {
		keys = append(keys, l.key)
	}
	return keys, c.ride, nil
}

func (c *charge) ride(get func(key string) ([]byte, error)) (map[string][]byte, error) {
	counters := map[string]*counter{}
	for _, l := range c.lines {
		raw, err := get(l.key)
		if err != nil {
			return nil, fmt.Errorf("read quota %s: %w", l.key, err)
		}
		r, err := usageOf(l.key, raw)
		if err != nil {
			return nil, err
		}
		counters[l.key] = &counter{raw: raw, usageRecord: r}
	}
	if err := c.apply(counters); err != nil {
		return nil, err
	}
	put := make(map[string][]byte, len(counters))
	for key, n := range counters {
		raw, err := can.Marshal(&n.usageRecord)
		if err != nil {
			return nil, err
		}
		put[key] = raw
	}
	return put, nil
}
