package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// TestWitnessRemembers: a witness cosigns a log as it grows, and nothing that does
// not begin with what it cosigned before.
func TestWitnessRemembers(t *testing.T) {
	ctx := t.Context()
	w, log := newWorld(t), testKey.Agent()
	l := w.ledger(testKey)
	witness := func() *ledger.Witness {
		return ledger.NewWitness(w.db, otherKey, func() object.Time { return w.now })
	}
	request := func(l *ledger.Ledger, old uint64) []byte {
		text, err := l.WitnessRequest(ctx, old)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if last, err := witness().Last(ctx, log); err != nil || last != nil {
		t.Fatalf("%+v %v", last, err)
	}
	if _, err := witness().Cosign(ctx, log, []byte("no checkpoint")); !errors.Is(err, ledger.ErrCheckpoint) {
		t.Error(err)
	}
	first, err := l.Checkpoint(ctx) // of the empty log
	if err != nil {
		t.Fatal(err)
	}
	if _, err := witness().Cosign(ctx, log, first); err != nil {
		t.Fatal(err)
	}
	sizes := []uint64{0}
	for range 3 {
		fillInOrder(t, l, len(sizes)*2)
		text, err := witness().Cosign(ctx, log, request(l, sizes[len(sizes)-1]))
		if err != nil {
			t.Fatal(err)
		}
		c, err := ledger.OpenCheckpoint(text, log)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ledger.Witnesses(text, log, otherKey.Agent()); err != nil || len(got) != 1 {
			t.Fatalf("%v %v", got, err)
		}
		if last, err := witness().Last(ctx, log); err != nil || *last != c {
			t.Fatalf("%+v %v, expected %+v", last, err, c)
		}
		sizes = append(sizes, c.Size)
	}
	var stale *ledger.StaleError
	if _, err := witness().Cosign(ctx, log, request(l, sizes[1])); !errors.As(err, &stale) || stale.Has != sizes[3] || stale.From != sizes[1] {
		t.Errorf("a request from elsewhere: %v", err)
	}
	if _, err := witness().Cosign(ctx, log, first); !errors.Is(err, ledger.ErrCheckpoint) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("an older log: %v", err)
	}
	// The same key's other log is longer, and sound in itself.
	other := newWorld(t)
	fork := other.ledger(testKey)
	fill(t, fork, 20)
	if _, err := witness().Cosign(ctx, log, request(fork, sizes[3])); !errors.Is(err, ledger.ErrCheckpoint) {
		t.Errorf("a split view: %v", err)
	}
	for name, text := range map[string]string{
		"no number": "old x\n\n", "leading zero": strings.Replace(string(request(l, sizes[3])), "old ", "old 0", 1),
		"bad proof": strings.Replace(string(request(l, sizes[3])), "\n\n", "\nAAAA\n\n", 1), "no end": "old 0",
	} {
		if _, err := witness().Cosign(ctx, log, []byte(text)); !errors.Is(err, ledger.ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExportUnderCheckpoint: evidence under a checkpoint that was kept elsewhere
// holds what that checkpoint covers.
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
		bundle, err := l.ExportEvidence(ctx, receiptID(t, raw), nil, c.checkpoint)
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
	if _, err := l.ExportEvidence(ctx, receiptID(t, raw), nil, before); !errors.Is(err, ledger.ErrCheckpoint) {
		t.Errorf("a checkpoint from before it: %v", err)
	}
	other := newWorld(t)
	fill(t, other.ledger(testKey), 3)
	foreign, err := other.ledger(testKey).Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.ExportEvidence(ctx, receiptID(t, raw), nil, foreign); !errors.Is(err, ledger.ErrCheckpoint) {
		t.Errorf("a checkpoint of another log: %v", err)
	}
}
