package quota

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Ride changes counters as part of another update. It reads them through get (nil: no such key) and returns the records
// to write (nil: nothing is limited), or the error of Charge. It may be called several times; only the records of the
// last call count, and only if they were written.
type Ride = func(get func(key string) ([]byte, error)) (map[string][]byte, error)

// Attempt is the attempt at an effect that a use is charged for.
type Attempt struct {
	Idem  object.Hash
	Fence uint64
}

// Riding is Charge as part of another update of the store, which writes the thing that the charge permits: either both
// are written or neither. keys are those of the counters. If of is not nil, the charge is recorded as the attempt's
// [Payment].
func (q *Quotas) Riding(chain caps.Chain, use scope.Use, of *Attempt) (keys []string, ride Ride, err error) {
	c := &charge{chain: chain}
	keys, err = q.riding(c, use.Cost())
	if of == nil || err != nil {
		return keys, c.ride, err
	}
	return keys, func(get func(key string) ([]byte, error)) (map[string][]byte, error) {
		put, err := c.ride(get)
		if err == nil {
			put[PaymentKey(of.Idem)], err = can.Marshal(&payment{of.Fence, chain[0].ID, use.Price, use.Tokens, use.GPUms})
		}
		return put, err
	}, nil
}

// Returning is Return as a rider, like Riding. It deletes the payment of the effect idem; nil: there is none.
func (q *Quotas) Returning(chain caps.Chain, cost []scope.Amount, idem *object.Hash) (keys []string, ride Ride, err error) {
	c := &charge{chain: chain, back: true}
	keys, err = q.riding(c, cost)
	return keys, c.forgetting(idem), err
}

// Settling is a rider, like Riding, for the outcome of a use. It returns the unused part of a price to each link. It
// counts use beyond the price even where a limit does not allow it, because that amount was really spent. It deletes
// the payment of the effect idem; nil: there is none.
func (q *Quotas) Settling(chain caps.Chain, price, used uint64, idem *object.Hash) (keys []string, ride Ride, err error) {
	c := &charge{chain: chain, back: used < price, ended: true}
	if used == price {
		return nil, c.forgetting(idem), nil
	}
	keys, err = q.riding(c, []scope.Amount{{Of: scope.Cost, N: max(price, used) - min(price, used)}})
	return keys, c.forgetting(idem), err
}

func (q *Quotas) riding(c *charge, cost []scope.Amount) (keys []string, err error) {
	c.ctx, c.now = context.Background(), q.now()
	err = q.itemize(c, cost)
	for _, l := range c.lines {
		keys = append(keys, l.key)
	}
	return keys, err
}

func (c *charge) forgetting(idem *object.Hash) Ride {
	if idem == nil {
		return c.ride
	}
	return func(get func(key string) ([]byte, error)) (map[string][]byte, error) {
		put, err := c.ride(get)
		if err == nil {
			put[PaymentKey(*idem)] = nil
		}
		return put, err
	}
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
