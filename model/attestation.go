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
	ClaimEvalMetric    uint8 = 3 // a report is right; evidence: report id
	ClaimQuorumSignoff uint8 = 4 // a verifier agrees to a promotion; evidence: policy id
)

// ResultPass is the result of an attestation that says yes. Any other says no.
const ResultPass uint16 = 0

const maxEvidence = 1024 // hashes in one attestation or record

// Attestation is a signed claim about a subject: of the claims here, a model.
type Attestation struct {
	AttestationID object.Hash      `can:"1,attestation_id"`
	SubjectHash   object.Hash      `can:"2,subject_hash"`
	ClaimType     uint8            `can:"3,claim_type"`
	Result        uint16           `can:"4,result"` // 0 yes; else no, a code of the verifier's own
	Evidence      []object.Hash    `can:"5,evidence,optional"`
	Signer        object.AgentID   `can:"6,signer"`
	TimeObserved  object.Time      `can:"7,time_observed"`
	Signature     object.Signature `can:"8,signature"`
	Notes         *string          `can:"9,notes"`
}

// AttestationRule is how attestations are identified and signed.
var AttestationRule = object.Rule{Mask: can.Mask{1: nil, 8: nil}, IDField: 1, Signer: 6, Sig: 8}

// ClaimName is the claim type in words, "EvalPass".
func ClaimName(claim uint8) string {
	names := [...]string{"", "ContractPass", "EvalPass", "EvalMetric", "QuorumSignoff"}
	if int(claim) < len(names) && claim > 0 {
		return names[claim]
	}
	return fmt.Sprintf("claim %d", claim)
}

// Check refuses too much evidence. A claim that this version does not know, and one
// without evidence, are well formed: they have an id and a signature, can be kept and
// shown, and count for nothing (see [Attestation.Grounds]) [field-34].
func (a Attestation) Check() error {
	if len(a.Evidence) > maxEvidence {
		return fmt.Errorf("%d hashes of evidence, at most %d", len(a.Evidence), maxEvidence)
	}
	return nil
}

// Grounds says why an attestation can count for nothing; it does not matter who signed it: its claim is
// not known, or it is an EvalPass, EvalMetric or QuorumSignoff without evidence.
func (a *Attestation) Grounds() error {
	if a.ClaimType < ClaimContractPass || a.ClaimType > ClaimQuorumSignoff {
		return fmt.Errorf("claim type %d is not known (1 to 4)", a.ClaimType)
	}
	if a.ClaimType != ClaimContractPass && len(a.Evidence) == 0 {
		return fmt.Errorf("a %s needs evidence", ClaimName(a.ClaimType))
	}
	return nil
}

// Passes reports whether the attestation says yes.
func (a *Attestation) Passes() bool { return a.Result == ResultPass }

// Names reports whether the evidence has h.
func (a *Attestation) Names(h object.Hash) bool { return slices.Contains(a.Evidence, h) }

// NewAttestation fills in signer, id and signature and returns the id and the
// canonical bytes. What could count for nothing is not signed: object.ErrInvalid.
func NewAttestation(s sign.Signer, a Attestation) (object.Hash, []byte, error) {
	if err := a.Grounds(); err != nil {
		return object.Hash{}, nil, fmt.Errorf("attestation: %w: %w", object.ErrInvalid, err)
	}
	a.Signer = s.Agent()
	return sealSigned(s, AttestationRule, &a, &a.AttestationID, &a.Signature)
}

// OpenAttestation decodes canonical bytes and checks fields, id and signature.
// Whether the signer is trusted is for the caller to say.
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

// sealSigned is seal, and signs the id into sig, which points into v, too.
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
