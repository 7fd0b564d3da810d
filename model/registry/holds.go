package registry

import (
	"bytes"
	"context"
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Hold returns the newest freeze or thaw of a ring; nil when there is none.
func (r *Registry) Hold(ctx context.Context, ring uint8) (*model.RingHold, error) {
	id, err := r.HoldID(ctx, ring)
	if err != nil || id == nil {
		return nil, err
	}
	return r.loadHold(ctx, *id)
}

// HoldID is the id of a ring's newest hold; nil if there is none.
func (r *Registry) HoldID(ctx context.Context, ring uint8) (*object.Hash, error) {
	id, err := r.pointer(ctx, holdKey(ring))
	if err != nil {
		return nil, fmt.Errorf("hold of ring %d: %w", ring, err)
	}
	return id, nil
}

func (r *Registry) loadHold(ctx context.Context, id object.Hash) (*model.RingHold, error) {
	o, err := r.Store.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	h, got, err := model.OpenHold(o.Raw)
	if err == nil && got != id {
		err = fmt.Errorf("hold %s: %w", id.Short(), object.ErrID)
	}
	return h, err
}

// pointer reads a key whose value is an id; nil when there is none.
func (r *Registry) pointer(ctx context.Context, key string) (*object.Hash, error) {
	raw, found, err := r.KV.Get(ctx, key)
	if err != nil || !found {
		return nil, err
	}
	return pointed(raw)
}

// pointed decodes an id from the value of a key; nil for nil.
func pointed(raw []byte) (*object.Hash, error) {
	if raw == nil {
		return nil, nil
	}
	if len(raw) != 32 {
		return nil, fmt.Errorf("%w: %d bytes are not an id", object.ErrInvalid, len(raw))
	}
	id := object.HashOf([32]byte(raw))
	return &id, nil
}

// pointTo is the reverse of pointed.
func pointTo(id *object.Hash) []byte {
	if id == nil {
		return nil
	}
	return bytes.Clone(id.Sum[:])
}

// SetHold freezes or thaws a ring. While it is frozen, nothing is promoted into it, and a running promotion fails;
// rollbacks stay possible. The hold is signed by s and durable when SetHold returns. Repeating a request of the same
// signer returns its hold. The error wraps ErrConflict if the ring's newest hold is not the one that the request names.
func (r *Registry) SetHold(ctx context.Context, s sign.Signer, q model.HoldRequest, frozen bool) (*model.RingHold, error) {
	now, err := r.Hold(ctx, q.RingID)
	if err != nil {
		return nil, err
	}
	var newest *object.Hash
	if now != nil {
		newest = &now.HoldID
	}
	if !sameHash(newest, q.After) {
		if now != nil && sameHash(now.Previous, q.After) && now.Frozen == frozen && now.Reason == q.Reason && now.Signer.Same(s.Agent()) {
			return now, nil
		}
		return nil, &ConflictError{Ring: q.RingID, What: "the hold"}
	}
	h, raw, err := model.NewHold(s, model.RingHold{RingID: q.RingID, Frozen: frozen, Reason: q.Reason, Previous: q.After, TimeObserved: r.Now()})
	if err != nil {
		return nil, err
	}
	if err := r.Store.PutObjects(ctx, store.Object{ID: h.HoldID, Kind: "RingHold", Raw: raw}); err != nil {
		return nil, err
	}
	ok, err := r.KV.Update(ctx, map[string][]byte{holdKey(q.RingID): pointTo(newest)}, map[string][]byte{holdKey(q.RingID): pointTo(&h.HoldID)})
	if err == nil && !ok {
		err = &ConflictError{Ring: q.RingID, What: "the hold"}
	}
	return h, err
}
