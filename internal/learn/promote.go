package learn

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
)

// Promote puts a model into a ring as an effect. If the conditions are not met, the error is that of the registry. If a
// crash interrupted a promotion after the ring had changed, that promotion is finished and returned.
func (l *Learner) Promote(ctx context.Context, q model.PromoteRequest, chains []caps.Chain) (*model.PromotionRecord, error) {
	release, err := l.deciding(ctx, decidesRecord, q.RingID)
	if err != nil {
		return nil, err
	}
	defer release()
	if rec, err := l.settleRecord(ctx, q.RingID, chains); err != nil {
		return nil, err
	} else if rec != nil && rec.Action == model.ActionPromote && rec.ModelID == q.ModelID && rec.PolicyID == q.PolicyID {
		return rec, nil
	}
	if done, err := l.Promoted(ctx, q); err != nil {
		return nil, err
	} else if done {
		return l.deploy(ctx, effectPromote, &q, q.RingID, q.PolicyID, chains)
	}
	conditions, hold, err := l.Models.Check(ctx, q)
	if err != nil {
		return nil, err
	}
	if _, bad := judge.Failed(conditions); bad {
		return nil, fmt.Errorf("promotion of %s to ring %d: %w", q.ModelID.Short(), q.RingID,
			&registry.RefusedError{Model: q.ModelID, Ring: q.RingID, Conditions: conditions})
	}
	if hold != nil && hold.Frozen {
		return nil, &registry.FrozenError{Hold: *hold}
	}
	return l.deploy(ctx, effectPromote, &q, q.RingID, q.PolicyID, chains)
}

// AskPromotion returns the request to put a model into a ring after its present state. If the newest record is this
// very promotion, it returns the request of that promotion, so that asking again gives the same answer.
func (l *Learner) AskPromotion(ctx context.Context, m, policy object.Hash, ring uint8) (model.PromoteRequest, error) {
	q := model.PromoteRequest{ModelID: m, PolicyID: policy, RingID: ring}
	newest, err := l.Models.Newest(ctx, ring)
	if err != nil || newest == nil {
		return q, err
	}
	p, _, err := l.Models.Record(ctx, *newest)
	if err != nil {
		return q, err
	}
	if q.After = newest; l.isPromotion(p, q) {
		q.After = p.Previous
	}
	return q, nil
}

// isPromotion reports whether a record is a promotion of ours as q asks, whatever was before.
func (l *Learner) isPromotion(p *model.PromotionRecord, q model.PromoteRequest) bool {
	return p.Action == model.ActionPromote && p.ModelID == q.ModelID && p.PolicyID == q.PolicyID && p.Signer.Same(l.ID.Self())
}

// Promoted reports whether the newest record of the ring is what q asks for: the same was asked before, and its answer
// is also the answer now.
func (l *Learner) Promoted(ctx context.Context, q model.PromoteRequest) (bool, error) {
	newest, err := l.Models.Newest(ctx, q.RingID)
	if err != nil || newest == nil {
		return false, err
	}
	p, _, err := l.Models.Record(ctx, *newest)
	if err != nil {
		return false, err
	}
	sameBefore := (p.Previous == nil) == (q.After == nil) && (q.After == nil || *p.Previous == *q.After)
	return sameBefore && l.isPromotion(p, q), nil
}

// Rollback restores the previous state of a ring, as an effect. If a crash interrupted a rollback after the ring had
// changed, that rollback is finished and returned.
func (l *Learner) Rollback(ctx context.Context, q model.RollbackRequest, chains []caps.Chain) (*model.PromotionRecord, error) {
	release, err := l.deciding(ctx, decidesRecord, q.RingID)
	if err != nil {
		return nil, err
	}
	defer release()
	if rec, err := l.settleRecord(ctx, q.RingID, chains); err != nil || (rec != nil && rec.Action == model.ActionRollback) {
		return rec, err
	}
	return l.deploy(ctx, effectRollback, &q, q.RingID, q.PolicyID, chains)
}

// deploy runs promote or rollback and moves the ring's ref.
func (l *Learner) deploy(ctx context.Context, name string, request any, ring uint8, policy object.Hash, chains []caps.Chain) (*model.PromotionRecord, error) {
	called, err := l.Caller.Ask(ctx, name, request, chains, scope.Use{Kind: scope.KindDeployPromote, Ring: ring, Policy: policy})
	if called, err = l.Caller.Noted(ctx, called, err); err != nil {
		return nil, err
	}
	rec, _, err := model.OpenPromotion(called.Body)
	if err != nil {
		return nil, err
	}
	state, err := l.Models.State(ctx, ring)
	if err != nil {
		return nil, err
	}
	return rec, l.Store.SetRef(ctx, lookup.RingRef(ring), state.ModelID, nil)
}

// recordBytes returns the response of promote and rollback: the canonical record.
func (l *Learner) recordBytes(ctx context.Context, rec *model.PromotionRecord, err error) (exec.Response, error) {
	if err != nil {
		return exec.Response{}, err
	}
	_, raw, err := l.Models.Record(ctx, rec.PromotionID)
	return exec.Response{Body: raw, Status: exec.StatusOK}, err
}

// Settle finishes decisions about a ring that a crash interrupted after they had taken effect and before their receipt
// was stored. It asks for them again, which changes nothing but leaves the receipt. It does nothing about a decision
// that has a receipt, or that another process is about to change.
func (l *Learner) Settle(ctx context.Context, ring uint8) error {
	reg := l.Models
	newest, err := reg.Newest(ctx, ring)
	if err == nil && newest != nil {
		err = l.finish(ctx, decidesRecord, ring, *newest, func() error {
			_, err := l.settleRecord(ctx, ring, nil)
			return err
		})
	}
	if err != nil {
		return err
	}
	p, err := reg.InForce(ctx, ring)
	if err == nil {
		err = l.finish(ctx, decidesPolicy, ring, p.PolicyID, func() error { return l.settlePolicy(ctx, ring) })
	}
	if err != nil && !errors.Is(err, model.ErrNotFound) {
		return err
	}
	h, err := reg.Hold(ctx, ring)
	if err != nil || h == nil {
		return err
	}
	return l.finish(ctx, decidesHold, ring, h.HoldID, func() error { return l.settleHold(ctx, ring) })
}

// finish settles a decision if it has no receipt and nobody is working on it.
func (l *Learner) finish(ctx context.Context, what string, ring uint8, id object.Hash, settle func() error) error {
	receipts, err := l.Models.Decisions(ctx, id)
	if err != nil || len(receipts) > 0 {
		return err
	}
	release, err := l.deciding(ctx, what, ring)
	if errors.Is(err, ledger.ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	return settle()
}

// settlePolicy is settle for the policy in force.
func (l *Learner) settlePolicy(ctx context.Context, ring uint8) error {
	p, err := l.Models.InForce(ctx, ring)
	if errors.Is(err, model.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.again(ctx, p.PolicyID, func() error {
		_, err := l.Caller.DecideAsOwner(ctx, effectPolicySet, &model.PolicyRequest{PolicyID: p.PolicyID, After: p.Previous})
		return err
	})
}

// settleHold is settle for the newest freeze or thaw.
func (l *Learner) settleHold(ctx context.Context, ring uint8) error {
	h, err := l.Models.Hold(ctx, ring)
	if err != nil || h == nil || !h.Signer.Same(l.ID.Self()) {
		return err
	}
	return l.again(ctx, h.HoldID, func() error {
		_, err := l.Caller.DecideAsOwner(ctx, holdEffect(h.Frozen), &model.HoldRequest{RingID: ring, Reason: h.Reason, After: h.Previous})
		return err
	})
}

// again asks for a decision again if no receipt of it is stored.
func (l *Learner) again(ctx context.Context, id object.Hash, ask func() error) error {
	receipts, err := l.Models.Decisions(ctx, id)
	if err != nil || len(receipts) > 0 {
		return err
	}
	return ask()
}

// settleRecord is settle for the newest promotion or rollback; it returns the record if it had to be finished. Without
// a capability that covers the decision, it does nothing.
func (l *Learner) settleRecord(ctx context.Context, ring uint8, chains []caps.Chain) (done *model.PromotionRecord, err error) {
	newest, err := l.Models.Newest(ctx, ring)
	if err != nil || newest == nil {
		return nil, err
	}
	p, _, err := l.Models.Record(ctx, *newest)
	if err != nil || !p.Signer.Same(l.ID.Self()) {
		return nil, err
	}
	err = l.again(ctx, *newest, func() error {
		if p.Action == model.ActionRollback {
			done, err = l.rollbackAgain(ctx, p, chains)
		} else {
			q := model.PromoteRequest{ModelID: p.ModelID, RingID: ring, PolicyID: p.PolicyID, After: p.Previous}
			done, err = l.deploy(ctx, effectPromote, &q, ring, p.PolicyID, chains)
		}
		return err
	})
	if errors.Is(err, caps.ErrDenied) {
		return nil, nil
	}
	return done, err
}

// rollbackAgain asks again for a rollback that was already done.
func (l *Learner) rollbackAgain(ctx context.Context, p *model.PromotionRecord, chains []caps.Chain) (*model.PromotionRecord, error) {
	policy, err := l.Models.Policy(ctx, p.RingID)
	if err != nil {
		return nil, err
	}
	q := model.RollbackRequest{RingID: p.RingID, PolicyID: policy, Record: *p.Previous}
	if p.Reason != nil {
		q.Reason = *p.Reason
	}
	return l.deploy(ctx, effectRollback, &q, p.RingID, policy, chains)
}
