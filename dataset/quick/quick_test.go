package quick

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// sample returns the canonical bytes of an episode, and its id.
func sample(t *testing.T) ([]byte, object.Hash) {
	e := object.EpisodeRef{TraceRef: object.TraceRef{TraceBlob: object.BlobRef{CID: object.SumText("trace"), Size: 300, Media: "text/plain"},
		ReceiptIDs: []object.Hash{object.SumText("a"), object.SumText("b")}}, ContextHash: object.SumText("c"), OutcomeHash: object.SumText("o"), TimeObserved: -5}
	var err error
	if e.EpisodeID, err = object.EpisodeRule.IDOf(&e); err != nil {
		t.Fatal(err)
	}
	raw, err := can.Marshal(&e)
	if err != nil {
		t.Fatal(err)
	}
	return raw, e.EpisodeID
}

// TestFindsWhatTheCodecFinds compares the quick reader with the strict codec, and changes every byte: no changed copy
// passes for the same.
func TestFindsWhatTheCodecFinds(t *testing.T) {
	raw, id := sample(t)
	if !IsID(raw, id, 1, 0) {
		t.Error("the usual form is not known")
	}
	for num := range uint32(10) {
		want, err := can.Field(raw, uint64(num))
		if got := Field(raw, num); err != nil || !bytes.Equal(got, want) {
			t.Errorf("field %d: %x, expected %x, %v", num, got, want, err)
		}
	}
	if Skip(raw) != len(raw) {
		t.Errorf("%d of %d bytes are skipped", Skip(raw), len(raw))
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		if bad[i]++; IsID(bad, id, 1, 0) {
			t.Errorf("byte %d can be changed", i)
		}
	}
}

// TestTakesAnything: it never reads beyond the end, whatever the bytes.
func TestTakesAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		raw := rapid.SliceOfN(rapid.ByteRange(0, 40), 0, 60).Draw(rt, "raw")
		if n := Skip(raw); n > len(raw) {
			rt.Fatalf("skips %d of %d", n, len(raw))
		}
		for num := range uint32(6) {
			Field(raw, num)
		}
		IsID(raw, object.Hash{}, 1, 0)
	})
}
