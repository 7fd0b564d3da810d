package kvledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// MarkDivergent appends a divergence mark for a conflict that was found elsewhere, such as two ledgers that committed
// different responses. An effect that is already marked stays unchanged.
func (l *Ledger) MarkDivergent(ctx context.Context, tool, idem object.Hash, reason uint8, evidence []object.Hash) error {
	evidence = slices.Clone(evidence)
	slices.SortFunc(evidence, object.Hash.Compare)
	evidence = slices.Compact(evidence)
	if evidence == nil {
		evidence = []object.Hash{}
	}
	for {
		s, err := l.Read(ctx, idem)
		if err != nil {
			return err
		}
		now := l.now()
		m := &ledger.DivergenceMark{IdemID: idem, ToolID: tool, Reason: reason, Evidence: evidence, TimeObserved: now}
		if err := m.Check(); err != nil {
			return fmt.Errorf("mark: %w: %w", object.ErrInvalid, err)
		}
		if v := ledger.Decide(s, ledger.Event{Mark: m}, now, ledger.Policy{}); !v.Append {
			return v.Err
		}
		if ok, err := l.extend(ctx, &s, ledger.Verdict{Reason: reason, Evidence: evidence}, tool, now, true, nil); err != nil || ok {
			return err
		}
	}
}

// maxSkew is the largest difference of clocks: the local clock cannot judge a lease that begins later than that.
const maxSkew = 5 * time.Minute

// Resolve appends an operator's signed decision (ResolveRetry, ResolveAbandon or ResolveAccept) on the attempt with the
// fence about: one that ended with an unknown outcome, failed (ResolveRetry only), or left a divergent history. For
// ResolveAccept the evidence names the receipt of one recorded commit, which is replayed from then on; this also
// revives an abandoned effect. The key keeps its first request, or takes that of the accepted commit. Errors:
// ErrNotResolvable, ErrNotOperator, and ErrAttempt when about is no longer the latest attempt.
func (l *Ledger) Resolve(ctx context.Context, idem object.Hash, decision uint8, about uint64, evidence []object.Hash, notes string) error {
	if l.Operator != nil && !l.Operator(l.self.Agent(), ledger.Moment{Time: l.now()}) {
		return fmt.Errorf("%s: %w", l.self.Agent(), ledger.ErrNotOperator)
	}
	r := ledger.Resolution{IdemID: idem, Decision: decision, About: &about, Evidence: append([]object.Hash{}, evidence...), Signer: l.self.Agent()}
	if notes != "" {
		r.Notes = &notes
	}
	if err := r.Check(); err != nil {
		return fmt.Errorf("resolution: %w: %w", object.ErrInvalid, err)
	}
	if r.ByOwner() {
		return fmt.Errorf("decision %d is not an operator's: %w", decision, ledger.ErrNotResolvable)
	}
	for {
		s, err := l.Read(ctx, idem)
		if err != nil {
			return err
		}
		now := l.now()
		if s.Open() && s.Presence == ledger.Unseen && s.Register.TimeObserved > now.Add(maxSkew) {
			s.Presence = ledger.Gone // registered by a clock that was ahead: its lease says nothing
		}
		r.TimeObserved, r.Signature = now, object.Signature{}
		if v := ledger.Decide(s, ledger.Event{Resolution: &r}, now, ledger.Policy{}); !v.Append {
			return v.Err
		}
		raw, err := l.self.Seal(ledger.ResolutionRule, &r, &r.Signature)
		if err != nil {
			return err
		}
		e := ledger.Entry{Kind: ledger.EntryResolution, Raw: raw, Resolution: &r}
		if ok, err := l.extend(ctx, &s, ledger.Verdict{}, object.Hash{}, now, true, nil, e); err != nil || ok {
			return err
		}
	}
}
