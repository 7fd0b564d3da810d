package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Bounds of a lease, and how far its end may be from what our clock gives.
const (
	minLease  = time.Second
	maxLease  = time.Hour
	tolerance = 5 * time.Second
)

// register judges a request to run an effect, and records it.
func (s *Service) register(w http.ResponseWriter, r *http.Request, c caller, q *wire.Ask) (*wire.Answer, error) {
	e, lease, err := s.signed(c, q)
	if err != nil {
		return nil, err
	}
	use, allowed, err := s.authority(r.Context(), c, q)
	if err != nil {
		return nil, err
	}
	p, err := s.policy(r.Context(), q)
	if err != nil {
		return nil, err
	}
	p.Lease = lease
	d := decision{s: s, c: c, q: q, entry: e, use: use, policy: p}
	if d.allowed, d.free, err = approval.Order(allowed, true); err != nil {
		return nil, err
	}
	a, err := d.make(context.WithoutCancel(r.Context()))
	if err != nil || a.Seq == nil {
		return a, err
	}
	return a, s.prove(r.Context(), a, q.Since)
}

// signed returns the register in an Ask.
func (s *Service) signed(c caller, q *wire.Ask) (ledger.Entry, time.Duration, error) {
	e, err := ledger.ParseEntry(ledger.EntryRegister, q.Register)
	if err != nil {
		return e, 0, err
	}
	reg := e.Register
	lease := time.Duration(reg.LeaseExpiresAt-reg.TimeObserved) * time.Microsecond
	switch {
	case !reg.Owner.Same(c.agent):
		return e, 0, fmt.Errorf("%w: the register is another agent's", object.ErrInvalid)
	case reg.IdemID != c.idem || reg.RequestHash != object.Sum(q.Request):
		return e, 0, fmt.Errorf("%w: the register is of another effect", object.ErrInvalid)
	case reg.Fence == nil || reg.Instance == nil:
		return e, 0, fmt.Errorf("%w: a register that comes over the network has a fence and an instance", object.ErrInvalid)
	case reg.LeaseExpiresAt < reg.TimeObserved || lease < minLease || lease > maxLease:
		return e, 0, fmt.Errorf("%w: a lease lasts %s to %s", object.ErrInvalid, minLease, maxLease)
	}
	return e, lease, kvledger.Elsewhere{Ledger: s.Ledger}.Verify(e, c.agent)
}

// decision is one register while it is judged.
type decision struct {
	s       *Service
	c       caller
	q       *wire.Ask
	entry   ledger.Entry
	use     scope.Use
	allowed []caps.Chain
	free    int // how many of them, from the first, need no approval
	policy  ledger.Policy
	charged *object.Hash // the leaf of the charged chain
}

func (d *decision) make(ctx context.Context) (*wire.Answer, error) {
	l, reg := kvledger.Elsewhere{Ledger: d.s.Ledger}, d.entry.Register
	ev := ledger.Event{Attempt: &ledger.Attempt{Owner: reg.Owner, Instance: reg.Instance, RequestHash: reg.RequestHash, Again: d.q.Again}}
	for {
		st, err := l.Read(ctx, d.c.idem)
		if err != nil {
			return nil, err
		}
		if seq, same := latest(&st, d.entry.Raw); same { // it was recorded before, and the answer was lost
			return d.again(ctx, seq)
		}
		now := d.s.Now()
		v := ledger.Decide(st, ev, now, d.policy)
		switch {
		case v.Action == ledger.Replay:
			return d.s.replay(ctx, &st)
		case v.Action == ledger.Invoke:
			if sign := d.misfit(&st, now); sign != nil {
				return sign, nil
			}
			entries := []ledger.Entry{d.entry}
			ok, err := l.Append(ctx, &st, ledger.Verdict{}, reg.ToolID, d.charge(ctx, &st), entries)
			asked := d.asked(ctx, err)
			if asked != nil || ok {
				return d.invoke(ctx, entries[0].Seq, asked)
			}
		case v.Reason == 0:
			return nil, v.Err
		default:
			if ok, err := l.Append(ctx, &st, v, reg.ToolID, nil, nil); err != nil || ok {
				return nil, errors.Join(err, v.Err)
			}
		}
	}
}

// latest returns the position of a register that is the latest attempt and still under way.
func latest(st *ledger.State, raw []byte) (seq uint64, same bool) {
	if !st.Open() {
		return 0, false
	}
	for i := len(st.History) - 1; i >= 0; i-- {
		if e := &st.History[i]; e.Register != nil {
			return e.Seq, bytes.Equal(e.Raw, raw)
		}
	}
	return 0, false
}

// again returns the answer to a register that was already recorded.
func (d *decision) again(ctx context.Context, seq uint64) (*wire.Answer, error) {
	a := &wire.Answer{Verdict: wire.Invoke, Seq: &seq}
	paid, err := d.s.Quotas.Paid(ctx, d.c.idem)
	if err != nil {
		return a, err
	}
	if paid != nil {
		a.Cap, a.Price = &paid.Cap, paid.Price
	}
	a.Agreed, err = d.agreed(ctx, a.Cap)
	return a, err
}

// invoke returns the answer to a register that was just recorded.
func (d *decision) invoke(ctx context.Context, seq uint64, err error) (*wire.Answer, error) {
	a := &wire.Answer{Verdict: wire.Invoke, Cap: d.charged, Seq: &seq, Price: d.use.Price}
	if err != nil {
		return a, err
	}
	if d.charged == nil { // an attempt that was charged continues
		paid, err := d.s.Quotas.Paid(ctx, d.c.idem)
		if err != nil {
			return a, err
		}
		if a.Price = 0; paid != nil {
			a.Price = paid.Price
		}
	}
	a.Agreed, err = d.agreed(ctx, d.charged)
	return a, err
}

// misfit asks for another register if this one does not fit the history or the clock.
func (d *decision) misfit(st *ledger.State, now object.Time) *wire.Answer {
	fence := st.Fence + 1
	var ended *uint64
	if st.Presence == ledger.Gone && st.Register != nil && now < st.Register.LeaseExpiresAt {
		ended = &st.Fence
	}
	reg := d.entry.Register
	off := time.Duration(reg.LeaseExpiresAt-now.Add(d.policy.Lease)) * time.Microsecond
	fits := *reg.Fence == fence && (ended == nil) == (reg.Ended == nil) && (ended == nil || *ended == *reg.Ended)
	if fits && off.Abs() <= min(tolerance, d.policy.Lease/4) {
		return nil
	}
	return &wire.Answer{Verdict: wire.Sign, Fence: &fence, Ended: ended}
}

// charge charges, together with the register, the first of the chains that has quota left. An attempt that continues
// the agent's own unfinished one was charged with that one.
func (d *decision) charge(ctx context.Context, st *ledger.State) []ledger.Rider {
	d.charged = nil
	reg := d.entry.Register
	held := d.s.Holds.Riding(ctx, reg.ToolID, d.allowed[0])
	if r := st.Register; r != nil && st.Commit == nil && r.Owner.Same(reg.Owner) && r.RequestHash == reg.RequestHash {
		return []ledger.Rider{held}
	}
	return []ledger.Rider{held, {Size: 1 << 10, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		var usedUp, lacks error
		for i, chain := range d.allowed {
			_, ride, err := d.s.Quotas.Riding(chain, d.use, &quota.Attempt{Idem: d.c.idem, Fence: *reg.Fence})
			if err != nil {
				return nil, err
			}
			if i >= d.free {
				ride = d.s.Approvals.Spending(d.wish(chain), ride)
			}
			put, err := ride(get)
			if errors.Is(err, approval.ErrUnapproved) {
				lacks = cmp.Or(lacks, err)
				continue
			}
			if errors.Is(err, caps.ErrQuota) {
				usedUp = err
				continue
			}
			if err != nil {
				return nil, err
			}
			d.charged = &chain[0].ID
			return put, nil
		}
		return nil, cmp.Or(lacks, usedUp)
	}}}
}

// replay returns the answer for an effect that has an outcome.
func (s *Service) replay(ctx context.Context, st *ledger.State) (*wire.Answer, error) {
	body, err := s.Responses.Bytes(ctx, st.Commit.ResponseHash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: receipt %s", wire.ErrNoResponse, st.Commit.ReceiptID.Short())
	}
	if err != nil {
		return nil, err
	}
	return replayed(st, body)
}
