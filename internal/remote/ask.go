package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// ErrAnswer means that a ledger's answer does not fit the request, or cannot be verified.
var ErrAnswer = fmt.Errorf("the ledger's answer does not hold: %w", mlog.ErrCheckpoint)

// ask sends an Ask with a register, and proves the answer.
func (l *Ledger) ask(ctx context.Context, idem object.Hash, chain caps.Chain, q wire.Ask, kind byte, raw []byte) (*wire.Answer, error) {
	since, done := l.pins.lead()
	defer done()
	q.Since = since
	body, err := can.Marshal(&q)
	if err != nil {
		return nil, err
	}
	a, err := l.answered(ctx, "/v1/effects/"+idem.String()+"/register", chain, body, persistence{most: l.Patience})
	if err != nil {
		return nil, err
	}
	switch a.Verdict {
	case wire.Invoke:
	case wire.Replay:
		if kind, raw, err = committed(a); err != nil {
			return nil, err
		}
	default:
		return a, nil
	}
	return a, l.proven(ctx, chain, a, since, kind, raw, done)
}

// committed returns the entry that a replay rests on.
func committed(a *wire.Answer) (byte, []byte, error) {
	o, err := object.Decode[ledger.Outcome](a.Outcome)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return ledger.EntryCommit, o.Commit, nil
}

// proven checks that the entry of an answer is in the log, by the proof in the answer or by requesting one.
func (l *Ledger) proven(ctx context.Context, chain caps.Chain, a *wire.Answer, since *uint64, kind byte, raw []byte, done func()) error {
	if a.Seq == nil {
		return fmt.Errorf("%w: it does not say where the entry is", ErrAnswer)
	}
	e := entry{seq: *a.Seq, kind: kind, raw: raw}
	if since != nil {
		if a.Proof == nil {
			return fmt.Errorf("%w: it has no proof", ErrAnswer)
		}
		return l.pins.take(ctx, a.Proof, e)
	}
	done()
	return l.pins.prove(ctx, chain, e)
}

// answered sends a request until it is answered, and reads the answer.
func (l *Ledger) answered(ctx context.Context, path string, chain caps.Chain, body []byte, p persistence) (*wire.Answer, error) {
	raw, err := l.post(ctx, path, chain, body, p)
	if err != nil {
		return nil, err
	}
	a, err := object.Decode[wire.Answer](raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return a, nil
}

// Await waits until asking for an effect again may get another answer than ErrBusy.
func (l *Ledger) Await(ctx context.Context, idem, request object.Hash) (*ledger.Awaited, error) {
	l.mu.Lock()
	was, far := l.asked[idem]
	l.mu.Unlock()
	if !far {
		return l.Local.Await(ctx, idem, request)
	}
	since := l.pins.size()
	was.q.Since = &since
	body, err := can.Marshal(&was.q)
	if err != nil {
		return nil, err
	}
	a, err := l.answered(ctx, "/v1/effects/"+idem.String()+"/wait", was.chain, body, persistence{most: l.Patience, waits: true})
	if err != nil || a.Verdict != wire.Replay {
		return nil, err
	}
	left, err := l.Local.OpenOutcome(a.Outcome, idem, request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	kind, raw, err := committed(a)
	if err != nil {
		return nil, err
	}
	if now, done := l.pins.lead(); now != nil { // nobody else asks for proofs
		if *now == since && a.Proof != nil && a.Seq != nil {
			err = l.pins.take(ctx, a.Proof, entry{seq: *a.Seq, kind: kind, raw: raw})
			done()
			return left, err
		}
		done()
	}
	return left, l.proven(ctx, was.chain, a, nil, kind, raw, func() {})
}

// Read returns the state of an effect about which this process has already asked the ledger.
func (l *Ledger) Read(ctx context.Context, idem object.Hash) (ledger.State, error) {
	l.mu.Lock()
	chain := l.active[idem]
	if was, ok := l.asked[idem]; ok {
		chain = was.chain
	}
	l.mu.Unlock()
	if chain == nil {
		return l.Local.Read(ctx, idem)
	}
	return l.History(ctx, idem, chain)
}

// History returns the state of an effect as the ledger has it, with every signature checked. It is not proven to be
// complete: missing entries would not be noticed.
func (l *Ledger) History(ctx context.Context, idem object.Hash, chain caps.Chain) (ledger.State, error) {
	s := ledger.State{IdemID: idem}
	raw, err := l.get(ctx, "/v1/effects/"+idem.String(), chain)
	if err != nil {
		return s, err
	}
	h, err := object.Decode[wire.History](raw)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	known := []object.AgentID{l.Agent(), l.Signer.Agent()}
	var entries []ledger.Entry
	for _, got := range h.Entries {
		e, err := ledger.ParseEntry(got.Kind, got.Raw)
		if err == nil {
			e.Seq, known = got.Seq, append(known, e.Signers()...)
			err = e.Verify(known...)
		}
		if errors.Is(err, ledger.ErrUnverifiable) {
			e.Unverified, err = true, nil
		}
		if of, ok := e.IdemID(); err == nil && (!ok || of != idem) {
			err = fmt.Errorf("an entry is of another effect")
		}
		if err != nil {
			return s, fmt.Errorf("%w: %w", ErrAnswer, err)
		}
		entries = append(entries, e)
	}
	return ledger.Fold(idem, entries), nil
}
