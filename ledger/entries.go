package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// DoubtID identifies the attempt that a probe is asked about [led-83].
func DoubtID(idem object.Hash, fence uint64) object.Hash {
	return object.Sum(binary.BigEndian.AppendUint64(idem.Sum[:], fence))
}

// IdemID is the id of an effect: SHA-256(tool id bytes || idempotency key).
func IdemID(tool object.Hash, key []byte) object.Hash {
	h := sha256.New()
	h.Write(tool.Sum[:])
	h.Write(key)
	return object.HashOf([32]byte(h.Sum(nil)))
}

// EffectRegister says that its owner is about to invoke a tool, and until when nobody else may.
//
// Deviation: fields 9 to 11 are our own, optional, and part of the register's id like any field. The fence numbers the
// registers of one effect from 1 without gaps. It reaches the tool, which can thereby distinguish a late first owner
// from the one that took over. The instance distinguishes the processes of one owner. A register without these fields
// (as in the public vectors) counts like any other; a register without an instance belongs to every process of its
// owner.
type EffectRegister struct {
	IdemID         object.Hash      `can:"1,idem_id"`
	ToolID         object.Hash      `can:"2,tool_id"`
	RequestHash    object.Hash      `can:"3,request_hash"`
	IdempotencyKey []byte           `can:"4,idempotency_key"`
	Owner          object.AgentID   `can:"5,owner"`
	LeaseExpiresAt object.Time      `can:"6,lease_expires_at"` // live while now < this
	TimeObserved   object.Time      `can:"7,time_observed"`
	Signature      object.Signature `can:"8,signature"`
	Fence          *uint64          `can:"9,fence"`              // rises with each register of the effect, from 1
	Instance       []byte           `can:"10,instance,optional"` // 16 random bytes of the process that made the attempt
	Ended          *uint64          `can:"11,ended"`             // the previous attempt, whose process had ended although its lease was still valid
}

// InstanceSize is the length of a register's instance in bytes.
const InstanceSize = 16

// Check refuses an id that is not that of tool and key, and an instance of another
// length than InstanceSize [field-14].
func (r EffectRegister) Check() error {
	if r.Instance != nil && len(r.Instance) != InstanceSize {
		return fmt.Errorf("instance has %d bytes, expected %d", len(r.Instance), InstanceSize)
	}
	if want := IdemID(r.ToolID, r.IdempotencyKey); r.IdemID != want {
		return fmt.Errorf("idem_id is %s, tool and key give %s", r.IdemID, want)
	}
	return nil
}

// EffectCommit says how an effect ended, and names the receipt.
type EffectCommit struct {
	IdemID       object.Hash      `can:"1,idem_id"`
	ToolID       object.Hash      `can:"2,tool_id"`
	RequestHash  object.Hash      `can:"3,request_hash"`
	ResponseHash object.Hash      `can:"4,response_hash"`
	ReceiptID    object.Hash      `can:"5,receipt_id"`
	Status       uint16           `can:"6,status"`
	TimeObserved object.Time      `can:"7,time_observed"`
	Signature    object.Signature `can:"8,signature"`
}

// Reasons of a DivergenceMark.
const (
	RequestHashConflict  uint8 = 1
	ResponseHashConflict uint8 = 2
	MultipleCommits      uint8 = 3
)

// DivergenceMark says that the history of an effect contradicts itself.
type DivergenceMark struct {
	IdemID       object.Hash      `can:"1,idem_id"`
	ToolID       object.Hash      `can:"2,tool_id"`
	Reason       uint8            `can:"3,reason"`   // 1 RequestHashConflict, 2 ResponseHashConflict, 3 MultipleCommits
	Evidence     []object.Hash    `can:"4,evidence"` // the conflicting hashes, ascending
	TimeObserved object.Time      `can:"5,time_observed"`
	Signature    object.Signature `can:"6,signature"`
}

// Check refuses unknown reasons and evidence that is not ascending [field-15].
func (m DivergenceMark) Check() error {
	if m.Reason < RequestHashConflict || m.Reason > MultipleCommits {
		return fmt.Errorf("reason %d is not known", m.Reason)
	}
	for i := 1; i < len(m.Evidence); i++ {
		if m.Evidence[i-1].Compare(m.Evidence[i]) >= 0 {
			return fmt.Errorf("evidence is not ascending")
		}
	}
	return nil
}

// Decisions of a Resolution.
const (
	ResolveRetry   uint8 = 1 // the effect did not happen: its request may run again
	ResolveAbandon uint8 = 2 // it must never run again
	ResolveAccept  uint8 = 3 // one recorded commit, whose receipt is in the evidence, is the outcome
	ResolveRelease uint8 = 4 // by its owner: the attempt did not start, the key is free
	ResolveStop    uint8 = 5 // by its owner: the attempt was stopped, its outcome is unknown
)

// Resolution is a signed decision on one attempt (our addition). An operator decides on an effect with an unknown
// outcome, a recorded failure or a divergent history; an owner states that its own attempt ended without an outcome. A
// resolution is appended like any other entry; the entries that it decides on stay in the history.
type Resolution struct {
	IdemID       object.Hash      `can:"1,idem_id"`
	Decision     uint8            `can:"2,decision"` // 1 retry, 2 abandon, 3 accept, 4 release, 5 stop
	Evidence     []object.Hash    `can:"3,evidence"`
	Notes        *string          `can:"4,notes"`
	Signer       object.AgentID   `can:"5,signer"`
	TimeObserved object.Time      `can:"6,time_observed"`
	Signature    object.Signature `can:"7,signature"`
	About        *uint64          `can:"8,about"` // fence of the latest attempt at the time of the decision; decisions 4 and 5 need it
}

// Check refuses unknown decisions, and an owner's decision that names no attempt [field-16].
func (r Resolution) Check() error {
	if r.Decision < ResolveRetry || r.Decision > ResolveStop {
		return fmt.Errorf("decision %d is not known", r.Decision)
	}
	if r.ByOwner() && r.About == nil {
		return fmt.Errorf("decision %d names no attempt", r.Decision)
	}
	return nil
}

// ByOwner reports whether the attempt's owner made the decision, not an operator.
func (r Resolution) ByOwner() bool { return r.Decision == ResolveRelease || r.Decision == ResolveStop }

// The rules of the ledger's entries. The signature covers the id, which leaves out the signature.
var (
	RegisterRule   = object.Rule{Mask: can.Mask{8: nil}, Signer: 5, Sig: 8}
	CommitRule     = object.Rule{Mask: can.Mask{8: nil}, Sig: 8}
	DivergenceRule = object.Rule{Mask: can.Mask{6: nil}, Sig: 6}
	ResolutionRule = object.Rule{Mask: can.Mask{7: nil}, Signer: 5, Sig: 7}
)

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Receipt]("Receipt", ReceiptRule),
	object.Define[EffectRegister]("EffectRegister", RegisterRule),
	object.Define[EffectCommit]("EffectCommit", CommitRule),
	object.Define[DivergenceMark]("DivergenceMark", DivergenceRule),
	object.Define[Resolution]("Resolution", ResolutionRule),
	object.Define[Outcome]("EffectOutcome", object.Rule{}),
	object.Define[EvidenceEntry]("EvidenceEntry", object.Rule{}),
	object.Define[EvidenceBundle]("EvidenceBundle", EvidenceRule),
}
