package signal

import (
	"bytes"
	"slices"
	"testing"

	"github.com/mythos-project/mythos/dataset/quick"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

func TestRoundTrip(t *testing.T) {
	key := sign.FromSeed([32]byte{1}, "tester")
	id, raw, err := New(key, object.SumText("e"), Reward, ir.I64Scalar(-1), 7)
	if err != nil {
		t.Fatal(err)
	}
	s, got, err := Open(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := can.Marshal(s)
	if err != nil || !slices.Equal(again, raw) || got != id {
		t.Errorf("signal %x became %x", raw, again)
	}
	for name, kept := range map[string]Signal{
		"type": {SignalType: 4, ValueKind: ir.KindU64, ValueBytes: []byte{3, 1}},
		"kind": {SignalType: 1, ValueKind: ir.KindBool, ValueBytes: []byte{1}},
	} {
		if err := kept.Check(); err != nil {
			t.Errorf("a signal of an unknown %s is not kept: %v", name, err)
		}
	}
	if wrong := (Signal{SignalType: 1, ValueKind: ir.KindU64, ValueBytes: []byte{4, 1}}); wrong.Check() == nil {
		t.Error("a signal of a wrong value passes")
	}
	if _, _, err := New(key, object.SumText("e"), 9, ir.I64Scalar(-1), 7); err == nil {
		t.Error("a signal of an unknown type is made")
	}
}

// TestEveryByteIsBound changes every byte of a signal: no changed copy passes for the same.
func TestEveryByteIsBound(t *testing.T) {
	id, raw, err := New(sign.FromSeed([32]byte{1}, "tester"), object.SumText("e"), Label, ir.TextScalar("good"), 9)
	if err != nil {
		t.Fatal(err)
	}
	if !quick.IsID(raw, id, 2, signatureLen) || quick.IsID(raw, id, 2, signatureLen-1) {
		t.Error("the usual form is not known")
	}
	for i := range raw[:len(raw)-signatureLen] { // the signature is not part of the id
		bad := bytes.Clone(raw)
		if bad[i]++; matches(bad, id) && (i < 4 || i >= 2+quick.IDLen) { // the stored id is not part of it
			t.Errorf("byte %d of a signal can be changed", i)
		}
	}
}

// FuzzOpen: unsigned bytes are never accepted as a signal.
func FuzzOpen(f *testing.F) {
	_, raw, err := New(sign.FromSeed([32]byte{1}, "tester"), object.SumText("e"), Reward, ir.I64Scalar(-1), 7)
	if err != nil {
		f.Fatal(err)
	}
	raw[len(raw)-1] ^= 1 // the signature
	f.Add(raw)
	f.Fuzz(func(t *testing.T, data []byte) {
		matches(data, object.Hash{})
		if _, id, err := Open(data); err == nil {
			t.Fatalf("nobody signed %s", id)
		}
	})
}
