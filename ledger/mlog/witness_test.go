package mlog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/memory"
)

// TestWitnessRemembers: a witness cosigns a log as it grows, and nothing that does not extend what it cosigned before.
func TestWitnessRemembers(t *testing.T) {
	ctx := t.Context()
	db, log := memory.New(), testKey.Agent()
	l := mlog.New(db)
	witness := func() *mlog.Witness {
		return mlog.NewWitness(db, otherKey, func() object.Time { return 1_000_000 })
	}
	request := func(l *mlog.Log, old uint64) []byte {
		text, err := l.WitnessRequest(ctx, testKey, old)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if last, err := witness().Last(ctx, log); err != nil || last != nil {
		t.Fatalf("%+v %v", last, err)
	}
	if _, err := witness().Cosign(ctx, log, []byte("no checkpoint")); !errors.Is(err, mlog.ErrCheckpoint) {
		t.Error(err)
	}
	first, err := l.Checkpoint(ctx, testKey) // of the empty log
	if err != nil {
		t.Fatal(err)
	}
	if _, err := witness().Cosign(ctx, log, first); err != nil {
		t.Fatal(err)
	}
	sizes := []uint64{0}
	for range 3 {
		grow(t, l, len(sizes)*2)
		text, err := witness().Cosign(ctx, log, request(l, sizes[len(sizes)-1]))
		if err != nil {
			t.Fatal(err)
		}
		c, err := mlog.OpenCheckpoint(text, log)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := mlog.Witnesses(text, log, otherKey.Agent()); err != nil || len(got) != 1 {
			t.Fatalf("%v %v", got, err)
		}
		if last, err := witness().Last(ctx, log); err != nil || *last != c {
			t.Fatalf("%+v %v, expected %+v", last, err, c)
		}
		sizes = append(sizes, c.Size)
	}
	var stale *mlog.StaleError
	if _, err := witness().Cosign(ctx, log, request(l, sizes[1])); !errors.As(err, &stale) || stale.Has != sizes[3] || stale.From != sizes[1] {
		t.Errorf("a request from elsewhere: %v", err)
	}
	if _, err := witness().Cosign(ctx, log, first); !errors.Is(err, mlog.ErrCheckpoint) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("an older log: %v", err)
	}
	// The same key's other log is longer, and sound in itself.
	fork := mlog.New(memory.New())
	if ok, err := fork.Append(ctx, &mlog.Append{Leaves: [][]byte{[]byte("another first leaf")}}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	grow(t, fork, 20)
	if _, err := witness().Cosign(ctx, log, request(fork, sizes[3])); !errors.Is(err, mlog.ErrCheckpoint) {
		t.Errorf("a split view: %v", err)
	}
	for name, text := range map[string]string{
		"no number": "old x\n\n", "leading zero": strings.Replace(string(request(l, sizes[3])), "old ", "old 0", 1),
		"bad proof": strings.Replace(string(request(l, sizes[3])), "\n\n", "\nAAAA\n\n", 1), "no end": "old 0",
	} {
		if _, err := witness().Cosign(ctx, log, []byte(text)); !errors.Is(err, mlog.ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
