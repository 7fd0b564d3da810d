package kvledger_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"testing"

	attestation "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/object"
)

// stockVerifier is Ed25519 for the stock DSSE library, which brings no keys of its own.
type stockVerifier struct{ agent object.AgentID }

func (v stockVerifier) KeyID() (string, error)   { return v.agent.KeyID().String(), nil }
func (v stockVerifier) Public() crypto.PublicKey { return ed25519.PublicKey(v.agent.Key[:]) }
func (v stockVerifier) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(v.agent.Key[:], data, sig) {
		return errors.New("it does not verify")
	}
	return nil
}

// TestInTotoStock: the libraries of the in-toto ecosystem verify our envelope and
// read our statement.
func TestInTotoStock(t *testing.T) {
	id, bundle := exported(t, testKey)
	data, err := intoto.Seal(testKey, bundle)
	if err != nil {
		t.Fatal(err)
	}
	var e dsse.Envelope
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	verifier := func(agent object.AgentID) *dsse.EnvelopeVerifier {
		v, err := dsse.NewEnvelopeVerifier(stockVerifier{agent})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if keys, err := verifier(testKey.Agent()).Verify(t.Context(), &e); err != nil || len(keys) != 1 || keys[0].KeyID != testKey.Agent().KeyID().String() {
		t.Fatalf("the envelope: %+v %v", keys, err)
	}
	if _, err := verifier(otherKey.Agent()).Verify(t.Context(), &e); err == nil {
		t.Error("a stranger's key verifies it")
	}
	payload, err := e.DecodeB64Payload()
	if err != nil || e.PayloadType != intoto.PayloadType {
		t.Fatalf("%s %v", e.PayloadType, err)
	}
	var s attestation.Statement
	if err := protojson.Unmarshal(payload, &s); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(); err != nil {
		t.Fatalf("the statement: %v", err)
	}
	fields := s.GetPredicate().GetFields()
	if s.GetPredicateType() != intoto.ReceiptType || s.GetSubject()[0].GetDigest()["sha256"] != object.SumText("r").String() ||
		fields["receiptId"].GetStringValue() != id.String() || fields["receipt"].GetStructValue().GetFields()["status"].GetNumberValue() != 200 {
		t.Errorf("%v", &s)
	}
}
