package kvledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// TestVerifyFindsTampering makes one change to a stored ledger in each case. Everything stays decodable: only
// recomputing finds the change.
func TestVerifyFindsTampering(t *testing.T) {
	flip := func(v []byte, i int) []byte { v[i] ^= 1; return v }
	// edit changes the last byte of an entry of a kind in the middle of the log.
	edit := func(w *world, kind byte) map[string][]byte {
		leaves, seq := w.leaves(), 30
		for leaves[seq][0] != kind {
			seq++
		}
		return putOf(w.edited(seq, flip(leaves[seq], len(leaves[seq])-1)))
	}
	index := func(w *world, change func([]byte) []byte) map[string][]byte {
		return putOf(historyKey("key-3"), change(w.get(historyKey("key-3"))))
	}
	end := func(w *world, size int) map[string][]byte {
		return putOf("l/n", endOf(w.hashesOf(w.leaves()), size))
	}
	last := func(w *world) storedSegment { s := w.segments(); return s[len(s)-1] }
	for name, hurt := range map[string]func(w *world) map[string][]byte{
		"edited register":   func(w *world) map[string][]byte { return edit(w, ledger.EntryRegister) },
		"edited commit":     func(w *world) map[string][]byte { return edit(w, ledger.EntryCommit) },
		"edited receipt":    func(w *world) map[string][]byte { return edit(w, ledger.EntryReceipt) },
		"dropped entry":     func(w *world) map[string][]byte { return putOf(w.edited(5, nil)) },
		"dropped segment":   func(w *world) map[string][]byte { return putOf(segmentKey(w.segments()[1].first), nil) },
		"dropped last":      func(w *world) map[string][]byte { return putOf(w.edited(121, nil)) },
		"emptied entry":     func(w *world) map[string][]byte { return putOf(w.edited(5, []byte{})) },
		"emptied segment":   func(w *world) map[string][]byte { return putOf(segmentKey(0), []byte{}) },
		"cut segment":       func(w *world) map[string][]byte { v := w.get(segmentKey(0)); return putOf(segmentKey(0), v[:len(v)-1]) },
		"reordered entries": func(w *world) map[string][]byte { return w.swapped(3, 40) },
		"reordered history": func(w *world) map[string][]byte {
			return index(w, func(v []byte) []byte { return append(append(bytes.Clone(v[9:18]), v[:9]...), v[18:]...) })
		},
		"cut tail": func(w *world) map[string][]byte { return end(w, 20) },
		"longer size": func(*world) map[string][]byte {
			return putOf("l/n", append([]byte{0, 0, 0, 0, 0, 0, 1, 0}, make([]byte, 32)...))
		},
		"no size":      func(*world) map[string][]byte { return putOf("l/n", nil) },
		"size of zero": func(*world) map[string][]byte { return putOf("l/n", make([]byte, 8)) },
		"short size":   func(*world) map[string][]byte { return putOf("l/n", []byte{1}) },
		"edited end":   func(w *world) map[string][]byte { return putOf("l/n", flip(w.get("l/n"), 20)) },
		"appended entry": func(w *world) map[string][]byte {
			return putOf(segmentKey(122), storedSegment{leaves: w.leaves()[1:2]}.encode())
		},
		"longer segment": func(w *world) map[string][]byte {
			s := last(w)
			s.leaves = append(s.leaves, w.leaves()[1])
			return putOf(segmentKey(s.first), s.encode())
		},
		"repeated segment": func(w *world) map[string][]byte {
			list := w.segments()
			s := list[slices.IndexFunc(list, func(s storedSegment) bool { return len(s.leaves) > 1 })]
			return putOf(segmentKey(s.first+1), storedSegment{leaves: s.leaves[1:]}.encode())
		},
		"shortened history": func(w *world) map[string][]byte { return index(w, func(v []byte) []byte { return v[:18] }) },
		"beheaded history":  func(w *world) map[string][]byte { return index(w, func(v []byte) []byte { return v[9:] }) },
		"forgotten effect":  func(*world) map[string][]byte { return putOf(historyKey("key-3"), nil) },
		"foreign entry": func(w *world) map[string][]byte {
			return index(w, func(v []byte) []byte { return append(v, w.get(historyKey("key-4"))[18:]...) })
		},
		"repeated entry": func(w *world) map[string][]byte {
			return index(w, func(v []byte) []byte { return append(v, v[18:]...) })
		},
		"misplaced entry": func(w *world) map[string][]byte { return index(w, func(v []byte) []byte { return flip(v, 8) }) },
		"impossible place": func(w *world) map[string][]byte {
			return index(w, func(v []byte) []byte { return append(v[:18], place(2, 3)...) })
		},
		"half a place":      func(w *world) map[string][]byte { return index(w, func(v []byte) []byte { return v[:14] }) },
		"empty index":       func(w *world) map[string][]byte { return putOf(historyKey("key-3"), []byte{}) },
		"forgotten receipt": func(w *world) map[string][]byte { return putOf("l/r/"+anyReceipt(w), nil) },
		"misplaced receipt": func(w *world) map[string][]byte { return putOf("l/r/"+anyReceipt(w), place(2, 0)) },
		"invented receipt": func(w *world) map[string][]byte {
			return putOf("l/r/"+tool.String(), w.get(historyKey("key-3"))[9:18])
		},
		"receipt of too few": func(w *world) map[string][]byte { return putOf("l/r/"+anyReceipt(w), []byte{1}) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			w := newWorld(t)
			l := w.ledger(testKey)
			fill(t, l, 40)
			for i := range 2 {
				if err := l.Record(ctx, receipt(t, testKey, "", "q", fmt.Sprint(i), 200)); err != nil {
					t.Fatal(err)
				}
			}
			kept, err := l.Checkpoint(ctx)
			if err != nil {
				t.Fatal(err)
			}
			c, err := mlog.OpenCheckpoint(kept, testKey.Agent())
			if err != nil {
				t.Fatal(err)
			}
			if rep, err := l.Verify(ctx); err != nil || rep.Entries != 122 || rep.Receipts != 42 || rep.Effects != 40 || rep.Root != c.Root {
				t.Fatalf("%+v %v", rep, err)
			}
			w.put(hurt(w))
			if _, err := w.ledger(testKey).Verify(ctx); err == nil {
				t.Fatal("it was not found")
			}
		})
	}
}

func anyReceipt(w *world) string {
	return receiptID(w.t, receipt(w.t, testKey, "key-3", "q", "r", 200)).String()
}

// TestRewrittenLogs rebuilds a log that is sound in itself, without one effect. Verify cannot tell; a checkpoint kept
// elsewhere can.
func TestRewrittenLogs(t *testing.T) {
	ctx := context.Background()
	first, second := newWorld(t), newWorld(t)
	a, b := first.ledger(testKey), second.ledger(testKey)
	for i := range 12 {
		raw := receipt(t, testKey, "", "q", fmt.Sprint(i), 200)
		if err := a.Record(ctx, raw); err != nil {
			t.Fatal(err)
		}
		if i == 4 {
			continue
		}
		if err := b.Record(ctx, raw); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := a.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c, err := mlog.OpenCheckpoint(kept, testKey.Agent())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.CheckConsistent(ctx, c); !errors.Is(err, mlog.ErrCheckpoint) || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("a shorter log: %v", err)
	}
	for i := range 3 {
		if err := b.Record(ctx, receipt(t, testKey, "", "new", fmt.Sprint(i), 200)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Verify(ctx); err != nil {
		t.Errorf("it is sound in itself: %v", err)
	}
	if err := b.CheckConsistent(ctx, c); !errors.Is(err, mlog.ErrCheckpoint) {
		t.Errorf("a rewritten log: %v", err)
	}
}

// TestUnknownSigners: a commit by an unknown agent blocks the effect; a mark counts.
func TestUnknownSigners(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	a := w.ledger(testKey)
	d, err := a.Register(ctx, tool, []byte("k"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	// A third agent commits for the two who registered and signed the receipt.
	if err := w.ledger(thirdKey).Commit(ctx, d, receipt(t, testKey, "k", "q", "r", 200)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ledger(otherKey).Register(ctx, tool, []byte("k"), object.SumText("q"), minute); !errors.Is(err, ledger.ErrUnverifiable) {
		t.Fatalf("a commit by nobody known: %v", err)
	}
	if rep, err := w.ledger(otherKey).Verify(ctx); err != nil || rep.Unverifiable != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	knows := w.ledger(otherKey)
	knows.Known = []object.AgentID{thirdKey.Agent()}
	if d, err := knows.Register(ctx, tool, []byte("k"), object.SumText("q"), minute); err != nil || d.Action != ledger.Replay {
		t.Fatalf("%+v %v", d, err)
	}
	if rep, err := knows.Verify(ctx); err != nil || rep.Unverifiable != 0 {
		t.Fatalf("%+v %v", rep, err)
	}
	e, err := a.Register(ctx, tool, []byte("m"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ledger(thirdKey).MarkDivergent(ctx, tool, e.IdemID, ledger.MultipleCommits, []object.Hash{tool, e.IdemID, tool}); err != nil {
		t.Fatal(err)
	}
	s, err := w.ledger(otherKey).Read(ctx, e.IdemID)
	if err != nil || s.At(w.now) != ledger.StatusDivergent || !s.History[1].Unverified {
		t.Fatalf("%v %v", s.At(w.now), err)
	}
}

// TestVerifyReachesBack: an effect ends long after it began, further back than the entries that Verify holds in memory.
func TestVerifyReachesBack(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t)
	l := w.ledger(testKey)
	d, err := l.Register(ctx, tool, []byte("early"), object.SumText("q"), minute)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if err := l.Record(ctx, receipt(t, testKey, "", "q", fmt.Sprint(i), 200)); err != nil {
			t.Fatal(err)
		}
	}
	if rep, err := l.Verify(ctx); err != nil || rep.Effects != 1 || rep.Pending != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	if err := l.Commit(ctx, d, receipt(t, testKey, "early", "q", "r", 200)); err != nil {
		t.Fatal(err)
	}
	if rep, err := l.Verify(ctx); err != nil || rep.Effects != 1 || rep.Pending != 0 || rep.Entries != 5003 {
		t.Fatalf("%+v %v", rep, err)
	}
	index := w.get(historyKey("early"))
	for name, put := range map[string]map[string][]byte{
		"misplaced": putOf(historyKey("early"), append(place(1, 0), index[9:]...)),
		"beheaded":  putOf(historyKey("early"), index[9:]),
		"cut":       putOf(historyKey("early"), index[:9]),
		"invented":  putOf(historyKey("other"), index),
	} {
		if _, err := w.copyOf(put).ledger(testKey).Verify(ctx); !errors.Is(err, ledger.ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
