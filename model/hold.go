package model

import (
	"bytes"
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// The effects of the kill switch.
var (
	FreezeTool = ir.BuiltinTool("ring.freeze") // HoldRequest → RingHold
	ThawTool   = ir.BuiltinTool("ring.thaw")   // HoldRequest → RingHold
)

// HoldRequest asks for a ring to be frozen or thawed (ours, spec/learning.md#freeze):
// the request of the ring.freeze and ring.thaw effects.
type HoldRequest struct {
	RingID uint8        `can:"1,ring_id"`
	Reason string       `can:"2,reason"` // at most 4 KiB
	After  *object.Hash `can:"3,after"`  // the ring's newest hold when this was asked; absent: there was none
}

const maxReason = 4 << 10 // bytes

// Check bounds the reason [field-38].
func (q HoldRequest) Check() error {
	if len(q.Reason) > maxReason {
		return fmt.Errorf("a reason of %d bytes, at most %d", len(q.Reason), maxReason)
	}
	return nil
}

// RingHold freezes a ring, or thaws it (ours, spec/learning.md#freeze).
type RingHold struct {
	HoldID       object.Hash      `can:"1,hold_id"`
	RingID       uint8            `can:"2,ring_id"`
	Frozen       bool             `can:"3,frozen"`
	Reason       string           `can:"4,reason"`
	Previous     *object.Hash     `can:"5,previous"` // the hold before this one
	Signer       object.AgentID   `can:"6,signer"`
	TimeObserved object.Time      `can:"7,time_observed"`
	Signature    object.Signature `can:"8,signature"`
}

// HoldRule is how holds are identified and signed.
var HoldRule = object.Rule{Mask: can.Mask{1: nil, 8: nil}, IDField: 1, Signer: 6, Sig: 8}

// OpenHold decodes canonical bytes and checks fields, id and signature.
func OpenHold(raw []byte) (*RingHold, object.Hash, error) {
	h, id, err := object.Open[RingHold](raw, HoldRule)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("hold: %w", err)
	}
	if err := sign.VerifyID(h.Signer, id, h.Signature); err != nil {
		return nil, id, fmt.Errorf("hold %s: %w", id.Short(), err)
	}
	return h, id, nil
}

// Hold returns the newest freeze or thaw of a ring; nil when there is none.
func (r *Registry) Hold(ctx context.Context, ring uint8) (*RingHold, error) {
	id, err := r.HoldID(ctx, ring)
	if err != nil || id == nil {
		return nil, err
	}
	return r.loadHold(ctx, *id)
}

// HoldID is the id of a ring's newest hold; nil when there is none.
func (r *Registry) HoldID(ctx context.Context, ring uint8) (*object.Hash, error) {
	id, err := r.pointer(ctx, holdKey(ring))
	if err != nil {
		return nil, fmt.Errorf("hold of ring %d: %w", ring, err)
	}
	return id, nil
}

func (r *Registry) loadHold(ctx context.Context, id object.Hash) (*RingHold, error) {
	o, err := r.Store.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	h, got, err := OpenHold(o.Raw)
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

// pointed is the id that a key's value is; nil for nil.
func pointed(raw []byte) (*object.Hash, error) {
	if raw == nil {
		return nil, nil
	}
	if len(raw) != 32 {
		return nil, fmt.Errorf("%w: %d bytes are no id", object.ErrInvalid, len(raw))
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

// SetHold freezes a ring, or thaws it: while it is frozen, nothing is promoted into it,
// and a promotion under way loses; rollbacks stay possible. The hold is signed by s and
// durable when it returns. A request that was carried out before by the same signer is
// answered with its hold. The error wraps ErrConflict when the ring's newest hold is
// not the one that the request names.
func (r *Registry) SetHold(ctx context.Context, s sign.Signer, q HoldRequest, frozen bool) (*RingHold, error) {
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
	h := &RingHold{RingID: q.RingID, Frozen: frozen, Reason: q.Reason, Previous: q.After, Signer: s.Agent(), TimeObserved: r.Now()}
	id, raw, err := sealSigned(s, HoldRule, h, &h.HoldID, &h.Signature)
	if err != nil {
		return nil, err
	}
	if err := r.Store.PutObjects(ctx, store.Object{ID: id, Kind: "RingHold", Raw: raw}); err != nil {
		return nil, err
	}
	ok, err := r.KV.Update(ctx, map[string][]byte{holdKey(q.RingID): pointTo(newest)}, map[string][]byte{holdKey(q.RingID): pointTo(&id)})
	if err == nil && !ok {
		err = &ConflictError{Ring: q.RingID, What: "the hold"}
	}
	return h, err
}
