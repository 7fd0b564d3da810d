package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// owned serves a request of an agent that made an attempt at the effect. No other authority is needed: what happened is
// recorded even if a capability has expired meanwhile.
func (s *Service) owned(serve func(w http.ResponseWriter, r *http.Request, c caller, st *ledger.State) (*wire.Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var c caller
		var st ledger.State
		var err error
		if c.agent, c.chain, err = s.door.Proved(r); err == nil {
			c.idem, err = peer.PathHash(r, "id")
		}
		if err == nil {
			st, err = s.Ledger.Read(r.Context(), c.idem)
		}
		if err == nil && !attempted(&st, c.agent) {
			err = fmt.Errorf("effect %s: no attempt of %s %w", c.idem.Short(), c.agent, ledger.ErrNotRegistered)
			s.answer(w, r, nil, err)
			return
		}
		if err != nil {
			s.door.Refuse(w, r, err)
			return
		}
		leave, err := s.door.Enter(r, c.agent)
		if err != nil {
			s.door.Refuse(w, r, err)
			return
		}
		defer leave()
		a, err := serve(w, r, c, &st)
		s.answer(w, r, a, err)
	}
}

// attempted reports whether an agent made an attempt at an effect.
func attempted(st *ledger.State, agent object.AgentID) bool {
	return slices.ContainsFunc(st.History, func(e ledger.Entry) bool { return e.Register != nil && e.Register.Owner.Same(agent) })
}

// renew extends the lease of the latest attempt: it is the sign of life of the attempt's maker.
func (s *Service) renew(w http.ResponseWriter, r *http.Request, c caller, st *ledger.State) (*wire.Answer, error) {
	q, err := body[wire.Renewal](s, w, r)
	if err != nil {
		return nil, err
	}
	lease := time.Duration(min(q.LeaseUs, uint64(maxLease/time.Microsecond))) * time.Microsecond
	if !st.Open() || st.Fence != q.Fence || !st.Register.Owner.Same(c.agent) {
		return &wire.Answer{Verdict: wire.Changed}, nil
	}
	ok, err := kvledger.Elsewhere{Ledger: s.Ledger}.Renew(context.WithoutCancel(r.Context()), c.idem, q.Fence, max(lease, minLease))
	if !ok {
		return &wire.Answer{Verdict: wire.Changed}, err
	}
	return &wire.Answer{Verdict: wire.Recorded}, err
}

// ending is the end of an attempt while it is being recorded.
type ending struct {
	s       *Service
	c       caller
	q       *wire.Record
	receipt ledger.Entry
	end     ledger.Entry // commit or resolution
}

// end records how an attempt ended.
func (s *Service) end(w http.ResponseWriter, r *http.Request, c caller, _ *ledger.State) (*wire.Answer, error) {
	q, err := body[wire.Record](s, w, r)
	if err != nil {
		return nil, err
	}
	e := &ending{s: s, c: c, q: q}
	if err := e.open(); err != nil {
		return nil, err
	}
	a, err := e.record(context.WithoutCancel(r.Context()))
	if a == nil || a.Seq == nil {
		return a, err
	}
	return a, errors.Join(err, s.prove(r.Context(), a, q.Since))
}

// open checks that the entries are the caller's, of this effect, and say the same.
func (e *ending) open() (err error) {
	if (e.q.Commit == nil) == (e.q.Resolution == nil) {
		return fmt.Errorf("%w: a commit or a resolution ends an attempt", object.ErrInvalid)
	}
	if len(e.q.Receipt) > ledger.MaxReceipt {
		return fmt.Errorf("%w: %d bytes", ledger.ErrTooLarge, len(e.q.Receipt))
	}
	if e.receipt, err = ledger.ParseEntry(ledger.EntryReceipt, e.q.Receipt); err != nil {
		return err
	}
	kind, raw := ledger.EntryCommit, e.q.Commit
	if raw == nil {
		kind, raw = ledger.EntryResolution, e.q.Resolution
	}
	if e.end, err = ledger.ParseEntry(kind, raw); err != nil {
		return err
	}
	for _, entry := range []ledger.Entry{e.receipt, e.end} {
		if idem, ok := entry.IdemID(); !ok || idem != e.c.idem {
			return fmt.Errorf("%w: the %s is of another effect", object.ErrInvalid, entry.KindName())
		}
		if entry.Time() > e.s.Now().Add(auth.MaxSkew) {
			return fmt.Errorf("%w: the %s is of the future", object.ErrInvalid, entry.KindName())
		}
		if err := (kvledger.Elsewhere{Ledger: e.s.Ledger}).Verify(entry, e.c.agent); err != nil {
			return err
		}
	}
	r := e.receipt.Receipt
	if object.Sum(e.q.Response) != r.ResponseHash {
		return fmt.Errorf("%w: the response is not that of the receipt", object.ErrInvalid)
	}
	if c := e.end.Commit; c != nil {
		if c.ReceiptID != r.ReceiptID || c.ToolID != r.ToolID || c.RequestHash != r.RequestHash || c.ResponseHash != r.ResponseHash || c.Status != r.Status {
			return fmt.Errorf("%w: the commit is of another receipt", object.ErrInvalid)
		}
		return nil
	}
	if res := e.end.Resolution; !res.ByOwner() || !slices.Contains(res.Evidence, r.ReceiptID) {
		return fmt.Errorf("%w: the resolution is not the owner's, or of another receipt", object.ErrInvalid)
	}
	return nil
}

func (e *ending) record(ctx context.Context) (*wire.Answer, error) {
	l, r := kvledger.Elsewhere{Ledger: e.s.Ledger}, e.receipt.Receipt
	_, put, err := e.s.Responses.BytesUpdate(ctx, e.q.Response)
	if err != nil {
		return nil, fmt.Errorf("keep the response: %w", err)
	}
	for {
		st, err := l.Read(ctx, e.c.idem)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(st.History, func(h ledger.Entry) bool { return h.Kind == e.end.Kind && bytes.Equal(h.Raw, e.end.Raw) }); i >= 0 {
			return recorded(st.History[i].Seq), nil // it was recorded before, and the answer was lost
		}
		v, err := e.judge(&st)
		if err != nil {
			return nil, err
		}
		if !v.Append {
			if e.end.Resolution != nil {
				return nil, errors.Join(v.Err, l.Record(ctx, e.q.Receipt))
			}
			return &wire.Answer{Verdict: wire.Recorded}, v.Err
		}
		riders, err := e.settled(ctx, &st)
		if err != nil {
			return nil, err
		}
		if put != nil {
			riders = append(riders, ledger.Rider{Size: len(e.q.Response) + 256, Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) { return put, nil }})
		}
		entries := []ledger.Entry{e.receipt, e.end}
		ok, err := l.Append(ctx, &st, v, r.ToolID, riders, entries)
		if err != nil {
			return nil, err
		}
		if ok {
			e.wake(&st, v)
			return recorded(entries[1].Seq), v.Err
		}
	}
}

// judge asks the state machine for its verdict.
func (e *ending) judge(st *ledger.State) (ledger.Verdict, error) {
	if e.end.Resolution != nil {
		return ledger.Decide(*st, ledger.Event{Resolution: e.end.Resolution}, e.s.Now(), ledger.Policy{}), nil
	}
	if about := e.q.About; about != nil && (*about != st.Fence || st.Commit != nil || st.Presence == ledger.Held) {
		return ledger.Verdict{}, &ledger.AttemptError{IdemID: e.c.idem, About: *about, Latest: st.Fence}
	}
	return ledger.Decide(*st, ledger.Event{Commit: e.end.Commit}, e.s.Now(), ledger.Policy{}), nil
}

// wake tells those who wait for the effect.
func (e *ending) wake(st *ledger.State, v ledger.Verdict) {
	if e.end.Commit == nil || v.Err != nil || st.Register == nil {
		e.s.hub.wake(e.c.idem, nil)
		return
	}
	o := &ledger.Outcome{Receipt: e.q.Receipt, Commit: e.q.Commit, Body: e.q.Response}
	for i := range st.History {
		if st.History[i].Register != nil {
			o.Register = st.History[i].Raw
		}
	}
	e.s.hub.wake(e.c.idem, o)
}

func recorded(seq uint64) *wire.Answer { return &wire.Answer{Verdict: wire.Recorded, Seq: &seq} }
