package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// longWait is how long a request waits before the caller has to ask again.
const longWait = 10 * time.Minute

// hub wakes those who wait for effects. All who wait for the same effect share a room, one look at the ledger, and one
// answer.
type hub struct {
	mu    sync.Mutex
	rooms map[object.Hash]*room
}

type room struct {
	done   chan struct{} // closed when the effect may have changed
	leave  context.CancelFunc
	guests int

	outcome *ledger.Outcome // how it ended, if known

	mu      sync.Mutex
	answers map[uint64][]byte // by the number of entries in the caller's checkpoint
}

// enter joins the callers that wait for an effect; look waits until it may have changed.
func (h *hub) enter(idem object.Hash, look func(context.Context)) (*room, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[idem]
	if r == nil {
		ctx, cancel := context.WithCancel(context.Background())
		r = &room{done: make(chan struct{}), leave: cancel, answers: map[uint64][]byte{}}
		if h.rooms == nil {
			h.rooms = map[object.Hash]*room{}
		}
		h.rooms[idem] = r
		go func() {
			look(ctx)
			h.open(idem, r, nil)
		}()
	}
	r.guests++
	return r, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if r.guests--; r.guests == 0 && h.rooms[idem] == r {
			delete(h.rooms, idem)
			r.leave()
		}
	}
}

// wake tells all who wait for an effect that it has changed.
func (h *hub) wake(idem object.Hash, o *ledger.Outcome) {
	h.mu.Lock()
	r := h.rooms[idem]
	h.mu.Unlock()
	if r != nil {
		h.open(idem, r, o)
	}
}

func (h *hub) open(idem object.Hash, r *room, o *ledger.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms[idem] != r {
		return
	}
	delete(h.rooms, idem)
	r.leave()
	r.outcome = o
	close(r.done)
}

// wait answers when the same request, asked again, may get another answer than that the effect is under way.
func (s *Service) wait(w http.ResponseWriter, r *http.Request, c caller, q *wire.Ask) (*wire.Answer, error) {
	if _, _, err := s.authority(r.Context(), c, q); err != nil {
		return nil, err
	}
	asked := question{object.Sum(q.Request), q.Again, q.Since}
	*q = wire.Ask{} // many wait, and their requests are no longer needed
	in, leave := s.hub.enter(c.idem, func(ctx context.Context) { _, _ = s.Ledger.Await(ctx, c.idem, asked.request) })
	defer leave()
	st, err := s.Ledger.Read(r.Context(), c.idem)
	if err != nil {
		return nil, err
	}
	if v := ledger.Decide(st, ledger.Event{Attempt: &ledger.Attempt{Owner: c.agent, Instance: make([]byte, ledger.InstanceSize), RequestHash: asked.request, Again: asked.again}}, s.Now(), ledger.Policy{}); !errors.Is(v.Err, ledger.ErrBusy) {
		return &wire.Answer{Verdict: wire.Changed}, nil
	}
	s.door.Wait(w)
	timer := time.NewTimer(longWait)
	defer timer.Stop()
	select {
	case <-in.done:
	case <-timer.C:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	s.door.Answer(w)
	return s.left(r.Context(), w, in, asked)
}

// question is the part of an Ask that is held while it waits.
type question struct {
	request object.Hash
	again   bool
	since   *uint64
}

// left answers with what the attempt left, encoded once for all callers with the same checkpoint; nil: it was sent.
func (s *Service) left(ctx context.Context, w http.ResponseWriter, in *room, q question) (*wire.Answer, error) {
	o := in.outcome
	if o == nil {
		return &wire.Answer{Verdict: wire.Changed}, nil
	}
	e, err := ledger.ParseEntry(ledger.EntryCommit, o.Commit)
	if err != nil {
		return nil, err
	}
	if e.Commit.RequestHash != q.request || q.again && ledger.Retryable(e.Commit.Status) {
		return &wire.Answer{Verdict: wire.Changed}, nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	since := uint64(1<<64 - 1)
	if q.since != nil {
		since = *q.since
	}
	raw := in.answers[since]
	if raw == nil {
		st, err := s.Ledger.Read(ctx, e.Commit.IdemID)
		if err != nil {
			return nil, err
		}
		if st.Commit == nil || st.Commit.ReceiptID != e.Commit.ReceiptID {
			return &wire.Answer{Verdict: wire.Changed}, nil
		}
		a, err := replayed(&st, o.Body)
		if err == nil {
			err = s.prove(ctx, a, q.since)
		}
		if err != nil {
			return nil, err
		}
		a.Now = s.Now()
		if raw, err = can.Marshal(a); err != nil {
			return nil, err
		}
		in.answers[since] = raw
	}
	return nil, s.sendTo(w, raw)
}

func (s *Service) sendTo(w http.ResponseWriter, raw []byte) error {
	send(w, raw)
	return nil
}

// replayed returns the answer for an effect's outcome.
func replayed(st *ledger.State, body []byte) (*wire.Answer, error) {
	raw, err := can.Marshal(st.Outcome(body))
	if err != nil {
		return nil, err
	}
	a := &wire.Answer{Verdict: wire.Replay, Outcome: raw}
	for i := range st.History {
		if st.History[i].Commit == st.Commit {
			a.Seq = &st.History[i].Seq
		}
	}
	return a, nil
}
