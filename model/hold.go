package model

import (
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

// Check bounds the reason.
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
	raw, found, err := r.KV.Get(ctx, holdKey(ring))
	if err != nil || !found {
		return nil, err
	}
	h, _, err := OpenHold(raw)
	return h, err
}

// SetHold freezes a ring, or thaws it: while it is frozen, nothing is promoted into it,
// and a promotion under way loses; rollbacks stay possible. The hold is signed by s and
// durable when it returns. A request that was carried out before by the same signer is
// answered with its hold. The error wraps ErrConflict when the ring's newest hold is
// not the one that the request names.
func (r *Registry) SetHold(ctx context.Context, s sign.Signer, q HoldRequest, frozen bool) (*RingHold, error) {
	have, found, err := r.KV.Get(ctx, holdKey(q.RingID))
	if err != nil {
		return nil, err
	}
	var newest *object.Hash
	if !found {
		have = nil
	} else if now, id, err := OpenHold(have); err != nil {
		return nil, err
	} else if !sameHash(&id, q.After) && sameHash(now.Previous, q.After) && now.Frozen == frozen && now.Reason == q.Reason && now.Signer.Same(s.Agent()) {
		return now, nil
	} else {
		newest = &id
	}
	if !sameHash(newest, q.After) {
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
	ok, err := r.KV.Update(ctx, map[string][]byte{holdKey(q.RingID): have}, map[string][]byte{holdKey(q.RingID): raw})
	if err == nil && !ok {
		err = &ConflictError{Ring: q.RingID, What: "the hold"}
	}
	return h, err
}
