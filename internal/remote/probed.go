package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Resolve lets an effect run again that according to a probe did not happen. The ledger decides, by the receipt of the
// probe.
func (l *Ledger) Resolve(ctx context.Context, idem object.Hash, decision uint8, about uint64, evidence []object.Hash, notes string) error {
	l.mu.Lock()
	was, far := l.asked[idem]
	l.mu.Unlock()
	if !far {
		return l.Local.Resolve(ctx, idem, decision, about, evidence, notes)
	}
	if decision != ledger.ResolveRetry || len(evidence) != 1 {
		return fmt.Errorf("effect %s: %w by who called it: the ledger's operator decides", idem.Short(), ledger.ErrNotResolvable)
	}
	q, err := probe(ctx, l, was, about, evidence[0])
	if err != nil {
		return err
	}
	body, err := can.Marshal(q)
	if err != nil {
		return err
	}
	a, err := l.answered(ctx, "/v1/effects/"+idem.String()+"/probed", was.chain, body, persistence{most: l.Patience})
	switch {
	case err != nil:
		return err
	case a.Verdict == wire.Refused && a.Refusal != nil:
		return a.Refusal.Error(idem, true, about)
	case a.Verdict != wire.Recorded:
		return fmt.Errorf("%w: verdict %d to what a probe found", ErrAnswer, a.Verdict)
	}
	return nil
}

var errNoProbe = errors.New("the receipt is not of a probe about the attempt")

// probe is what the receipt of a probe says about an attempt.
func probe(ctx context.Context, l *Ledger, was asked, about uint64, receipt object.Hash) (*wire.Probed, error) {
	raw, err := l.Local.Receipt(ctx, receipt)
	if err != nil {
		return nil, err
	}
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(r.Evidence, ledger.DoubtID(ledger.IdemID(was.q.ToolID, was.q.Key), about)) {
		return nil, errNoProbe
	}
	answer, err := l.Bytes(ctx, r.ResponseHash)
	if err != nil {
		return nil, err
	}
	q := &wire.Probed{Ask: was.q, About: about, Receipt: raw, Answer: notNil(answer)}
	q.Ask.Since = nil
	return q, nil
}

// found returns the finding of a probe that the receipt of an effect rests on, and under which capability the effect
// was asked for; nil: the effect was executed, not found.
func found(ctx context.Context, l *Ledger, d ledger.Decision, receipt []byte) (*wire.Probed, caps.Chain, error) {
	l.mu.Lock()
	was, far := l.asked[d.IdemID]
	l.mu.Unlock()
	if d.About == 0 || !far {
		return nil, nil, nil
	}
	r, _, err := ledger.OpenReceipt(receipt)
	if err != nil || len(r.Evidence) == 0 {
		return nil, nil, err
	}
	q, err := probe(ctx, l, was, d.About, r.Evidence[len(r.Evidence)-1])
	if errors.Is(err, ledger.ErrNotFound) || errors.Is(err, errNoProbe) {
		return nil, nil, nil
	}
	return q, was.chain, err
}
