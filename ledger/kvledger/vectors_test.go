package kvledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// The published vectors RECEIPT_001 and LEDGER_001: ids, and SHA-256 of the files.
const (
	vectorIdem     = "7f24e6dcd855c1cec0f714e71e9721ecb75055274361f658b3813eceff0ae6d3"
	vectorReceipt  = "0edba8b8f9547e0977cec96eb37d0e117e0c2718e7d69737ef17e8f1d9ce32cd"
	vectorRegister = "e2fc089f8e128c097410374b5fe59f9f052587968e304d1b570964bb3babcf9a"
	vectorCommit   = "7be23cd78504ae4c980e7df6277749976d1329c1e723c152cdf110572e42376b"
	vectorRequest  = "758d61f26a44448384e5c4468a0dcb7a2abe456067b0f7b505bc28b9411fe931"
	vectorResponse = "9795c5ff8937f23526ccb207a5684c1fc94a7854e19c021b39d944e51f5baef2"

	receiptFile  = "afc385552bc03e0301964f35e5aac58a4e5f3d0e3aee454acc84a861c52512c5"
	registerFile = "f5e879129f8c1f6a950cab6814d15c3e21ebbe7219f7d976c115fab04b0e3ae1"
	commitFile   = "fba9baf58a14b3f5676a24f44ce9d2a4d1d27570b6efa86f846a5dcbaeca33e3"
)

// bare signs an id as the vectors do: without a key id.
func bare(t *testing.T, rule object.Rule, v any, want string) object.Signature {
	t.Helper()
	id, err := rule.IDOf(v)
	if err != nil || id.String() != want {
		t.Fatalf("id %s, expected %s: %v", id, want, err)
	}
	sig, err := testKey.Sign(id.Sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return object.Signature{Alg: object.Ed25519, Sig: sig}
}

// same compares a rebuilt object with the digest of the published file, and with the file itself where the pack is
// available.
func same(t *testing.T, v any, file, digest string) []byte {
	t.Helper()
	raw, err := can.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	if got := hex.EncodeToString(sum[:]); got != digest {
		t.Errorf("%s: %s, expected %s", file, got, digest)
	}
	published, err := os.ReadFile(filepath.Join("../../../shared/ctvp/vectors", file))
	if err == nil && !bytes.Equal(published, raw) {
		t.Errorf("%s: the file has other bytes", file)
	}
	return raw
}

func TestPublishedVectors(t *testing.T) {
	key := []byte("idem:001")
	if got := ledger.IdemID(tool, key).String(); got != vectorIdem {
		t.Errorf("idem id %s", got)
	}
	request, response, idem := mustHash(t, vectorRequest), mustHash(t, vectorResponse), mustHash(t, vectorIdem)
	r := ledger.Receipt{ReceiptID: mustHash(t, vectorReceipt), ToolID: tool, RequestHash: request, ResponseHash: response,
		IdempotencyKey: key, Signer: testKey.Agent(), TimeObserved: 1700000000000000, Status: 200}
	r.Signature = bare(t, ledger.ReceiptRule, &r, vectorReceipt)
	raw := same(t, &r, "receipts/receipt_001.bin", receiptFile)
	if _, id, err := ledger.OpenReceipt(raw); err != nil || id.String() != vectorReceipt {
		t.Errorf("%s %v", id, err)
	}
	reg := ledger.EffectRegister{IdemID: idem, ToolID: tool, RequestHash: request, IdempotencyKey: key, Owner: testKey.Agent(),
		LeaseExpiresAt: 1700000030000000, TimeObserved: 1700000000000000}
	reg.Signature = bare(t, ledger.RegisterRule, &reg, vectorRegister)
	same(t, &reg, "ledger/ledger_001_register.bin", registerFile)
	com := ledger.EffectCommit{IdemID: idem, ToolID: tool, RequestHash: request, ResponseHash: response, ReceiptID: r.ReceiptID,
		Status: 200, TimeObserved: 1700000001000000}
	com.Signature = bare(t, ledger.CommitRule, &com, vectorCommit)
	same(t, &com, "ledger/ledger_001_commit.bin", commitFile)
	for _, e := range []ledger.Entry{
		{Kind: ledger.EntryRegister, Register: &reg, Raw: mustMarshal(t, &reg)},
		{Kind: ledger.EntryCommit, Commit: &com, Raw: mustMarshal(t, &com)},
	} {
		if err := e.Verify(testKey.Agent()); err != nil { // no key id: the register's owner is tried
			t.Errorf("%s: %v", e.KindName(), err)
		}
	}
}

func mustMarshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := can.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
