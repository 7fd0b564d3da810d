package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Check is the dry run of Promote: the six conditions as they are now, and the hold that would block it, if the ring is
// frozen.
func (r *Registry) Check(ctx context.Context, q model.PromoteRequest) ([]judge.Condition, *model.RingHold, error) {
	g, err := gatherer{r}.gather(ctx, q.ModelID, q.RingID, q.PolicyID)
	if err != nil {
		return nil, nil, err
	}
	if g.hold != nil && !g.hold.Frozen {
		g.hold = nil
	}
	return judge.Evaluate(&g.Evidence), g.hold, nil
}

// Promote puts a model into a ring if all six conditions hold. The record is signed by s. Record and pointer are
// durable when it returns; after a crash the ring has the old model or the new one. Repeating a request of the same
// signer returns its record. Errors: *RefusedError, *FrozenError (both wrap ErrRefused), *ConflictError (wraps
// ErrConflict). The conditions are returned with the record and with a *RefusedError.
func (r *Registry) Promote(ctx context.Context, s sign.Signer, q model.PromoteRequest) (*model.PromotionRecord, []judge.Condition, error) {
	in, d, k := gatherer{r}, decision{r}, keeper{r}
	g, err := in.gather(ctx, q.ModelID, q.RingID, q.PolicyID)
	if err != nil {
		return nil, nil, err
	}
	if done, err := d.done(ctx, s, g, q); done != nil || err != nil {
		return done, nil, err
	}
	if g.hold != nil && g.hold.Frozen {
		return nil, nil, &FrozenError{*g.hold}
	}
	conditions := judge.Evaluate(&g.Evidence)
	if _, failed := judge.Failed(conditions); failed {
		return nil, conditions, &RefusedError{q.ModelID, q.RingID, conditions}
	}
	p := g.record(q, conditions)
	if err := k.pin(ctx, g); err != nil {
		return nil, conditions, err
	}
	id, raw, err := model.NewPromotion(s, *p)
	if err != nil {
		return nil, conditions, err
	}
	if err := d.move(ctx, g.check, id, raw, p); err != nil {
		return nil, conditions, err
	}
	if err := k.unpin(ctx, q.RingID); err != nil {
		return nil, conditions, fmt.Errorf("the promotion is done; unpin models that left ring %d: %w", q.RingID, err)
	}
	p, _, err = model.OpenPromotion(raw)
	return p, conditions, err
}

// decision is about what stands in a ring; keeper about what its decisions keep there.
type (
	decision struct{ *Registry }
	keeper   struct{ *Registry }
)

// done checks whether the ring has the record that the request expects and, if not, whether the request was already
// carried out.
func (d decision) done(ctx context.Context, s sign.Signer, g *gathered, q model.PromoteRequest) (*model.PromotionRecord, error) {
	var have *object.Hash
	if g.state != nil {
		have = &g.state.PromotionID
		if err := d.publish(ctx, *have); err != nil {
			return nil, err
		}
	}
	if sameHash(have, q.After) {
		return nil, nil
	}
	if have != nil {
		p, _, err := d.Record(ctx, *have)
		if err != nil {
			return nil, err
		}
		if p.Action != model.ActionRollback && sameHash(p.Previous, q.After) && p.ModelID == q.ModelID && p.PolicyID == q.PolicyID && p.Signer.Same(s.Agent()) {
			return p, nil
		}
	}
	return nil, &ConflictError{Ring: q.RingID, Want: q.After, Have: have}
}

// publish stores a record among the objects, because a crash may have prevented that.
func (d decision) publish(ctx context.Context, id object.Hash) error {
	_, raw, err := d.Record(ctx, id)
	if err != nil {
		return err
	}
	return d.Store.PutObjects(ctx, store.Object{ID: id, Kind: "PromotionRecord", Raw: raw})
}

// record is the unsigned record of a promotion whose conditions hold.
func (g *gathered) record(q model.PromoteRequest, conditions []judge.Condition) *model.PromotionRecord {
	p := &model.PromotionRecord{ModelID: q.ModelID, RingID: q.RingID, PolicyID: q.PolicyID, TimeObserved: g.Now, Action: model.ActionPromote, Sequence: 1}
	attestations := map[object.Hash]bool{}
	for _, raw := range g.Attestations {
		if id, err := model.AttestationRule.ID(raw); err == nil {
			attestations[id] = true
		}
	}
	for _, c := range conditions[1:5] {
		for _, h := range c.Evidence {
			if attestations[h] {
				p.EvalAttestations = append(p.EvalAttestations, h)
			} else {
				p.Evidence = append(p.Evidence, h)
			}
		}
	}
	p.EvalAttestations, p.Evidence = judge.Sorted(p.EvalAttestations), judge.Sorted(p.Evidence)
	switch {
	case g.state != nil:
		p.Sequence = g.state.Sequence + 1
		p.Previous, p.Restore, p.Replaces = &g.state.PromotionID, &g.state.PromotionID, &g.state.ModelID
	case g.Parent != nil && g.Parent.Problem() == "":
		p.Fallback = &g.Parent.ID
	}
	return p
}

// pin pins the blobs of the model, and of a rollback's target, before the switch.
func (k keeper) pin(ctx context.Context, g *gathered) error {
	models := []*judge.ModelState{&g.Model}
	if g.Current != nil {
		models = append(models, g.Current)
	} else if g.Parent != nil && g.Parent.Problem() == "" {
		models = append(models, g.Parent)
	}
	for _, m := range models {
		for _, b := range m.Blobs {
			if err := k.Pins.Pin(ctx, b.CID, 0, pinReason(b.Role, m.ID, g.Ring)); err != nil {
				return fmt.Errorf("pin %s of model %s: %w", b.Role, m.ID.Short(), err)
			}
		}
	}
	return nil
}

// Rollback restores the state of the ring before its newest promotion. The model must be complete; no other condition
// is checked again, and a frozen ring can be rolled back, too. Errors wrap ErrRefused (ErrNoRollback, or the model is
// not complete), ErrConflict or ErrNotFound (the ring is empty).
func (r *Registry) Rollback(ctx context.Context, s sign.Signer, q model.RollbackRequest) (*model.PromotionRecord, error) {
	in, d := gatherer{r}, decision{r}
	g := &gathered{check: map[string][]byte{}}
	g.Ring = q.RingID
	if err := in.look(ctx, g, ringKey(q.RingID)); err != nil {
		return nil, err
	}
	state, err := r.State(ctx, q.RingID)
	if err != nil {
		return nil, err
	}
	newest, _, err := r.Record(ctx, state.PromotionID)
	if err != nil {
		return nil, err
	}
	if state.PromotionID != q.Record {
		if newest.Action == model.ActionRollback && newest.Previous != nil && *newest.Previous == q.Record && newest.Signer.Same(s.Agent()) {
			return newest, d.publish(ctx, state.PromotionID)
		}
		return nil, &ConflictError{Ring: q.RingID, Want: &q.Record, Have: &state.PromotionID}
	}
	if err := d.allowed(ctx, newest, q.PolicyID); err != nil {
		return nil, err
	}
	p, err := d.rollback(ctx, newest, state)
	if err != nil {
		return nil, err
	}
	if q.Reason != "" {
		p.Reason = &q.Reason
	}
	p.TimeObserved = r.Now()
	id, raw, err := model.NewPromotion(s, *p)
	if err != nil {
		return nil, err
	}
	if err := d.move(ctx, g.check, id, raw, p); err != nil {
		return nil, err
	}
	p, _, err = model.OpenPromotion(raw)
	return p, err
}

// allowed checks the policy that the request, and so the capability, names: that of the undone record, or the one in
// force now.
func (d decision) allowed(ctx context.Context, newest *model.PromotionRecord, policy object.Hash) error {
	if policy == newest.PolicyID {
		return nil
	}
	id, err := d.Policy(ctx, newest.RingID)
	if err == nil && id != policy {
		err = fmt.Errorf("%w: policy %s is not in force in ring %d", model.ErrRefused, policy.Short(), newest.RingID)
	}
	return err
}

// rollback is the unsigned record that undoes the newest one.
func (d decision) rollback(ctx context.Context, newest *model.PromotionRecord, state *model.RingState) (*model.PromotionRecord, error) {
	in := gatherer(d)
	p := &model.PromotionRecord{RingID: newest.RingID, PolicyID: newest.PolicyID, Action: model.ActionRollback, EvalAttestations: []object.Hash{},
		Sequence: state.Sequence + 1, Previous: &state.PromotionID, Replaces: &state.ModelID}
	switch {
	case newest.Restore != nil:
		old, _, err := d.Record(ctx, *newest.Restore)
		if err != nil {
			return nil, err
		}
		p.ModelID, p.PolicyID, p.Restore, p.Fallback = old.ModelID, old.PolicyID, old.Restore, old.Fallback
		p.EvalAttestations, p.Evidence = old.EvalAttestations, old.Evidence
	case newest.Fallback != nil:
		p.ModelID = *newest.Fallback
	default:
		return nil, fmt.Errorf("ring %d: %w: model %s was its first", newest.RingID, model.ErrNoRollback, newest.ModelID.Short())
	}
	m, err := in.modelState(ctx, p.ModelID)
	if err != nil {
		return nil, err
	}
	if problem := m.Problem(); problem != "" {
		return nil, fmt.Errorf("%w: rollback model %s: %s", model.ErrRefused, p.ModelID.Short(), problem)
	}
	return p, nil
}

// Newest returns the id of a ring's newest record; nil if the ring is empty. A PromoteRequest names it as After.
func (r *Registry) Newest(ctx context.Context, ring uint8) (*object.Hash, error) {
	state, err := r.State(ctx, ring)
	if errors.Is(err, model.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &state.PromotionID, nil
}
