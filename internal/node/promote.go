package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// Promote puts a model into a ring as an effect. When the conditions do not hold,
// the error is that of the registry. A promotion that a crash cut short after the ring
// had moved is finished, and is the answer.
func (n *Node) Promote(ctx context.Context, q model.PromoteRequest, chains []caps.Chain) (*model.PromotionRecord, error) {
	release, err := n.deciding(ctx, decidesRecord, q.RingID)
	if err != nil {
		return nil, err
	}
	defer release()
	if rec, err := n.settleRecord(ctx, q.RingID, chains); err != nil {
		return nil, err
	} else if rec != nil && rec.Action == model.ActionPromote && rec.ModelID == q.ModelID && rec.PolicyID == q.PolicyID {
		return rec, nil
	}
	if done, err := n.Promoted(ctx, q); err != nil {
		return nil, err
	} else if done {
		return n.deploy(ctx, effectPromote, &q, q.RingID, q.PolicyID, chains)
	}
	conditions, hold, err := n.Models().Check(ctx, q)
	if err != nil {
		return nil, err
	}
	if _, bad := model.Failed(conditions); bad {
		return nil, fmt.Errorf("promotion of %s to ring %d: %w", q.ModelID.Short(), q.RingID,
			&model.RefusedError{Model: q.ModelID, Ring: q.RingID, Conditions: conditions})
	}
	if hold != nil && hold.Frozen {
		return nil, &model.FrozenError{Hold: *hold}
	}
	return n.deploy(ctx, effectPromote, &q, q.RingID, q.PolicyID, chains)
}

// AskPromotion is the request to put a model into a ring after what is there now. Where the
// newest record is this very promotion, it is the request that was answered with it: asking
// again gives the same answer.
func (n *Node) AskPromotion(ctx context.Context, m, policy object.Hash, ring uint8) (model.PromoteRequest, error) {
	q := model.PromoteRequest{ModelID: m, PolicyID: policy, RingID: ring}
	newest, err := n.Models().Newest(ctx, ring)
	if err != nil || newest == nil {
		return q, err
	}
	p, _, err := n.Models().Record(ctx, *newest)
	if err != nil {
		return q, err
	}
	if q.After = newest; n.isPromotion(p, q) {
		q.After = p.Previous
	}
	return q, nil
}

// isPromotion reports whether a record is a promotion of ours as q asks, after whatever.
func (n *Node) isPromotion(p *model.PromotionRecord, q model.PromoteRequest) bool {
	return p.Action == model.ActionPromote && p.ModelID == q.ModelID && p.PolicyID == q.PolicyID && p.Signer.Same(n.Self())
}

// Promoted reports whether the newest record of the ring is what q asks for: somebody asked
// the same before, and the answer to that is this one's, too.
func (n *Node) Promoted(ctx context.Context, q model.PromoteRequest) (bool, error) {
	newest, err := n.Models().Newest(ctx, q.RingID)
	if err != nil || newest == nil {
		return false, err
	}
	p, _, err := n.Models().Record(ctx, *newest)
	if err != nil {
		return false, err
	}
	sameBefore := (p.Previous == nil) == (q.After == nil) && (q.After == nil || *p.Previous == *q.After)
	return sameBefore && n.isPromotion(p, q), nil
}

// Rollback restores what a ring had before, as an effect. A rollback that a crash cut
// short after the ring had moved is finished, and is the answer.
func (n *Node) Rollback(ctx context.Context, q model.RollbackRequest, chains []caps.Chain) (*model.PromotionRecord, error) {
	release, err := n.deciding(ctx, decidesRecord, q.RingID)
	if err != nil {
		return nil, err
	}
	defer release()
	if rec, err := n.settleRecord(ctx, q.RingID, chains); err != nil || (rec != nil && rec.Action == model.ActionRollback) {
		return rec, err
	}
	return n.deploy(ctx, effectRollback, &q, q.RingID, q.PolicyID, chains)
}

// deploy runs promote or rollback and moves the ring's ref.
func (n *Node) deploy(ctx context.Context, name string, request any, ring uint8, policy object.Hash, chains []caps.Chain) (*model.PromotionRecord, error) {
	called, err := n.ask(ctx, name, request, chains, scope.Use{Kind: scope.KindDeployPromote, Ring: ring, Policy: policy})
	if called, err = n.noted(ctx, called, err); err != nil {
		return nil, err
	}
	rec, _, err := model.OpenPromotion(called.Body)
	if err != nil {
		return nil, err
	}
	state, err := n.Models().State(ctx, ring)
	if err != nil {
		return nil, err
	}
	return rec, n.Store.SetRef(ctx, RingRef(ring), state.ModelID, nil)
}

// RingRef is the ref that names the model now in a ring.
func RingRef(ring uint8) string { return fmt.Sprintf("ring%d", ring) }

// RingOf is the reverse of RingRef.
func RingOf(ref string) (uint8, bool) {
	digits, ok := strings.CutPrefix(ref, "ring")
	ring, err := strconv.ParseUint(digits, 10, 8)
	return uint8(ring), ok && err == nil && RingRef(uint8(ring)) == ref
}

// recordBytes is the response of promote and rollback: the canonical record.
func (n *Node) recordBytes(ctx context.Context, rec *model.PromotionRecord, err error) (exec.Response, error) {
	if err != nil {
		return exec.Response{}, err
	}
	_, raw, err := n.Models().Record(ctx, rec.PromotionID)
	return exec.Response{Body: raw, Status: exec.StatusOK}, err
}

// settle finishes the decisions about a ring that a crash cut short after they had
// taken effect and before their receipt was kept: they are asked for again, which
// changes nothing but leaves the receipt. Nothing is done for a decision that has one,
// or that another process is about to change.
func (n *Node) settle(ctx context.Context, ring uint8) error {
	reg := n.Models()
	newest, err := reg.Newest(ctx, ring)
	if err == nil && newest != nil {
		err = n.finish(ctx, decidesRecord, ring, *newest, func() error {
			_, err := n.settleRecord(ctx, ring, nil)
			return err
		})
	}
	if err != nil {
		return err
	}
	p, err := reg.InForce(ctx, ring)
	if err == nil {
		err = n.finish(ctx, decidesPolicy, ring, p.PolicyID, func() error { return n.settlePolicy(ctx, ring) })
	}
	if err != nil && !errors.Is(err, model.ErrNotFound) {
		return err
	}
	h, err := reg.Hold(ctx, ring)
	if err != nil || h == nil {
		return err
	}
	return n.finish(ctx, decidesHold, ring, h.HoldID, func() error { return n.settleHold(ctx, ring) })
}

// finish does what settles a decision, when it has no receipt and nobody is at it.
func (n *Node) finish(ctx context.Context, what string, ring uint8, id object.Hash, settle func() error) error {
	receipts, err := n.Models().Decisions(ctx, id)
	if err != nil || len(receipts) > 0 {
		return err
	}
	release, err := n.deciding(ctx, what, ring)
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
func (n *Node) settlePolicy(ctx context.Context, ring uint8) error {
	p, err := n.Models().InForce(ctx, ring)
	if errors.Is(err, model.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return n.again(ctx, p.PolicyID, func() error {
		_, err := n.decideAsOwner(ctx, effectPolicySet, &model.PolicyRequest{PolicyID: p.PolicyID, After: p.Previous})
		return err
	})
}

// settleHold is settle for the newest freeze or thaw.
func (n *Node) settleHold(ctx context.Context, ring uint8) error {
	h, err := n.Models().Hold(ctx, ring)
	if err != nil || h == nil || !h.Signer.Same(n.Self()) {
		return err
	}
	return n.again(ctx, h.HoldID, func() error {
		_, err := n.decideAsOwner(ctx, holdEffect(h.Frozen), &model.HoldRequest{RingID: ring, Reason: h.Reason, After: h.Previous})
		return err
	})
}

// again asks for a decision again when no receipt of it is here.
func (n *Node) again(ctx context.Context, id object.Hash, ask func() error) error {
	receipts, err := n.Models().Decisions(ctx, id)
	if err != nil || len(receipts) > 0 {
		return err
	}
	return ask()
}

// settleRecord is settle for the newest promotion or rollback; it returns that record
// when it had to be finished. Without a capability that covers it, it stays as it is.
func (n *Node) settleRecord(ctx context.Context, ring uint8, chains []caps.Chain) (done *model.PromotionRecord, err error) {
	newest, err := n.Models().Newest(ctx, ring)
	if err != nil || newest == nil {
		return nil, err
	}
	p, _, err := n.Models().Record(ctx, *newest)
	if err != nil || !p.Signer.Same(n.Self()) {
		return nil, err
	}
	err = n.again(ctx, *newest, func() error {
		if p.Action == model.ActionRollback {
			done, err = n.rollbackAgain(ctx, p, chains)
		} else {
			q := model.PromoteRequest{ModelID: p.ModelID, RingID: ring, PolicyID: p.PolicyID, After: p.Previous}
			done, err = n.deploy(ctx, effectPromote, &q, ring, p.PolicyID, chains)
		}
		return err
	})
	if errors.Is(err, caps.ErrDenied) {
		return nil, nil
	}
	return done, err
}

// rollbackAgain asks for a rollback again that was done.
func (n *Node) rollbackAgain(ctx context.Context, p *model.PromotionRecord, chains []caps.Chain) (*model.PromotionRecord, error) {
	policy, err := n.Models().Policy(ctx, p.RingID)
	if err != nil {
		return nil, err
	}
	q := model.RollbackRequest{RingID: p.RingID, PolicyID: policy, Record: *p.Previous}
	if p.Reason != nil {
		q.Reason = *p.Reason
	}
	return n.deploy(ctx, effectRollback, &q, p.RingID, policy, chains)
}
