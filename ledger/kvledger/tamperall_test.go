package kvledger_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/store/memory"
)

// smallLog is a log with entries of every kind.
func smallLog(t *testing.T) (*world, mlog.Checkpoint) {
	t.Helper()
	ctx := t.Context()
	w := newWorld(t)
	l := w.ledger(testKey)
	fillInOrder(t, l, 3)
	if err := l.Record(ctx, receipt(t, testKey, "", "q", "keyless", 200)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Register(ctx, tool, []byte("key-1"), ledger.IdemID(tool, nil), minute); !errors.Is(err, ledger.ErrIdempotencyConflict) {
		t.Fatal(err)
	}
	d, err := l.Register(ctx, tool, []byte("lost"), tool, minute)
	if err != nil {
		t.Fatal(err)
	}
	l.Release(d)
	w.now += 1 << 40
	if err := l.Resolve(ctx, d.IdemID, ledger.ResolveRetry, latest(l, d.IdemID), nil, "it did not happen"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"lost", "key-4"} {
		if err := pair(ctx, w.ledger(otherKey), key); err != nil {
			t.Fatal(err)
		}
	}
	text, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, err := mlog.OpenCheckpoint(text, testKey.Agent())
	if err != nil {
		t.Fatal(err)
	}
	return w, c
}

// copyOf is the world with some keys changed; nil removes a key.
func (w *world) copyOf(put map[string][]byte) *world {
	w.t.Helper()
	c := &world{w.t, memory.New(), w.now}
	all := map[string][]byte{}
	err := w.db.Scan(context.Background(), "", "~", func(key string, value []byte) error {
		all[key] = bytes.Clone(value)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for key, value := range put {
		all[key] = value
	}
	for key, value := range all {
		if value == nil {
			delete(all, key)
		}
	}
	c.put(all)
	return c
}

// found reports whether a changed ledger can be distinguished from the kept one.
func (w *world) found(kept mlog.Checkpoint) bool {
	l := w.ledger(testKey)
	_, err := l.Verify(w.t.Context())
	return err != nil || l.CheckConsistent(w.t.Context(), kept) != nil
}

// TestEveryEntryIsGuarded edits, drops, moves and truncates every single entry of a log with entries of each kind.
func TestEveryEntryIsGuarded(t *testing.T) {
	w, kept := smallLog(t)
	if same := w.copyOf(nil); same.found(kept) {
		t.Fatal("the untouched log is found wrong")
	}
	kinds := map[byte]bool{}
	for seq, data := range w.leaves() {
		kinds[data[0]] = true
		for i := 0; i < len(data); i += 1 + len(data)/9 + seq%3 { // other places in each
			changed := bytes.Clone(data)
			changed[i] ^= 1 << (i % 8)
			if !w.copyOf(putOf(w.edited(seq, changed))).found(kept) {
				t.Errorf("entry %d: byte %d was edited", seq, i)
			}
		}
		if !w.copyOf(putOf(w.edited(seq, nil))).found(kept) {
			t.Errorf("entry %d was dropped", seq)
		}
		for other := range seq {
			if !w.copyOf(w.swapped(seq, other)).found(kept) {
				t.Errorf("entries %d and %d were swapped", seq, other)
			}
		}
	}
	if len(kinds) != 5 {
		t.Errorf("only kinds %v occur", kinds)
	}
}

// TestRebuiltLogs drops or moves each entry in turn, and cuts off each tail. It rebuilds all indexes and hashes, as
// somebody with access to the store can. A checkpoint that was kept reveals it.
func TestRebuiltLogs(t *testing.T) {
	w, kept := smallLog(t)
	n, leaves := int(kept.Size), w.leaves()
	if !bytes.Equal(w.rebuilt(leaves).get("l/n"), w.get("l/n")) || w.rebuilt(leaves).found(kept) {
		t.Fatal("the log is not rebuilt as it was")
	}
	for seq := range n {
		without := append(append([][]byte{}, leaves[:seq]...), leaves[seq+1:]...)
		if !w.rebuilt(without).found(kept) {
			t.Errorf("entry %d was dropped", seq)
		}
		if seq > 0 {
			moved := append([][]byte{}, leaves...)
			moved[seq-1], moved[seq] = moved[seq], moved[seq-1]
			if !w.rebuilt(moved).found(kept) {
				t.Errorf("entries %d and %d were swapped", seq-1, seq)
			}
		}
		cut := w.rebuilt(leaves[:seq])
		if err := cut.ledger(testKey).CheckConsistent(t.Context(), kept); !errors.Is(err, mlog.ErrCheckpoint) || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("the tail from entry %d on was cut off: %v", seq, err)
		}
	}
}

// rebuilt is a store with exactly these leaves and all that follows from them.
func (w *world) rebuilt(leaves [][]byte) *world {
	w.t.Helper()
	put := map[string][]byte{}
	for seq, data := range leaves {
		put[segmentKey(seq)] = storedSegment{leaves: [][]byte{data}}.encode()
		e, err := ledger.ParseEntry(data[0], data[1:])
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Receipt != nil {
			put["l/r/"+e.Receipt.ReceiptID.String()] = place(seq, 0)
		}
		if e.Register != nil {
			put["l/u/"+e.Register.ToolID.String()] = []byte{}
		}
		if idem, ok := e.IdemID(); ok {
			key := "l/i/" + idem.String()
			put[key] = append(put[key], place(seq, 0)...)
		}
	}
	if len(leaves) > 0 {
		put["l/n"] = endOf(w.hashesOf(leaves), len(leaves))
	}
	c := &world{w.t, memory.New(), w.now}
	c.put(put)
	return c
}
