package kvledger_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/intoto"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

func exported(t *testing.T, exporter sign.Signer) (object.Hash, []byte) {
	t.Helper()
	w := newWorld(t)
	l := w.ledger(testKey)
	fill(t, l, 7)
	id := receiptID(t, receipt(t, testKey, "key-3", "q", "r", 200))
	raw, err := w.ledger(exporter).ExportEvidence(t.Context(), id, kvledger.Authority{Caps: [][]byte{[]byte("a cap")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id, raw
}

// TestEvidenceTravels checks a bundle that another node than the executor exports, and its two verdicts separately.
func TestEvidenceTravels(t *testing.T) {
	id, raw := exported(t, otherKey)
	trusts := func(list ...object.AgentID) func(object.AgentID) bool {
		return func(a object.AgentID) bool {
			for _, b := range list {
				if a.Same(b) {
					return true
				}
			}
			return false
		}
	}
	for _, c := range []struct {
		trusted     func(object.AgentID) bool
		signer, log bool
	}{{nil, false, false}, {trusts(), false, false}, {trusts(alice), true, false}, {trusts(bob), false, true}, {trusts(alice, bob), true, true}} {
		ev, err := ledger.VerifyEvidence(raw, c.trusted)
		if err != nil {
			t.Fatal(err)
		}
		if ev.ReceiptID != id || ev.State.At(0) != ledger.StatusCommitted || ev.Log.Size != 21 || !ev.Log.Signer.Same(bob) || string(ev.Caps[0]) != "a cap" {
			t.Fatalf("%+v", ev)
		}
		if ev.SignerTrusted != c.signer || ev.LogTrusted != c.log || ev.Trusted() != (c.signer && c.log) {
			t.Errorf("trusted %v, %v", ev.SignerTrusted, ev.LogTrusted)
		}
	}
	if _, err := ledger.VerifyEvidence(raw); !errors.Is(err, mlog.ErrCheckpoint) {
		t.Errorf("whoever asks about the signer alone takes a stranger's log: %v", err)
	}
	_, own := exported(t, testKey)
	if ev, err := ledger.VerifyEvidence(own); err != nil || ev.Trusted() {
		t.Errorf("%+v %v", ev, err)
	}
	for i := range raw {
		for _, change := range []byte{1, 0x10, 0x80} {
			bad := bytes.Clone(raw)
			bad[i] ^= change
			if _, err := ledger.VerifyEvidence(bad, nil); err == nil {
				t.Fatalf("byte %d may be changed: %q", i, raw[max(0, i-30):i+10])
			}
		}
	}
}

// TestEvidenceOfADivergence keeps conflict and resolution in the bundle.
func TestEvidenceOfADivergence(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	a, b := w.ledger(testKey), w.ledger(otherKey)
	d, err := a.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	raw := receipt(t, testKey, "k", "q", "r", 200)
	if err := a.Commit(ctx, d, raw); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Register(ctx, tool, []byte("k"), object.SumText("x"), minute); !errors.Is(err, ledger.ErrIdempotencyConflict) {
		t.Fatal(err)
	}
	for _, want := range []ledger.Status{ledger.StatusDivergent, ledger.StatusCommitted} {
		bundle, err := b.ExportEvidence(ctx, receiptID(t, raw), kvledger.Authority{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := ledger.VerifyEvidence(bundle, nil)
		if err != nil || ev.State.At(w.now) != want {
			t.Fatalf("%v, expected %s: %v", ev, want, err)
		}
		if want == ledger.StatusDivergent {
			if err := a.Resolve(ctx, d.IdemID, ledger.ResolveAccept, latest(a, d.IdemID), []object.Hash{receiptID(t, raw)}, "the other request was a mistake"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestEvidenceWithoutAKey exports the receipts of an effect without a key and of a refused one, which is not part of
// the effect's history.
func TestEvidenceWithoutAKey(t *testing.T) {
	ctx := context.Background()
	l := newWorld(t).ledger(testKey)
	fill(t, l, 2)
	for _, raw := range [][]byte{receipt(t, testKey, "", "q", "r", 200), refusal(t, "key-1", 403, nil)} {
		if err := l.Record(ctx, raw); err != nil {
			t.Fatal(err)
		}
		bundle, err := l.ExportEvidence(ctx, receiptID(t, raw), kvledger.Authority{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := ledger.VerifyEvidence(bundle, nil)
		if err != nil || ev.ReceiptID != receiptID(t, raw) || len(ev.State.History) != 0 || ev.Refused != (ev.Receipt.Status == 403) {
			t.Errorf("%+v %v", ev, err)
		}
	}
	if _, err := l.ExportEvidence(ctx, tool, kvledger.Authority{}, nil); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("a receipt that is not there: %v", err)
	}
}

func TestInToto(t *testing.T) {
	id, bundle := exported(t, testKey)
	data, err := intoto.Seal(testKey, bundle)
	if err != nil {
		t.Fatal(err)
	}
	// As a stock tool sees it: plain JSON, and Ed25519 over the PAE.
	var e struct {
		PayloadType string
		Payload     []byte
		Signatures  []struct {
			KeyID string
			Sig   []byte
		}
	}
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	signed := fmt.Sprintf("DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(e.Payload), e.Payload)
	agent := testKey.Agent()
	if e.PayloadType != "application/vnd.in-toto+json" || !ed25519.Verify(agent.Key[:], []byte(signed), e.Signatures[0].Sig) {
		t.Fatalf("%s", data)
	}
	var s struct {
		Type    string `json:"_type"`
		Subject []struct{ Digest map[string]string }
	}
	if err := json.Unmarshal(e.Payload, &s); err != nil || s.Type != "https://in-toto.io/Statement/v1" || s.Subject[0].Digest["sha256"] != object.SumText("r").String() {
		t.Fatalf("%+v %v", s, err)
	}
	st, by, err := intoto.Open(data, bob, agent)
	if err != nil || !by.Same(agent) || st.Predicate.ReceiptID != id.String() || !bytes.Equal(st.Predicate.Evidence, bundle) {
		t.Fatalf("%v %v", by, err)
	}
	if _, _, err := intoto.Open(data, bob); !errors.Is(err, intoto.ErrEnvelope) {
		t.Errorf("a stranger signed it: %v", err)
	}
	if _, err := intoto.Seal(testKey, bundle[:len(bundle)-1]); err == nil {
		t.Error("a broken bundle becomes a statement")
	}
	// What a trusted agent signs must still be the statement of the receipt inside.
	for name, change := range map[string]func(*intoto.Statement){
		"subject":                    func(s *intoto.Statement) { s.Subject[0].Digest["sha256"] = tool.String() },
		"id":                         func(s *intoto.Statement) { s.Predicate.ReceiptID = tool.String() },
		"predicate":                  func(s *intoto.Statement) { s.PredicateType += "x" },
		"evidence":                   func(s *intoto.Statement) { s.Predicate.Evidence = nil },
		"receipt":                    func(s *intoto.Statement) { s.Predicate.Receipt = json.RawMessage(`{"status":500}`) },
		"a member that nobody knows": nil, "a member twice": nil,
	} {
		var s intoto.Statement
		if err := json.Unmarshal(e.Payload, &s); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&s)
		}
		payload, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		switch name {
		case "a member that nobody knows":
			payload = bytes.Replace(payload, []byte(`{"_type"`), []byte(`{"approved":true,"_type"`), 1)
		case "a member twice":
			payload = bytes.Replace(payload, []byte(`{"_type"`), []byte(`{"predicateType":"other","_type"`), 1)
		}
		sig, err := testKey.Sign(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(payload), payload))
		if err != nil {
			t.Fatal(err)
		}
		forged, err := json.Marshal(intoto.Envelope{PayloadType: e.PayloadType, Payload: payload, Signatures: []intoto.EnvelopeSignature{{Sig: sig[:]}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := intoto.Open(forged, agent); !errors.Is(err, intoto.ErrEnvelope) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExportUnderCheckpoint: evidence under a checkpoint that was kept elsewhere has what that checkpoint covers.
func TestExportUnderCheckpoint(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	l := w.ledger(testKey)
	before, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	raw := receipt(t, testKey, "k", "q", "r", 200)
	d, err := l.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err == nil {
		err = l.Commit(ctx, d, raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	kept, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Register(ctx, tool, []byte("k"), object.SumText("other"), minute); !errors.Is(err, ledger.ErrIdempotencyConflict) {
		t.Fatal(err)
	}
	for _, c := range []struct {
		checkpoint []byte
		status     ledger.Status
	}{{kept, ledger.StatusCommitted}, {nil, ledger.StatusDivergent}} {
		bundle, err := l.ExportEvidence(ctx, receiptID(t, raw), kvledger.Authority{}, c.checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		ev, err := ledger.VerifyEvidence(bundle, nil)
		if err != nil || ev.State.At(w.now) != c.status || string(ev.Raw) != string(raw) {
			t.Errorf("%v %v", ev, err)
		}
		if c.checkpoint != nil && string(ev.Note) != string(kept) {
			t.Errorf("another checkpoint: %s", ev.Note)
		}
	}
	if _, err := l.ExportEvidence(ctx, receiptID(t, raw), kvledger.Authority{}, before); !errors.Is(err, mlog.ErrCheckpoint) {
		t.Errorf("a checkpoint from before it: %v", err)
	}
	other := newWorld(t)
	fill(t, other.ledger(testKey), 3)
	foreign, err := other.ledger(testKey).Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.ExportEvidence(ctx, receiptID(t, raw), kvledger.Authority{}, foreign); !errors.Is(err, mlog.ErrCheckpoint) {
		t.Errorf("a checkpoint of another log: %v", err)
	}
}
