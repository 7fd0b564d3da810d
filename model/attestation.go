package model

import (
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Claim types of an Attestation.
const (
	ClaimContractPass  uint8 = 1 // a contract held
	ClaimEvalPass      uint8 = 2 // a model passed a suite; evidence: suite id, report id
	ClaimEvalMetric    uint8 = 3 // a report is correct; evidence: report id
	ClaimQuorumSignoff uint8 = 4 // a verifier approves a promotion; evidence: policy id
)

// ResultPass is the result of a positive attestation. Any other result is negative.
const ResultPass uint16 = 0

const maxEvidence = 1024 // hashes in one attestation or record

// Attestation is a signed claim about a subject; for the claims here, a model.
type Attestation struct {
	AttestationID object.Hash      `can:"1,attestation_id"`
	SubjectHash   object.Hash      `can:"2,subject_hash"`
	ClaimType     uint8            `can:"3,claim_type"`
	Result        uint16           `can:"4,result"` // 0 positive; otherwise negative, with a code of the verifier's own
	Evidence      []object.Hash    `can:"5,evidence,optional"`
	Signer        object.AgentID   `can:"6,signer"`
	TimeObserved  object.Time      `can:"7,time_observed"`
	Signature     object.Signature `can:"8,signature"`
	Notes         *string          `can:"9,notes"`
}

// AttestationRule says how attestations are identified and signed.
var AttestationRule = object.Rule{Mask: can.Mask{1: nil, 8: nil}, IDField: 1, Signer: 6, Sig: 8}

// ClaimName is the claim type in words, "EvalPass".
func ClaimName(claim uint8) string {
	names := [...]string{"", "ContractPass", "EvalPass", "EvalMetric", "QuorumSignoff"}
	if int(claim) < len(names) && claim > 0 {
		return names[claim]
	}
	return fmt.Sprintf("claim %d", claim)
}

// Check refuses too much evidence. An attestation with an unknown claim, or without evidence, is well formed: it has an
// id and a signature and can be stored and shown, but it does not count (see [Attestation.Grounds]) [field-34].
func (a Attestation) Check() error {
	if len(a.Evidence) > maxEvidence {
		return fmt.Errorf("%d hashes of evidence, at most %d", len(a.Evidence), maxEvidence)
	}
	return nil
}

// Grounds returns why an attestation cannot count, whoever signed it: its claim is unknown, or it is an EvalPass,
// EvalMetric or QuorumSignoff without evidence.
func (a *Attestation) Grounds() error {
	if a.ClaimType < ClaimContractPass || a.ClaimType > ClaimQuorumSignoff {
		return fmt.Errorf("claim type %d is not known (1 to 4)", a.ClaimType)
	}
	if a.ClaimType != ClaimContractPass && len(a.Evidence) == 0 {
		return fmt.Errorf("a %s needs evidence", ClaimName(a.ClaimType))
	}
	return nil
}

// Passes reports whether the attestation is positive.
func (a *Attestation) Passes() bool { return a.Result == ResultPass }

// Names reports whether the evidence contains h.
func (a *Attestation) Names(h object.Hash) bool { return slices.Contains(a.Evidence, h) }

// NewAttestation fills in signer, id and signature and returns the id and the canonical bytes. It refuses to sign an
// attestation that could never count: object.ErrInvalid.
func NewAttestation(s sign.Signer, a Attestation) (object.Hash, []byte, error) {
	if err := a.Grounds(); err != nil {
		return object.Hash{}, nil, fmt.Errorf("attestation: %w: %w", object.ErrInvalid, err)
	}
	a.Signer = s.Agent()
	return sealSigned(s, AttestationRule, &a, &a.AttestationID, &a.Signature)
}

// OpenAttestation decodes canonical bytes and checks fields, id and signature. The caller decides whether the signer is
// trusted.
func OpenAttestation(raw []byte) (*Attestation, object.Hash, error) {
	a, id, err := object.Open[Attestation](raw, AttestationRule)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("attestation: %w", err)
	}
	if err := sign.VerifyID(a.Signer, id, a.Signature); err != nil {
		return nil, id, fmt.Errorf("attestation %s: %w", id.Short(), err)
	}
	return a, id, nil
}

// sealSigned is seal; it also signs the id into sig, which points into v.
func sealSigned(s sign.Signer, rule object.Rule, v any, id *object.Hash, sig *object.Signature) (object.Hash, []byte, error) {
	raw, err := sign.Seal(s, rule, v, id, sig)
	if err == nil {
		err = can.Check(v)
	}
	if err != nil {
		return object.Hash{}, nil, err
	}
	return *id, raw, nil
}
