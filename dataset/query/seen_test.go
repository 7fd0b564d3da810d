package query

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// TestSeenIsDecoded compares the quick reading of a signal with the strict codec's.
func TestSeenIsDecoded(t *testing.T) {
	_, raw, err := signal.New(sign.FromSeed([32]byte{1}, "tester"), object.SumText("e"), signal.Label, ir.TextScalar("good"), 9)
	if err != nil {
		t.Fatal(err)
	}
	var s, full seenSignal
	if err := can.Unmarshal(raw, &full); err != nil {
		t.Fatal(err)
	}
	if !s.see(raw) || s.ID != full.ID || s.EpisodeID != full.EpisodeID || s.Type != full.Type || s.ValueKind != full.ValueKind || !bytes.Equal(s.Value, full.Value) {
		t.Errorf("%+v, expected %+v", s, full)
	}
	rapid.Check(t, func(rt *rapid.T) {
		var s seenSignal
		s.see(rapid.SliceOfN(rapid.ByteRange(0, 40), 0, 60).Draw(rt, "raw")) // it reads nothing beyond the end
	})
}
