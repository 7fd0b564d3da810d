package dataset

import (
	"bytes"
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// TestQuickIsStrict compares what is found quickly with what the strict codec finds, and
// changes every byte of evidence: none of it passes for the same.
func TestQuickIsStrict(t *testing.T) {
	w := newWorld(t)
	id := w.episode(1, "c", -5, w.receipt("wc", 200, "a", "b"), w.receipt("wc", 404, "c", "d"))
	episode, err := w.src.Episode(context.Background(), id)
	w.must(err)
	sid, signal, err := NewSignal(w.key, id, Label, ir.TextScalar("good"), 9)
	w.must(err)
	if !quickID(episode, id, 1, 0) || !quickID(signal, sid, 2, signatureLen) || quickID(signal, sid, 2, signatureLen-1) {
		t.Error("the usual form is not known")
	}
	for _, raw := range [][]byte{episode, signal} {
		for num := range uint32(10) {
			want, err := can.Field(raw, uint64(num))
			if got := quickField(raw, num); err != nil || !bytes.Equal(got, want) {
				t.Errorf("field %d: %x, expected %x, %v", num, got, want, err)
			}
		}
		if quickSkip(raw) != len(raw) {
			t.Errorf("%d of %d bytes are skipped", quickSkip(raw), len(raw))
		}
	}
	var s, full seenSignal
	w.must(can.Unmarshal(signal, &full))
	if !s.see(signal) || s.ID != full.ID || s.EpisodeID != full.EpisodeID || s.Type != full.Type || s.ValueKind != full.ValueKind || !bytes.Equal(s.Value, full.Value) {
		t.Errorf("%+v, expected %+v", s, full)
	}
	for i := range episode {
		bad := bytes.Clone(episode)
		if bad[i]++; isEpisode(bad, id) && (i < 4 || i >= 2+idFieldLen) { // the id that it carries is not part of it
			t.Errorf("byte %d of an episode can be changed", i)
		}
	}
	for i := range signal[:len(signal)-signatureLen] { // the signature is no part of the id
		bad := bytes.Clone(signal)
		if bad[i]++; isSignal(bad, sid) && (i < 4 || i >= 2+idFieldLen) { // the id that it carries is not part of it
			t.Errorf("byte %d of a signal can be changed", i)
		}
	}
}

// TestQuickTakesAnything: no bytes make it read beyond their end.
func TestQuickTakesAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		raw := rapid.SliceOfN(rapid.ByteRange(0, 40), 0, 60).Draw(rt, "raw")
		if n := quickSkip(raw); n > len(raw) {
			rt.Fatalf("skips %d of %d", n, len(raw))
		}
		for num := range uint32(6) {
			quickField(raw, num)
		}
		var s seenSignal
		s.see(raw)
		isEpisode(raw, object.Hash{})
		isSignal(raw, object.Hash{})
	})
}
