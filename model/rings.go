package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

func ringKey(ring uint8) string   { return fmt.Sprintf("m/ring/%03d", ring) }
func holdKey(ring uint8) string   { return fmt.Sprintf("m/hold/%03d", ring) }
func policyKey(ring uint8) string { return fmt.Sprintf("m/policy/%03d", ring) }
func logPrefix(ring uint8) string { return fmt.Sprintf("m/log/%03d/", ring) }
func logKey(ring uint8, seq uint64) string {
	return fmt.Sprintf("%s%016x", logPrefix(ring), seq)
}
func recordKey(id object.Hash) string { return "m/id/" + id.String() }

// State is where a ring's pointer stands. The error wraps ErrNotFound when the ring
// is empty.
func (r *Registry) State(ctx context.Context, ring uint8) (*RingState, error) {
	raw, found, err := r.KV.Get(ctx, ringKey(ring))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("ring %d: %w", ring, ErrNotFound)
	}
	s, err := object.Decode[RingState](raw)
	if err == nil && s.RingID != ring {
		err = fmt.Errorf("it is of ring %d", s.RingID)
	}
	if err != nil {
		return nil, fmt.Errorf("state of ring %d: %w", ring, err)
	}
	return s, nil
}

// Rings calls fn for every ring that has a model, ascending.
func (r *Registry) Rings(ctx context.Context, fn func(*RingState) error) error {
	var states []*RingState
	err := r.KV.Scan(ctx, "m/ring/", "m/ring/\xff", func(key string, value []byte) error {
		s, err := object.Decode[RingState](value)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		states = append(states, s)
		return nil
	})
	for i := 0; err == nil && i < len(states); i++ {
		err = fn(states[i])
	}
	return err
}

// Record returns a record of any ring's history, verified. The error wraps ErrNotFound.
func (r *Registry) Record(ctx context.Context, id object.Hash) (*PromotionRecord, []byte, error) {
	key, found, err := r.KV.Get(ctx, recordKey(id))
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, fmt.Errorf("promotion %s: %w", id, ErrNotFound)
	}
	raw, found, err := r.KV.Get(ctx, string(key))
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, fmt.Errorf("promotion %s: %w", id, ErrNotFound)
	}
	p, got, err := OpenPromotion(raw)
	if err == nil && got != id {
		err = fmt.Errorf("promotion %s: %w", id.Short(), object.ErrID)
	}
	return p, raw, err
}

// Log calls fn for every record of a ring's history, the oldest first, verified:
// signatures, numbers without a gap, and each record naming the one before it.
func (r *Registry) Log(ctx context.Context, ring uint8, fn func(object.Hash, *PromotionRecord) error) error {
	var raws [][]byte
	prefix := logPrefix(ring)
	err := r.KV.Scan(ctx, prefix, prefix+"\xff", func(_ string, value []byte) error {
		raws = append(raws, bytes.Clone(value))
		return nil
	})
	if err != nil {
		return err
	}
	var before *object.Hash
	for i, raw := range raws {
		p, id, err := OpenPromotion(raw)
		if err != nil {
			return fmt.Errorf("ring %d, record %d: %w", ring, i+1, err)
		}
		if p.Sequence != uint64(i+1) || p.RingID != ring || !sameHash(p.Previous, before) {
			return fmt.Errorf("ring %d, record %d: %w: the history has a gap", ring, i+1, object.ErrInvalid)
		}
		if err := fn(id, p); err != nil {
			return err
		}
		before = &id
	}
	return nil
}

func sameHash(a, b *object.Hash) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Policy returns the id of the policy in force in a ring. The error wraps ErrNotFound.
func (r *Registry) Policy(ctx context.Context, ring uint8) (object.Hash, error) {
	raw, found, err := r.KV.Get(ctx, policyKey(ring))
	if err != nil {
		return object.Hash{}, err
	}
	if !found || len(raw) != 32 {
		return object.Hash{}, fmt.Errorf("policy of ring %d: %w", ring, ErrNotFound)
	}
	return object.HashOf([32]byte(raw)), nil
}

// SetPolicy puts a policy that was added into force in its ring. It must be signed
// by somebody trusted for policies and be newer than the one in force. Errors wrap
// ErrPolicy, ErrConflict or store.ErrNotFound.
func (r *Registry) SetPolicy(ctx context.Context, id object.Hash) error {
	p, _, err := r.loadPolicy(ctx, id)
	if err != nil {
		return err
	}
	if !trusts(r.Trust.Policy, p.Signer) {
		return fmt.Errorf("%w: it is signed by %s, who is not trusted for policies", ErrPolicy, p.Signer)
	}
	have, found, err := r.KV.Get(ctx, policyKey(p.Ring))
	if err != nil {
		return err
	}
	if !found {
		have = nil
	} else if bytes.Equal(have, id.Sum[:]) {
		return nil
	} else if old, _, err := r.loadPolicy(ctx, object.HashOf([32]byte(have))); err != nil {
		return fmt.Errorf("the policy in force: %w", err)
	} else if old.TimeObserved >= p.TimeObserved {
		return fmt.Errorf("%w: it is of %s, the one in force of %s", ErrPolicy, p.TimeObserved, old.TimeObserved)
	}
	ok, err := r.KV.Update(ctx, map[string][]byte{policyKey(p.Ring): have},
		map[string][]byte{policyKey(p.Ring): id.Sum[:], fmt.Sprintf("%s%016x", policyLogPrefix(p.Ring), uint64(p.TimeObserved)): id.Sum[:]})
	if err == nil && !ok {
		err = &ConflictError{Ring: p.Ring, What: "the policy in force"}
	}
	return err
}

func policyLogPrefix(ring uint8) string { return fmt.Sprintf("m/policies/%03d/", ring) }

// PolicyLog calls fn for every policy that was put into force in a ring, the oldest
// first.
func (r *Registry) PolicyLog(ctx context.Context, ring uint8, fn func(*PolicyDef) error) error {
	var ids []object.Hash
	prefix := policyLogPrefix(ring)
	err := r.KV.Scan(ctx, prefix, prefix+"\xff", func(_ string, value []byte) error {
		if len(value) != 32 {
			return fmt.Errorf("policies of ring %d: %w", ring, object.ErrInvalid)
		}
		ids = append(ids, object.HashOf([32]byte(value)))
		return nil
	})
	for i := 0; err == nil && i < len(ids); i++ {
		var p *PolicyDef
		if p, _, err = r.loadPolicy(ctx, ids[i]); err == nil {
			err = fn(p)
		}
	}
	return err
}

// Policies calls fn for every policy that is here, ascending by id.
func (r *Registry) Policies(ctx context.Context, fn func(*PolicyDef) error) error {
	return r.Store.Objects(ctx, "PolicyDef", func(o store.Object) error {
		p, _, err := OpenPolicy(o.Raw)
		if err != nil {
			return fmt.Errorf("policy %s: %w", o.ID.Short(), err)
		}
		return fn(p)
	})
}

func (r *Registry) loadPolicy(ctx context.Context, id object.Hash) (*PolicyDef, []byte, error) {
	o, err := r.Store.Object(ctx, id)
	if err != nil {
		return nil, nil, fmt.Errorf("policy: %w", err)
	}
	p, got, err := OpenPolicy(o.Raw)
	if err == nil && got != id {
		err = fmt.Errorf("policy %s: %w", id.Short(), object.ErrID)
	}
	return p, o.Raw, err
}

// Hold returns the newest freeze or thaw of a ring; nil when there is none.
func (r *Registry) Hold(ctx context.Context, ring uint8) (*RingHold, error) {
	raw, found, err := r.KV.Get(ctx, holdKey(ring))
	if err != nil || !found {
		return nil, err
	}
	h, _, err := OpenHold(raw)
	return h, err
}

// Freeze stops promotions into a ring until it is thawed; rollbacks stay possible.
// It is durable when it returns, and a promotion under way loses against it.
func (r *Registry) Freeze(ctx context.Context, s sign.Signer, ring uint8, reason string) (*RingHold, error) {
	return r.hold(ctx, s, ring, true, reason)
}

// Thaw ends a freeze.
func (r *Registry) Thaw(ctx context.Context, s sign.Signer, ring uint8, reason string) (*RingHold, error) {
	return r.hold(ctx, s, ring, false, reason)
}

func (r *Registry) hold(ctx context.Context, s sign.Signer, ring uint8, frozen bool, reason string) (*RingHold, error) {
	for range casTries {
		have, found, err := r.KV.Get(ctx, holdKey(ring))
		if err != nil {
			return nil, err
		}
		h := &RingHold{RingID: ring, Frozen: frozen, Reason: reason, Signer: s.Agent(), TimeObserved: r.Now()}
		if !found {
			have = nil
		} else if _, id, err := OpenHold(have); err != nil {
			return nil, err
		} else {
			h.Previous = &id
		}
		id, raw, err := sealSigned(s, HoldRule, h, &h.HoldID, &h.Signature)
		if err != nil {
			return nil, err
		}
		ok, err := r.KV.Update(ctx, map[string][]byte{holdKey(ring): have}, map[string][]byte{holdKey(ring): raw})
		if err != nil {
			return nil, err
		}
		if ok {
			return h, r.Store.PutObjects(ctx, store.Object{ID: id, Kind: "RingHold", Raw: raw})
		}
	}
	return nil, &ConflictError{Ring: ring, What: "the hold"}
}

const casTries = 16

// move writes a record and the ring's pointer in one durable update, on condition
// that nothing in check has changed.
func (r *Registry) move(ctx context.Context, check map[string][]byte, id object.Hash, raw []byte, p *PromotionRecord) error {
	state, err := can.Marshal(&RingState{p.RingID, p.Sequence, id, p.ModelID})
	if err != nil {
		return err
	}
	at := logKey(p.RingID, p.Sequence)
	check[at], check[recordKey(id)] = nil, nil
	put := map[string][]byte{ringKey(p.RingID): state, at: raw, recordKey(id): []byte(at)}
	ok, err := r.KV.Update(ctx, check, put)
	if err != nil {
		return fmt.Errorf("ring %d: %w", p.RingID, err)
	}
	if !ok {
		return r.lost(ctx, check, p)
	}
	return r.Store.PutObjects(ctx, store.Object{ID: id, Kind: "PromotionRecord", Raw: raw})
}

// lost finds out what changed before a move.
func (r *Registry) lost(ctx context.Context, check map[string][]byte, p *PromotionRecord) error {
	e := &ConflictError{Ring: p.RingID, Want: p.Previous}
	state, err := r.State(ctx, p.RingID)
	if err == nil {
		e.Have = &state.PromotionID
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	if !sameHash(e.Want, e.Have) {
		return e
	}
	e.What = "something that the decision was made on"
	for key, what := range map[string]string{holdKey(p.RingID): "the hold", policyKey(p.RingID): "the policy in force"} {
		was, looked := check[key]
		now, found, err := r.KV.Get(ctx, key)
		if err != nil {
			return err
		}
		if looked && (found != (was != nil) || !bytes.Equal(was, now)) {
			e.What = what
		}
	}
	return e
}
