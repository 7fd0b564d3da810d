package quota

import (
	"context"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// submit queues a charge and returns when it is written. One caller at a time writes the whole queue; the others then
// find their charge done.
func (q *Quotas) submit(c *charge, cost []scope.Amount) error {
	if err := q.itemize(c, cost); err != nil || len(c.lines) == 0 {
		return err
	}
	q.mu.Lock()
	q.queue = append(q.queue, c)
	q.mu.Unlock()

	q.turn.Lock()
	defer q.turn.Unlock()
	if !c.done {
		q.mu.Lock()
		batch := q.queue
		q.queue = nil
		q.mu.Unlock()
		q.write(batch)
	}
	return c.err
}

// itemize works out what each link of the chain is charged, the root first.
func (q *Quotas) itemize(c *charge, cost []scope.Amount) error {
	for i := len(c.chain) - 1; i >= 0; i-- {
		l, err := q.lineOf(c.chain, i, cost)
		if err != nil {
			return fmt.Errorf("charge quota: %w", err)
		}
		if len(l.cost) > 0 || l.rate != nil {
			c.lines = append(c.lines, l)
		}
	}
	return nil
}

// write settles a batch. It tries again when another process was faster.
func (q *Quotas) write(batch []*charge) {
	for len(batch) > 0 {
		live := batch[:0]
		for _, c := range batch {
			if c.err = c.ctx.Err(); c.err != nil {
				c.done = true
				continue
			}
			live = append(live, c)
		}
		if batch = live; len(batch) == 0 {
			return
		}
		// If one caller gives up, the others in the batch still need the write.
		ok, err := q.try(context.WithoutCancel(batch[0].ctx), batch)
		if !ok && err == nil {
			continue
		}
		for _, c := range batch {
			c.done = true
			if err != nil {
				c.err = err
			}
		}
		return
	}
}

// counter is a record as it was read and as it will be written.
type counter struct {
	raw []byte
	usageRecord
	changed bool
}

// try applies the charges, in their order, to a snapshot of their counters. It writes the result if no counter has
// changed meanwhile.
func (q *Quotas) try(ctx context.Context, batch []*charge) (bool, error) {
	counters := map[string]*counter{}
	for _, c := range batch {
		for _, l := range c.lines {
			if counters[l.key] != nil {
				continue
			}
			raw, r, err := q.load(ctx, l.key)
			if err != nil {
				return false, err
			}
			counters[l.key] = &counter{raw: raw, usageRecord: r}
		}
	}
	for _, c := range batch {
		c.err = c.apply(counters)
	}
	check, put := map[string][]byte{}, map[string][]byte{}
	for key, n := range counters {
		if !n.changed {
			continue
		}
		raw, err := can.Marshal(&n.usageRecord)
		if err != nil {
			return false, err
		}
		check[key], put[key] = n.raw, raw
	}
	if len(put) == 0 {
		return true, nil
	}
	ok, err := q.kv.Update(ctx, check, put)
	if err != nil {
		return false, fmt.Errorf("write quotas: %w", err)
	}
	return ok, nil
}

// apply changes the counters by one charge, all or none.
func (c *charge) apply(counters map[string]*counter) error {
	for _, l := range c.lines {
		for _, a := range l.cost {
			if err := c.allowed(l, a, counters[l.key].Used[a.Of]); err != nil {
				return err
			}
		}
		if err := c.inTime(l, counters[l.key].TAT); err != nil {
			return err
		}
	}
	for _, l := range c.lines {
		n := counters[l.key]
		n.Used = maps.Clone(n.Used)
		n.changed = true
		n.TAT = c.due(l, n.TAT)
		for _, a := range l.cost {
			if c.back {
				n.Used[a.Of] -= min(a.N, n.Used[a.Of])
			} else {
				n.Used[a.Of] += min(a.N, math.MaxUint64-n.Used[a.Of])
			}
		}
	}
	return nil
}

func (c *charge) allowed(l line, a scope.Amount, used uint64) error {
	most, _ := scope.AmountOf(l.limits, a.Of)
	switch {
	case c.ended:
	case c.back && a.N > used:
		return fmt.Errorf("refund of %s to capability %s, which was charged only %d", a, c.chain[l.link].ID.Short(), used)
	case !c.back && (used > most || a.N > most-used):
		link := &c.chain[l.link]
		return &caps.DeniedError{Check: caps.CheckQuota, Cap: link.ID, Link: l.link,
			Reason: fmt.Sprintf("the use needs %s, %d of %d are left", a, most-min(most, used), most),
			Help:   "ask " + link.Cap.Issuer.Name() + " for a new capability"}
	}
	return nil
}

func timeOf(tat *object.Time) object.Time {
	if tat == nil {
		return 0
	}
	return *tat
}

// inTime refuses a use that comes too early for a link's rate.
func (c *charge) inTime(l line, tat *object.Time) error {
	if l.rate == nil || c.back {
		return nil
	}
	_, us := l.rate.Take(timeOf(tat), c.now)
	if us == 0 {
		return nil
	}
	seconds := (us + 999_999) / 1_000_000
	return &caps.DeniedError{Check: caps.CheckRate, Cap: c.chain[l.link].ID, Link: l.link, Wait: time.Duration(seconds) * time.Second,
		Reason: fmt.Sprintf("its rate is %s", l.rate), Help: fmt.Sprintf("ask again in %d s", seconds)}
}

// due returns the link's record after the charge or the refund.
func (c *charge) due(l line, tat *object.Time) *object.Time {
	if l.rate == nil || (c.back && tat == nil) {
		return tat
	}
	next := l.rate.Back(timeOf(tat))
	if !c.back {
		next, _ = l.rate.Take(timeOf(tat), c.now)
	}
	return &next
}
