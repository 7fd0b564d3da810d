// Package quota counts the resources that capabilities limit: calls, tokens, bytes (spec/capabilities.md#quotas). A use
// is charged to the leaf of a chain and to every ancestor in one atomic step, before the effect runs. [Quotas.Riding]
// makes that step part of another update. The counters of a capability are one record: the key q/ and its id in hex,
// the value the canonical struct {1 used {resource text: u64}}.
package quota

import (
	"context"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

const quotaPrefix = kv.Usage

// The bounds of the cache of links.
const (
	rememberedLinks = 1024
	rememberedBytes = 16 << 20
)

// Usage is how much of each resource was charged to a capability.
type Usage map[scope.Resource]uint64

// usageRecord is the value under q/<cap id>.
type usageRecord struct {
	Used Usage        `can:"1,used"`
	TAT  *object.Time `can:"2,tat"` // with a rate: when all calls so far are due
}

// Quotas keeps the counters of capabilities, one record each. Processes that share the store share the counters: a
// limit is never exceeded, however many processes charge at once. Charges that arrive during a write are written
// together. A resource without a limit is not counted.
type Quotas struct {
	kv  caps.KV
	now func() object.Time

	mu    sync.Mutex // guards queue
	queue []*charge
	turn  sync.Mutex // held while writing a batch

	seen  sync.RWMutex // guards the opened links
	byRaw map[string]metered
	bytes int // total size of the links in byRaw
}

// New keeps counters in kv. now is the clock for rates.
func New(kv caps.KV, now func() object.Time) *Quotas { return &Quotas{kv: kv, now: now} }

// charge is one entry in the queue.
type charge struct {
	ctx   context.Context
	chain caps.Chain
	lines []line
	back  bool // a refund
	ended bool // the amount was really spent, so no limit refuses it
	now   object.Time

	done bool // guarded by Quotas.turn, like err
	err  error
}

// line is the charge to one link of the chain.
type line struct {
	link   int
	key    string
	cost   []scope.Amount // only the resources that the link limits
	limits []scope.Amount
	rate   *scope.Rate // nil: the cost has no call, or the link has no rate
}

// Charge takes the cost of a use from the leaf and from every ancestor, or from none of them, and returns when that is
// durable. If a limit does not suffice, the error is a *caps.DeniedError that wraps caps.ErrQuota and names the first
// such link from the root. The chain must have been authorized [cap-67].
func (q *Quotas) Charge(ctx context.Context, chain caps.Chain, use scope.Use) error {
	return q.Spend(ctx, chain, use.Cost())
}

// Refund gives back the charge for a use that was refused before it ran. It refuses to give back more than was charged
// in all.
func (q *Quotas) Refund(ctx context.Context, chain caps.Chain, use scope.Use) error {
	return q.Return(ctx, chain, use.Cost())
}

// Spend is Charge for amounts that come from elsewhere, such as the tokens that a job needed beyond its estimate.
func (q *Quotas) Spend(ctx context.Context, chain caps.Chain, cost []scope.Amount) error {
	return q.submit(&charge{ctx: ctx, chain: chain, now: q.now()}, cost)
}

// Return is Refund for amounts that come from elsewhere, such as the tokens of an estimate that a job did not need.
func (q *Quotas) Return(ctx context.Context, chain caps.Chain, cost []scope.Amount) error {
	return q.submit(&charge{ctx: ctx, chain: chain, now: q.now(), back: true}, cost)
}

// Used returns what was charged to a capability so far.
func (q *Quotas) Used(ctx context.Context, id object.Hash) (Usage, error) {
	_, r, err := q.load(ctx, quotaKey(id))
	return r.Used, err
}

// Left returns what a chain still allows of each limited resource: the least of all its links.
func (q *Quotas) Left(ctx context.Context, chain caps.Chain) (Usage, error) {
	left := Usage{}
	for i := range chain {
		l, err := q.lineOf(chain, i, nil)
		if err != nil {
			return nil, err
		}
		_, r, err := q.load(ctx, l.key)
		if err != nil {
			return nil, err
		}
		used := r.Used
		for _, most := range l.limits {
			rest := most.N - min(most.N, used[most.Of])
			if least, there := left[most.Of]; !there || rest < least {
				left[most.Of] = rest
			}
		}
	}
	return left, nil
}

func quotaKey(id object.Hash) string { return quotaPrefix + id.String() }

// load reads a counter record. The raw value is nil when there is none.
func (q *Quotas) load(ctx context.Context, key string) (raw []byte, r usageRecord, err error) {
	raw, found, err := q.kv.Get(ctx, key)
	if err != nil {
		return nil, r, fmt.Errorf("read quota %s: %w", key, err)
	}
	if !found {
		raw = nil
	}
	r, err = usageOf(key, raw)
	return raw, r, err
}

// usageOf decodes a counter record; nil is the empty record.
func usageOf(key string, raw []byte) (r usageRecord, err error) {
	if raw == nil {
		return usageRecord{Used: Usage{}}, nil
	}
	if err := can.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("quota record %s is damaged: %w", key, err)
	}
	return r, nil
}

// lineOf works out, from the link's bytes, which part of a cost the link is charged.
func (q *Quotas) lineOf(chain caps.Chain, i int, cost []scope.Amount) (line, error) {
	m, err := q.metered(chain[i].Raw)
	if err != nil {
		return line{}, err
	}
	l := line{link: i, key: m.key, limits: m.limits}
	for _, c := range cost {
		if _, limited := scope.AmountOf(l.limits, c.Of); limited && c.N > 0 {
			l.cost = append(l.cost, c)
		}
		if c.Of == scope.Calls && c.N > 0 {
			l.rate = m.rate
		}
	}
	return l, nil
}

// metered is what a link's bytes say about its quotas.
type metered struct {
	key    string         // of its counters
	limits []scope.Amount // nobody changes it
	rate   *scope.Rate
}

// metered opens a link. It caches the result by the link's bytes, because the same few capabilities are charged again
// and again.
func (q *Quotas) metered(raw []byte) (metered, error) {
	q.seen.RLock()
	m, ok := q.byRaw[string(raw)]
	q.seen.RUnlock()
	if ok {
		return m, nil
	}
	opened, err := caps.Open(raw)
	if err != nil {
		return metered{}, err
	}
	what, err := opened.Cap.Scope.Decode()
	if err != nil {
		return metered{}, err
	}
	m = metered{quotaKey(opened.ID), scope.Limits(what), scope.RateOf(what)}
	q.seen.Lock()
	defer q.seen.Unlock()
	if q.byRaw == nil || q.bytes > rememberedBytes || len(q.byRaw) >= rememberedLinks {
		q.byRaw, q.bytes = make(map[string]metered), 0
	}
	q.byRaw[string(raw)] = m
	q.bytes += len(raw)
	return m, nil
}

// Limits returns the maxima in the scope of a link; a resource that is not limited has none.
func Limits(l caps.Link) ([]scope.Amount, error) {
	what, err := l.Cap.Scope.Decode()
	if err != nil {
		return nil, err
	}
	return scope.Limits(what), nil
}
