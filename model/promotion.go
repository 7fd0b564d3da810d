package model

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Actions of a PromotionRecord.
const (
	ActionPromote  uint8 = 1
	ActionRollback uint8 = 2
)

// PromotionRecord says that a model was put into a ring, and on what evidence. Fields 9 and up are our additions
// (spec/learning.md#promotion).
type PromotionRecord struct {
	PromotionID      object.Hash      `can:"1,promotion_id"`
	ModelID          object.Hash      `can:"2,model_id"`
	RingID           uint8            `can:"3,ring_id"`
	PolicyID         object.Hash      `can:"4,policy_id"`
	EvalAttestations []object.Hash    `can:"5,eval_attestations"` // EvalPass, EvalMetric and QuorumSignoff, ascending
	Signer           object.AgentID   `can:"6,signer"`
	TimeObserved     object.Time      `can:"7,time_observed"`
	Signature        object.Signature `can:"8,signature"`

	Action   uint8         `can:"9,action,omitzero"`    // 1 or absent: promotion, 2 rollback
	Previous *object.Hash  `can:"10,previous"`          // the previous record in the ring's history
	Replaces *object.Hash  `can:"11,replaces"`          // the previous model of the ring
	Restore  *object.Hash  `can:"12,restore"`           // the record that a rollback restores
	Fallback *object.Hash  `can:"13,fallback"`          // if there is no restore: the model that a rollback puts into the ring
	Evidence []object.Hash `can:"14,evidence,optional"` // receipts and reports behind the decision, ascending
	Reason   *string       `can:"15,reason"`            // of a rollback
	Sequence uint64        `can:"16,sequence,omitzero"` // number in the ring's history, from 1
}

// PromotionRule says how records are identified and signed.
var PromotionRule = object.Rule{Mask: can.Mask{1: nil, 8: nil}, IDField: 1, Signer: 6, Sig: 8}

// Check refuses unknown actions and oversized lists [field-37].
func (p PromotionRecord) Check() error {
	if p.Action > ActionRollback {
		return fmt.Errorf("action %d is not known (1 promote, 2 rollback)", p.Action)
	}
	if len(p.EvalAttestations) > maxEvidence || len(p.Evidence) > maxEvidence {
		return fmt.Errorf("more than %d hashes of evidence", maxEvidence)
	}
	return nil
}

// ActionName is "promote" or "rollback".
func (p *PromotionRecord) ActionName() string {
	if p.Action == ActionRollback {
		return "rollback"
	}
	return "promote"
}

// NewPromotion fills in signer, id and signature and encodes the record. It decides nothing: registry.Registry.Promote
// does.
func NewPromotion(s sign.Signer, p PromotionRecord) (object.Hash, []byte, error) {
	p.Signer = s.Agent()
	if p.EvalAttestations == nil {
		p.EvalAttestations = []object.Hash{}
	}
	return sealSigned(s, PromotionRule, &p, &p.PromotionID, &p.Signature)
}

// OpenPromotion decodes canonical bytes and checks fields, id and signature.
func OpenPromotion(raw []byte) (*PromotionRecord, object.Hash, error) {
	p, id, err := object.Open[PromotionRecord](raw, PromotionRule)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("promotion: %w", err)
	}
	if err := sign.VerifyID(p.Signer, id, p.Signature); err != nil {
		return nil, id, fmt.Errorf("promotion %s: %w", id.Short(), err)
	}
	return p, id, nil
}

// RingState is the pointer of a ring (our addition).
type RingState struct {
	RingID      uint8       `can:"1,ring_id"`
	Sequence    uint64      `can:"2,sequence"` // of the record, from 1
	PromotionID object.Hash `can:"3,promotion_id"`
	ModelID     object.Hash `can:"4,model_id"`
}
