package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// gathered is an Evidence with the values of the keys from which it was read.
type gathered struct {
	judge.Evidence
	check map[string][]byte // nil values: absent
	hold  *model.RingHold
	state *model.RingState // of the ring; nil: the ring is empty
}

// gatherer reads the basis of a decision.
type gatherer struct{ *Registry }

// Gather collects the evidence for a promotion. Missing objects are missing from the evidence and are not an error. It
// reads every byte of the blobs of the model and of the rollback's target.
func (r *Registry) Gather(ctx context.Context, id object.Hash, ring uint8, policy object.Hash) (*judge.Evidence, error) {
	g, err := gatherer{r}.gather(ctx, id, ring, policy)
	if err != nil {
		return nil, err
	}
	return &g.Evidence, nil
}

func (in gatherer) gather(ctx context.Context, id object.Hash, ring uint8, policy object.Hash) (*gathered, error) {
	g := &gathered{check: map[string][]byte{}}
	g.Now, g.Ring, g.PolicyID, g.Trust = in.Now(), ring, policy, in.Trust
	steps := []func(context.Context, *gathered) error{in.gatherRing, in.gatherBelow, in.gatherPolicy}
	for _, step := range steps {
		if err := step(ctx, g); err != nil {
			return nil, err
		}
	}
	if err := in.gatherModel(ctx, g, id); err != nil {
		return nil, err
	}
	models := []object.Hash{id}
	if g.Current != nil && g.Current.ID != id {
		models = append(models, g.Current.ID)
	}
	return g, in.gatherAbout(ctx, g, models)
}

// gatherRing reads the ring itself, its hold and its policy in force.
func (in gatherer) gatherRing(ctx context.Context, g *gathered) error {
	if err := in.look(ctx, g, ringKey(g.Ring), holdKey(g.Ring), policyKey(g.Ring)); err != nil {
		return err
	}
	if raw := g.check[ringKey(g.Ring)]; raw != nil {
		state, err := object.Decode[model.RingState](raw)
		if err != nil {
			return fmt.Errorf("state of ring %d: %w", g.Ring, err)
		}
		g.state = state
		if g.Current, err = in.modelState(ctx, state.ModelID); err != nil {
			return err
		}
	}
	hold, err := pointed(g.check[holdKey(g.Ring)])
	if err == nil && hold != nil {
		g.hold, err = in.loadHold(ctx, *hold)
	}
	if err == nil {
		g.RingPolicy, err = pointed(g.check[policyKey(g.Ring)])
	}
	if err != nil {
		return fmt.Errorf("ring %d: %w", g.Ring, err)
	}
	return nil
}

// gatherBelow reads the ring below.
func (in gatherer) gatherBelow(ctx context.Context, g *gathered) error {
	if g.Ring == 0 {
		return nil
	}
	ring, policy := ringKey(g.Ring-1), policyKey(g.Ring-1)
	if err := in.look(ctx, g, ring, policy); err != nil {
		return err
	}
	if raw := g.check[ring]; raw != nil {
		state, err := object.Decode[model.RingState](raw)
		if err != nil {
			return fmt.Errorf("state of ring %d: %w", g.Ring-1, err)
		}
		g.Below = &state.ModelID
	}
	id, err := pointed(g.check[policy])
	if err != nil || id == nil {
		return err
	}
	_, g.BelowPolicy, err = in.loadPolicy(ctx, *id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// look records the values of keys.
func (in gatherer) look(ctx context.Context, g *gathered, keys ...string) error {
	for _, key := range keys {
		value, found, err := in.KV.Get(ctx, key)
		if err != nil {
			return err
		}
		if found {
			g.check[key] = append([]byte{}, value...)
		} else {
			g.check[key] = nil
		}
	}
	return nil
}

// gatherPolicy reads the policy and the suites that it requires.
func (in gatherer) gatherPolicy(ctx context.Context, g *gathered) error {
	o, found, err := in.object(ctx, g.PolicyID)
	if err != nil || !found {
		return err
	}
	g.Policy = o.Raw
	p, _, err := model.OpenPolicy(o.Raw)
	if err != nil {
		return nil //nolint:nilerr // Evaluate says what is wrong with it
	}
	for _, suite := range p.Suites {
		o, found, err := in.object(ctx, suite)
		if err != nil {
			return err
		}
		if found {
			g.Suites = append(g.Suites, o.Raw)
		}
	}
	return nil
}

// object is Store.Object, but a missing object is not an error.
func (in gatherer) object(ctx context.Context, id object.Hash) (store.Object, bool, error) {
	o, err := in.Store.Object(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return o, false, nil
	}
	return o, err == nil, err
}

// gatherModel reads the model and, if the policy may need it, its parent.
func (in gatherer) gatherModel(ctx context.Context, g *gathered, id object.Hash) error {
	m, err := in.modelState(ctx, id)
	if err != nil {
		return err
	}
	g.Model = *m
	ref, err := object.Decode[model.ModelRef](m.Raw)
	if err != nil || ref.ParentModelID == nil || g.Current != nil {
		return nil //nolint:nilerr // Evaluate says what is wrong with it
	}
	g.Parent, err = in.modelState(ctx, *ref.ParentModelID)
	return err
}

// modelState reads a model and its blobs to their last byte.
func (in gatherer) modelState(ctx context.Context, id object.Hash) (*judge.ModelState, error) {
	m := &judge.ModelState{ID: id}
	o, found, err := in.object(ctx, id)
	if err != nil || !found {
		return m, err
	}
	m.Raw = o.Raw
	ref, err := object.Decode[model.ModelRef](o.Raw)
	if err != nil {
		return m, nil //nolint:nilerr // Evaluate says what is wrong with it
	}
	for _, b := range []struct {
		role string
		ref  object.BlobRef
	}{{"weights", ref.Weights}, {"config", ref.Config}} {
		state := judge.BlobState{Role: b.role, CID: b.ref.CID}
		if err := weights.Verify(ctx, in.Store, b.ref); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			state.Problem = err.Error()
		}
		m.Blobs = append(m.Blobs, state)
	}
	return m, nil
}

// gatherAbout reads the index's entries about the models.
func (in gatherer) gatherAbout(ctx context.Context, g *gathered, models []object.Hash) error {
	for i, about := range models {
		kinds := map[string]func(object.Hash) error{
			AboutEvaluation: func(id object.Hash) error { return in.addEffect(ctx, &g.Evaluations, id) },
		}
		if i == 0 {
			kinds[AboutTraining] = func(id object.Hash) error { return in.addEffect(ctx, &g.Trainings, id) }
			kinds[AboutImport] = func(id object.Hash) error { return in.addEffect(ctx, &g.Imports, id) }
			kinds[AboutReport] = func(id object.Hash) error { return in.addRaw(ctx, &g.Reports, id) }
			kinds[AboutAttestation] = func(id object.Hash) error { return in.addRaw(ctx, &g.Attestations, id) }
		}
		for _, kind := range []string{AboutTraining, AboutImport, AboutEvaluation, AboutReport, AboutAttestation} {
			add := kinds[kind]
			if add == nil {
				continue
			}
			ids, err := in.About(ctx, about, kind)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if err := add(id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// addEffect leaves out an effect that is not completely here: it proves nothing.
func (in gatherer) addEffect(ctx context.Context, to *[]judge.Effect, id object.Hash) error {
	effect, err := in.EffectOf(ctx, id)
	if err != nil {
		return ctx.Err()
	}
	*to = append(*to, effect)
	return nil
}

func (in gatherer) addRaw(ctx context.Context, to *[][]byte, id object.Hash) error {
	o, found, err := in.object(ctx, id)
	if found {
		*to = append(*to, o.Raw)
	}
	return err
}
