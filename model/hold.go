package model

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// The effects of the kill switch.
var (
	FreezeTool = ir.BuiltinTool("ring.freeze") // HoldRequest → RingHold
	ThawTool   = ir.BuiltinTool("ring.thaw")   // HoldRequest → RingHold
)

// HoldRequest asks to freeze or thaw a ring (our addition, spec/learning.md#freeze): the request of the ring.freeze and
// ring.thaw effects.
type HoldRequest struct {
	RingID uint8        `can:"1,ring_id"`
	Reason string       `can:"2,reason"` // at most 4 KiB
	After  *object.Hash `can:"3,after"`  // the ring's newest hold at the time of the request; absent: none
}

const maxReason = 4 << 10 // bytes

// Check bounds the reason [field-38].
func (q HoldRequest) Check() error {
	if len(q.Reason) > maxReason {
		return fmt.Errorf("a reason of %d bytes, at most %d", len(q.Reason), maxReason)
	}
	return nil
}

// RingHold freezes or thaws a ring (our addition, spec/learning.md#freeze).
type RingHold struct {
	HoldID       object.Hash      `can:"1,hold_id"`
	RingID       uint8            `can:"2,ring_id"`
	Frozen       bool             `can:"3,frozen"`
	Reason       string           `can:"4,reason"`
	Previous     *object.Hash     `can:"5,previous"` // the previous hold
	Signer       object.AgentID   `can:"6,signer"`
	TimeObserved object.Time      `can:"7,time_observed"`
	Signature    object.Signature `can:"8,signature"`
}

// HoldRule says how holds are identified and signed.
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

// NewHold computes the id of h, signs it as s and encodes h.
func NewHold(s sign.Signer, h RingHold) (*RingHold, []byte, error) {
	h.Signer = s.Agent()
	_, raw, err := sealSigned(s, HoldRule, &h, &h.HoldID, &h.Signature)
	return &h, raw, err
}
