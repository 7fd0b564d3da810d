package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Policy returns the id of the policy in force in a ring. The error wraps ErrNotFound.
func (r *Registry) Policy(ctx context.Context, ring uint8) (object.Hash, error) {
	id, err := r.PolicyID(ctx, ring)
	if err == nil && id == nil {
		err = fmt.Errorf("policy of ring %d: %w", ring, model.ErrNotFound)
	}
	if err != nil {
		return object.Hash{}, err
	}
	return *id, nil
}

// PolicyID is the id of the policy in force in a ring; nil if there is none.
func (r *Registry) PolicyID(ctx context.Context, ring uint8) (*object.Hash, error) {
	id, err := r.pointer(ctx, policyKey(ring))
	if err != nil {
		return nil, fmt.Errorf("policy of ring %d: %w", ring, err)
	}
	return id, nil
}

// InForce returns which policy is in force in a ring, and the previous one. The error wraps ErrNotFound.
func (r *Registry) InForce(ctx context.Context, ring uint8) (*model.PolicyState, error) {
	s := &model.PolicyState{RingID: ring}
	var err error
	if s.PolicyID, err = r.Policy(ctx, ring); err != nil {
		return nil, err
	}
	ids, err := r.policyLog(ctx, ring)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if id == s.PolicyID && i > 0 {
			s.Previous = &ids[i-1]
		}
	}
	return s, nil
}

// SetPolicy puts a stored policy into force in its ring. Its signer must be trusted for policies, and it must be newer
// than the one in force. A repeated request gets the same answer. Errors wrap ErrPolicy, ErrConflict (another policy is
// in force than the request names) or store.ErrNotFound.
func (r *Registry) SetPolicy(ctx context.Context, q model.PolicyRequest) (*model.PolicyState, error) {
	p, _, err := r.loadPolicy(ctx, q.PolicyID)
	if err != nil {
		return nil, err
	}
	if !model.Trusts(r.Trust.Policy, p.Signer, model.When{Time: p.TimeObserved}) {
		return nil, fmt.Errorf("%w: it is signed by %s, who is not trusted for policies", model.ErrPolicy, p.Signer)
	}
	have, err := r.PolicyID(ctx, p.Ring)
	if err != nil {
		return nil, err
	}
	if sameHash(have, &q.PolicyID) {
		done, err := r.InForce(ctx, p.Ring)
		if err == nil && !sameHash(done.Previous, q.After) {
			err = &ConflictError{Ring: p.Ring, What: "the policy in force"}
		}
		return done, err
	}
	if !sameHash(have, q.After) {
		return nil, &ConflictError{Ring: p.Ring, What: "the policy in force"}
	}
	return policyChange{r}.replacePolicy(ctx, p, have)
}

// policyChange puts another policy into force.
type policyChange struct{ *Registry }

// replacePolicy puts a policy into force after the present one, if any.
func (c policyChange) replacePolicy(ctx context.Context, p *model.PolicyDef, have *object.Hash) (*model.PolicyState, error) {
	if err := c.supersedes(ctx, p); err != nil {
		return nil, err
	}
	next, err := c.nextPolicy(ctx, p.Ring)
	if err != nil {
		return nil, err
	}
	id := pointTo(&p.PolicyID)
	ok, err := c.KV.Update(ctx, map[string][]byte{policyKey(p.Ring): pointTo(have)}, map[string][]byte{policyKey(p.Ring): id, next: id})
	if err == nil && !ok {
		err = &ConflictError{Ring: p.Ring, What: "the policy in force"}
	}
	return &model.PolicyState{RingID: p.Ring, PolicyID: p.PolicyID, Previous: have}, err
}

// supersedes checks that a policy is newer than all earlier ones, so that no old one returns. A date more than MaxSkew
// ahead of the clock is meaningless: such a policy is refused, and one that is already in force does not count in the
// comparison.
func (c policyChange) supersedes(ctx context.Context, p *model.PolicyDef) error {
	limit := c.Now().Add(model.MaxSkew)
	if p.TimeObserved > limit {
		return fmt.Errorf("%w: it is of %s, more than %s ahead of the clock: sign it again when the clock is right", model.ErrPolicy, p.TimeObserved, model.MaxSkew)
	}
	return c.PolicyLog(ctx, p.Ring, func(old *model.PolicyDef) error {
		switch {
		case old.PolicyID == p.PolicyID:
			return fmt.Errorf("%w: it was in force before: sign it again", model.ErrPolicy)
		case old.TimeObserved <= limit && old.TimeObserved >= p.TimeObserved:
			return fmt.Errorf("%w: it is of %s, one that is or was in force of %s", model.ErrPolicy, p.TimeObserved, old.TimeObserved)
		}
		return nil
	})
}

// nextPolicy is the key of the next entry of a ring's policy log. Entries are numbered in the order in which policies
// came into force, whatever their dates.
func (c policyChange) nextPolicy(ctx context.Context, ring uint8) (string, error) {
	prefix, last := policyLogPrefix(ring), uint64(0)
	err := c.KV.Scan(ctx, prefix, kv.End(prefix), func(key string, _ []byte) error {
		n, err := strconv.ParseUint(strings.TrimPrefix(key, prefix), 16, 64)
		last = max(last, n)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("policies of ring %d: %w", ring, err)
	}
	return fmt.Sprintf("%s%016x", prefix, last+1), nil
}

func policyLogPrefix(ring uint8) string { return fmt.Sprintf(kv.RingPolicyLog+"%03d/", ring) }

// policyLog lists the policies that were put into force in a ring, the oldest first.
func (r *Registry) policyLog(ctx context.Context, ring uint8) (ids []object.Hash, err error) {
	prefix := policyLogPrefix(ring)
	err = r.KV.Scan(ctx, prefix, kv.End(prefix), func(_ string, value []byte) error {
		id, err := pointed(value)
		if err != nil {
			return fmt.Errorf("policies of ring %d: %w", ring, err)
		}
		ids = append(ids, *id)
		return nil
	})
	return ids, err
}

// PolicyLog calls fn for every policy that was put into force in a ring, the oldest
// first.
func (r *Registry) PolicyLog(ctx context.Context, ring uint8, fn func(*model.PolicyDef) error) error {
	ids, err := r.policyLog(ctx, ring)
	for i := 0; err == nil && i < len(ids); i++ {
		var p *model.PolicyDef
		if p, _, err = r.loadPolicy(ctx, ids[i]); err == nil {
			err = fn(p)
		}
	}
	return err
}

// Policies calls fn for every stored policy, ascending by id.
func (r *Registry) Policies(ctx context.Context, fn func(*model.PolicyDef) error) error {
	return r.Store.Objects(ctx, "PolicyDef", func(o store.Object) error {
		p, _, err := model.OpenPolicy(o.Raw)
		if err != nil {
			return fmt.Errorf("policy %s: %w", o.ID.Short(), err)
		}
		return fn(p)
	})
}

func (r *Registry) loadPolicy(ctx context.Context, id object.Hash) (*model.PolicyDef, []byte, error) {
	o, err := r.Store.Object(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("policy: %w", err)
	}
	p, got, err := model.OpenPolicy(o.Raw)
	if err == nil && got != id {
		err = fmt.Errorf("policy %s: %w", id.Short(), object.ErrID)
	}
	return p, o.Raw, err
}
