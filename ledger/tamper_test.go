package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

func entryKey(seq int) string { return fmt.Sprintf("l/e/%016x", seq) }

// kindAt finds an entry of a kind in the middle of the log.
func (w *world) kindAt(kind byte) int {
	for seq := 30; ; seq++ {
		if w.get(entryKey(seq))[0] == kind {
			return seq
		}
	}
}

func slot(n int) string {
	return fmt.Sprintf("l/i/%s/%08x", ledger.IdemID(tool, []byte("key-3")), n)
}

// TestVerifyFindsTampering changes a stored ledger in one way each. Everything
// stays decodable: only what Verify recomputes can tell.
func TestVerifyFindsTampering(t *testing.T) {
	swap := func(w *world, a, b string) map[string][]byte {
		return map[string][]byte{a: w.get(b), b: w.get(a)}
	}
	flip := func(v []byte, i int) []byte { v[i] ^= 1; return v }
	for name, hurt := range map[string]func(w *world) map[string][]byte{
		"edited register":   func(w *world) map[string][]byte { return edit(w, ledger.EntryRegister, flip) },
		"edited commit":     func(w *world) map[string][]byte { return edit(w, ledger.EntryCommit, flip) },
		"edited receipt":    func(w *world) map[string][]byte { return edit(w, ledger.EntryReceipt, flip) },
		"dropped entry":     func(*world) map[string][]byte { return map[string][]byte{entryKey(5): nil} },
		"dropped last":      func(*world) map[string][]byte { return map[string][]byte{entryKey(121): nil} },
		"emptied entry":     func(*world) map[string][]byte { return map[string][]byte{entryKey(5): {}} },
		"reordered entries": func(w *world) map[string][]byte { return swap(w, entryKey(3), entryKey(40)) },
		"reordered history": func(w *world) map[string][]byte { return swap(w, slot(0), slot(1)) },
		"cut tail":          func(*world) map[string][]byte { return map[string][]byte{"l/n": {0, 0, 0, 0, 0, 0, 0, 20}} },
		"longer size":       func(*world) map[string][]byte { return map[string][]byte{"l/n": {0, 0, 0, 0, 0, 0, 1, 0}} },
		"no size":           func(*world) map[string][]byte { return map[string][]byte{"l/n": nil} },
		"short size":        func(*world) map[string][]byte { return map[string][]byte{"l/n": {1}} },
		"appended entry":    func(w *world) map[string][]byte { return map[string][]byte{entryKey(122): w.get(entryKey(1))} },
		"edited hash": func(w *world) map[string][]byte {
			key := fmt.Sprintf("l/t/%016x", 17)
			return map[string][]byte{key: flip(w.get(key), 0)}
		},
		"dropped hash":      func(*world) map[string][]byte { return map[string][]byte{fmt.Sprintf("l/t/%016x", 17): nil} },
		"shortened history": func(*world) map[string][]byte { return map[string][]byte{slot(2): nil} },
		"beheaded history":  func(*world) map[string][]byte { return map[string][]byte{slot(0): nil} },
		"forgotten effect":  func(*world) map[string][]byte { return map[string][]byte{slot(0): nil, slot(1): nil, slot(2): nil} },
		"foreign entry":     func(w *world) map[string][]byte { return map[string][]byte{slot(3): w.get(otherSlot())} },
		"repeated entry":    func(w *world) map[string][]byte { return map[string][]byte{slot(3): w.get(slot(2))} },
		"forgotten receipt": func(w *world) map[string][]byte { return map[string][]byte{"l/r/" + anyReceipt(w): nil} },
		"misplaced receipt": func(w *world) map[string][]byte {
			return map[string][]byte{"l/r/" + anyReceipt(w): {0, 0, 0, 0, 0, 0, 0, 2}}
		},
		"invented receipt":   func(w *world) map[string][]byte { return map[string][]byte{"l/r/" + tool.String(): w.get(slot(1))} },
		"receipt of too few": func(w *world) map[string][]byte { return map[string][]byte{"l/r/" + anyReceipt(w): {1}} },
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
			c, err := ledger.OpenCheckpoint(kept, testKey.Agent())
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

func edit(w *world, kind byte, change func([]byte, int) []byte) map[string][]byte {
	key := entryKey(w.kindAt(kind))
	v := w.get(key)
	return map[string][]byte{key: change(v, len(v)-1)}
}

func otherSlot() string {
	return fmt.Sprintf("l/i/%s/%08x", ledger.IdemID(tool, []byte("key-4")), 2)
}

func anyReceipt(w *world) string {
	return receiptID(w.t, receipt(w.t, testKey, "key-3", "q", "r", 200)).String()
}

// TestRewrittenLogs rebuilds a log that is sound in itself, without one effect:
// Verify cannot tell, a checkpoint kept elsewhere can.
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
	c, err := ledger.OpenCheckpoint(kept, testKey.Agent())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.CheckConsistent(ctx, c); !errors.Is(err, ledger.ErrCheckpoint) || !strings.Contains(err.Error(), "cut off") {
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
	if err := b.CheckConsistent(ctx, c); !errors.Is(err, ledger.ErrCheckpoint) {
		t.Errorf("a rewritten log: %v", err)
	}
}

// TestUnknownSigners: a commit by nobody known stops the effect, a mark counts.
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
