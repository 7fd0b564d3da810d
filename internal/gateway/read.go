package gateway

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// history answers with the entries of an effect, for a caller that has a capability for its tool.
func (s *Service) history(w http.ResponseWriter, r *http.Request) {
	raw, err := s.entries(r)
	if err != nil {
		s.door.Refuse(w, r, err)
		return
	}
	send(w, raw)
}

func (s *Service) entries(r *http.Request) ([]byte, error) {
	c, err := s.capable(r)
	if err != nil {
		return nil, err
	}
	if c.idem, err = peer.PathHash(r, "id"); err != nil {
		return nil, err
	}
	st, err := s.Ledger.Read(r.Context(), c.idem)
	if err != nil {
		return nil, err
	}
	h := wire.History{Entries: []wire.Entry{}}
	if !mayRead(c, &st) {
		return can.Marshal(&h)
	}
	for _, e := range st.History {
		h.Entries = append(h.Entries, wire.Entry{Kind: e.Kind, Raw: e.Raw, Seq: e.Seq})
	}
	return can.Marshal(&h)
}

// mayRead admits the maker of an attempt, and a caller that may call the tool with any request; for mythos.once, its
// program. To others an effect looks as if it never existed.
func mayRead(c caller, st *ledger.State) bool {
	if attempted(st, c.agent) {
		return true
	}
	tools, free := toolsOf(c.chain)
	return free && slices.ContainsFunc(st.History, func(e ledger.Entry) bool {
		if e.Tool() != once.Tool {
			return slices.Contains(tools, e.Tool())
		}
		return e.Receipt != nil && len(e.Receipt.Evidence) > 1 && slices.Contains(tools, e.Receipt.Evidence[1])
	})
}

// toolsOf returns the tools that a chain allows to call; free: with any request.
func toolsOf(chain caps.Chain) (tools []object.Hash, free bool) {
	of, err := chain[0].Cap.Scope.Decode()
	if err != nil {
		return nil, false
	}
	call, one := of.(*scope.ToolCall)
	return scope.Tools(of), !one || call.Constraints == nil
}

// mark appends a mark about a conflict that was found elsewhere, signed by an agent trusted for ledgers.
func (s *Service) mark(w http.ResponseWriter, r *http.Request) {
	a, err := s.marked(w, r)
	s.answer(w, r, a, err)
}

func (s *Service) marked(w http.ResponseWriter, r *http.Request) (*wire.Answer, error) {
	agent, _, err := s.door.Proved(r)
	if err != nil {
		return nil, err
	}
	if !s.Marks(agent) {
		return nil, &caps.DeniedError{Check: caps.CheckTrust, Reason: fmt.Sprintf("%s is not trusted to mark effects as divergent", agent), Help: "trust it for \"ledger\" in trust.yaml"}
	}
	idem, err := peer.PathHash(r, "id")
	if err != nil {
		return nil, err
	}
	raw, err := s.door.Body(w, r, ledger.MaxReceipt)
	if err != nil {
		return nil, err
	}
	e, err := ledger.ParseEntry(ledger.EntryDivergence, raw)
	if err != nil {
		return nil, err
	}
	if e.Mark.IdemID != idem {
		return nil, fmt.Errorf("%w: the mark is of another effect", object.ErrInvalid)
	}
	l := kvledger.Elsewhere{Ledger: s.Ledger}
	if err := l.Verify(e, agent); err != nil {
		return nil, err
	}
	ctx := context.WithoutCancel(r.Context())
	for {
		st, err := l.Read(ctx, idem)
		if err != nil {
			return nil, err
		}
		v := ledger.Decide(st, ledger.Event{Mark: e.Mark}, s.Now(), ledger.Policy{})
		if !v.Append {
			return &wire.Answer{Verdict: wire.Recorded}, v.Err
		}
		entries := []ledger.Entry{e}
		if ok, err := l.Append(ctx, &st, ledger.Verdict{}, e.Mark.ToolID, nil, entries); err != nil || ok {
			s.hub.wake(idem, nil)
			return recorded(entries[0].Seq), err
		}
	}
}

// charges charges a use of a tool without a key to a capability. It is deduplicated not by what is asked but by the
// request, so that a request works once.
func (s *Service) charges(w http.ResponseWriter, r *http.Request) {
	a, err := s.charged(w, r)
	s.answer(w, r, a, err)
}

func (s *Service) charged(w http.ResponseWriter, r *http.Request) (*wire.Answer, error) {
	c, err := s.capable(r)
	if err != nil {
		return nil, err
	}
	leave, err := s.door.Enter(r, c.agent)
	if err != nil {
		return nil, err
	}
	defer leave()
	q, err := body[wire.Ask](s, w, r)
	if err != nil {
		return nil, err
	}
	if len(q.Caps) > 0 { // the capability that covers the use is charged
		return nil, fmt.Errorf("%w: a charge must be to the capability that is shown", object.ErrInvalid)
	}
	use, _, err := s.authority(r.Context(), c, q)
	if err == nil {
		err = unasked(c.chain)
	}
	if err == nil {
		err = s.door.Once(r, c.agent)
	}
	if err == nil {
		err = s.Quotas.Charge(context.WithoutCancel(r.Context()), c.chain, use)
	}
	return &wire.Answer{Verdict: wire.Recorded, Cap: &c.chain[0].ID, Price: use.Price}, err
}

// lateReceipt is how late the receipt of an effect without a key is accepted.
const lateReceipt = 24 * time.Hour

// receipts stores the receipt of an effect without a key, whose capability was valid when the effect happened.
func (s *Service) receipts(w http.ResponseWriter, r *http.Request) {
	a, err := s.received(w, r)
	s.answer(w, r, a, err)
}

func (s *Service) received(w http.ResponseWriter, r *http.Request) (*wire.Answer, error) {
	agent, chain, err := s.door.Proved(r)
	if err == nil && len(chain) == 0 {
		err = &caps.DeniedError{Check: caps.CheckActive, Reason: "no capability is shown", Help: "show the one that was charged"}
	}
	if err == nil {
		err = s.Verifier.Verify(chain, agent, min(chain[0].Cap.ExpiresAt-1, s.Now()))
	}
	if err != nil {
		return nil, err
	}
	leave, err := s.door.Enter(r, agent)
	if err != nil {
		return nil, err
	}
	defer leave()
	raw, err := s.door.Body(w, r, ledger.MaxReceipt)
	if err != nil {
		return nil, err
	}
	rec, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	tools, _ := toolsOf(chain)
	switch {
	case !rec.Signer.Same(agent) || len(rec.IdempotencyKey) > 0:
		return nil, fmt.Errorf("%w: the receipt is another agent's, or has a key", object.ErrInvalid)
	case rec.TimeObserved > now.Add(auth.MaxSkew) || rec.TimeObserved < now.Add(-lateReceipt):
		return nil, fmt.Errorf("%w: the receipt is of %s, here it is %s", object.ErrInvalid, rec.TimeObserved, now)
	case len(rec.Evidence) == 0 || rec.Evidence[0] != chain[0].ID:
		return nil, fmt.Errorf("%w: the receipt does not name the capability that is shown", object.ErrInvalid)
	case !slices.Contains(tools, evidence.Charged(rec)):
		return nil, &caps.DeniedError{Check: caps.CheckScope, Cap: chain[0].ID, Reason: "it is for other tools", Help: "show the one that was charged"}
	}
	ctx := context.WithoutCancel(r.Context())
	if seq, err := s.Ledger.ReceiptSeq(ctx, rec.ReceiptID); err == nil {
		return recorded(seq), nil // it was recorded before, and the answer was lost
	}
	beyond, err := s.beyond(rec, chain)
	if err != nil {
		return nil, err
	}
	if err := s.Ledger.Record(ctx, raw, beyond...); err != nil {
		return nil, err
	}
	seq, err := s.Ledger.ReceiptSeq(ctx, rec.ReceiptID)
	if err != nil {
		return nil, err
	}
	return recorded(seq), nil
}
