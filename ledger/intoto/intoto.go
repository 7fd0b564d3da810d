// Package intoto turns evidence into the form that supply-chain tools read: in-toto statements in DSSE envelopes
// (spec/evidence.md#evidence-bundles).
package intoto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// The types of the in-toto form of a receipt (spec/evidence.md#evidence-bundles).
const (
	PayloadType   = "application/vnd.in-toto+json"
	StatementType = "https://in-toto.io/Statement/v1"
	ReceiptType   = "https://github.com/mythos-project/mythos/spec/receipt/v0.2"
)

// ErrEnvelope means that a DSSE envelope is malformed or that no known agent signed it.
var ErrEnvelope = errors.New("DSSE envelope does not hold")

// Statement is an in-toto statement (v1) about the answer of an effect.
type Statement struct {
	Type          string           `json:"_type"`
	Subject       []Subject        `json:"subject"` // the response
	PredicateType string           `json:"predicateType"`
	Predicate     ReceiptPredicate `json:"predicate"`
}

// Subject is an artifact of a statement, by digest.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"` // "sha256": hex
}

// ReceiptPredicate is the predicate of our statements.
type ReceiptPredicate struct {
	ReceiptID string          `json:"receiptId"` // hex
	Receipt   json.RawMessage `json:"receipt"`   // the JSON view
	Evidence  []byte          `json:"evidence"`  // the canonical EvidenceBundle
}

// Envelope is a DSSE envelope (v1.0).
type Envelope struct {
	PayloadType string              `json:"payloadType"`
	Payload     []byte              `json:"payload"`
	Signatures  []EnvelopeSignature `json:"signatures"`
}

// EnvelopeSignature is an Ed25519 signature over the envelope's PAE.
type EnvelopeSignature struct {
	KeyID string `json:"keyid"` // hex of the agent's key id; a hint only
	Sig   []byte `json:"sig"`
}

// PAE is DSSE's pre-authentication encoding, which the signature covers.
func PAE(payloadType string, payload []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload)), payload...)
}

// Seal turns a bundle of evidence, which must be intact, into an in-toto statement in a DSSE envelope signed by s.
func Seal(s sign.Signer, bundle []byte) ([]byte, error) {
	ev, _, err := ledger.ParseEvidence(bundle)
	if err != nil {
		return nil, err
	}
	payload, err := statement(ev, bundle)
	if err != nil {
		return nil, fmt.Errorf("in-toto: %w", err)
	}
	return SealStatement(s, payload)
}

// statement returns the only statement that a bundle gives, as JSON.
func statement(ev *ledger.Evidence, bundle []byte) ([]byte, error) {
	b, err := object.Decode[ledger.EvidenceBundle](bundle)
	if err != nil {
		return nil, err
	}
	view, err := object.ToJSON(can.TypeOf(reflect.TypeFor[ledger.Receipt]()), b.Receipt)
	if err != nil {
		return nil, err
	}
	return json.Marshal(Statement{
		Type:          StatementType,
		Subject:       []Subject{{Name: "response", Digest: map[string]string{"sha256": ev.Receipt.ResponseHash.String()}}},
		PredicateType: ReceiptType,
		Predicate:     ReceiptPredicate{ReceiptID: ev.ReceiptID.String(), Receipt: view, Evidence: bundle},
	})
}

const maxEnvelopeSignatures = 64

// Open verifies an envelope, which one of the agents must have signed, and returns its statement and that agent. The
// evidence inside must be intact, and the statement must be the one that [Seal] makes from it. Use [VerifyEvidence] for
// the signers inside the evidence and whether they are trusted. Errors wrap ErrEnvelope.
func Open(data []byte, agents ...object.AgentID) (*Statement, object.AgentID, error) {
	payload, signer, err := OpenStatement(data, agents...)
	if err != nil {
		return nil, signer, err
	}
	var s Statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, signer, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	ev, _, err := ledger.ParseEvidence(s.Predicate.Evidence)
	if err != nil {
		return nil, signer, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	want, err := statement(ev, s.Predicate.Evidence)
	if err != nil {
		return nil, signer, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if err := sameJSON(payload, want); err != nil {
		return nil, signer, fmt.Errorf("%w: the statement is not that of its receipt: %w", ErrEnvelope, err)
	}
	return &s, signer, nil
}

// sameJSON compares two JSON documents member by member. It refuses repeated members, and members that only one of the
// two has, because nothing would vouch for them.
func sameJSON(got, want []byte) error {
	a, err := object.FromJSON(nil, got)
	if err != nil {
		return err
	}
	b, err := object.FromJSON(nil, want)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return errors.New("a member differs")
	}
	return nil
}

func signerOf(e Envelope, agents []object.AgentID) (object.AgentID, bool) {
	message := PAE(e.PayloadType, e.Payload)
	for _, sig := range e.Signatures {
		for _, a := range agents {
			if len(sig.Sig) == 64 && sign.Verify(a, message, [64]byte(sig.Sig)) == nil {
				return a, true
			}
		}
	}
	return object.AgentID{}, false
}
