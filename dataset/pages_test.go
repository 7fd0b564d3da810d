package dataset

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// randomSignal says something of an episode, of any type and kind.
func (w *world) randomSignal(r *rand.Rand, episode object.Hash) []byte {
	values := []ir.Scalar{ir.I64Scalar(r.Int64N(5) - 2), ir.U64Scalar(r.Uint64N(3)), ir.TextScalar([]string{"good", "bad", strings.Repeat("long", 400)}[r.IntN(3)]),
		ir.BytesScalar([]byte{1, byte(r.IntN(2))}), ir.HashScalar(object.SumText(fmt.Sprint(r.IntN(2))))}
	_, raw, err := signal.New(w.key, episode, []uint8{signal.Reward, signal.Label, signal.Constraint}[r.IntN(3)], values[r.IntN(len(values))], object.Time(r.IntN(9)))
	w.must(err)
	return raw
}

// randomQuery compares any fields.
func randomQuery(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(2) == 0 {
		a, b := randomQuery(r, depth-1), randomQuery(r, depth-1)
		return []string{"(" + a + " and " + b + ")", "(" + a + " or " + b + ")", "not (" + a + ")"}[r.IntN(3)]
	}
	ops := []string{"==", "!=", "<", "<=", ">", ">="}
	n, op := fmt.Sprint(r.IntN(5)-2), ops[r.IntN(len(ops))]
	all := []string{"signal.reward " + op + " " + n, "signal.value " + op + " " + n, "signal.label == \"good\"", "signal.label != \"" + strings.Repeat("long", 400) + "\"",
		"signal.constraint in [1, 2, -1]", "signal.time_observed > " + n, "signal.signer == \"" + object.SumText("nobody").String() + "\"", "signal.signal_type == 2",
		"episode.time_observed " + op + " " + fmt.Sprint(r.IntN(1000)), "episode.time_observed in [100, 400)", "episode.trace_ref.trace_blob.size > " + fmt.Sprint(r.IntN(1000)),
		"episode.context_hash == \"" + object.SumText("c1").String() + "\"", "episode.trace_ref.trace_blob.media == \"application/mythos.trace\"", "episode[2][1][6][1] == 1", "status == 404"}
	return all[r.IntN(len(all))]
}

// agree selects with pages and from the evidence alone.
func (w *world) agree(d *DatasetDef) {
	w.t.Helper()
	ctx := context.Background()
	slow, err := choose(ctx, w.src, d, Options{}, nil)
	w.must(err)
	fast, err := SelectWith(ctx, w.src, d, Options{Workers: 2})
	w.must(err)
	if !slices.Equal(slow.IDs, fast.IDs) || slow.Kept != fast.Kept || !slices.Equal(slow.Clauses, fast.Clauses) {
		w.t.Fatalf("%s: %d are selected from pages, %d from the evidence", query.Decompile(&d.Query.Predicate), len(fast.IDs), len(slow.IDs))
	}
}

// onBadger is world over the embedded store.
func (w *world) onBadger() *world {
	db, err := badger.Open(w.t.TempDir(), badger.Options{})
	w.must(err)
	w.t.Cleanup(func() { db.Close() })
	w.store = store.New(db, memory.New())
	w.src = &StoreSource{Store: w.store, Author: w.author()}
	return w
}

// TestPagesAgree: whatever is asked in whatever order, while episodes and signals come, pages give what the evidence gives.
func TestPagesAgree(t *testing.T) {
	ctx := context.Background()
	for name, w := range map[string]*world{"memory": newWorld(t), "embedded": newWorld(t).onBadger()} {
		r := rand.New(rand.NewPCG(1, uint64(len(name))))
		var ids []object.Hash
		for round := range 4 {
			for range []int{600, 20, 0, 100}[round] {
				ids = append(ids, w.episode(len(ids), fmt.Sprint("c", r.IntN(3)), object.Time(r.IntN(1000))))
			}
			var said [][]byte
			for range []int{150, 10, 30, 100}[round] {
				said = append(said, w.randomSignal(r, ids[r.IntN(len(ids))]))
			}
			w.must(signal.Put(ctx, w.store, said...))
			for range 3 {
				w.agree(w.def(randomQuery(r, 2), ids[:520+r.IntN(80)], sampled(SampleHashN, 50, "x")))
				w.agree(w.def(randomQuery(r, 2), ids))
			}
			w.agree(w.def(randomQuery(r, 1), ids, func(d *DatasetDef) {
				d.Stratify = &StratifyDef{KeyPath: ir.Path{Root: ir.RootEpisode, Segments: []uint32{3}}, PerBucketN: 4, Seed: seedOf("s")}
			}))
			if n, err := query.CheckPages(ctx, w.src, func(_ string, id object.Hash, err error) { t.Errorf("%s: %s: %v", name, id.Short(), err) }); err != nil || n == 0 {
				t.Fatalf("%s: %d pages: %v", name, n, err)
			}
		}
		all, err := signal.IDs(ctx, w.store, nil)
		w.must(err)
		some := sorted(slices.Clone(all[:len(all)/2]))
		w.agree(w.def("signal.reward >= 0", ids, func(d *DatasetDef) { d.SignalRoots = []object.Hash{list(t, w.store, some)} }))
	}
}

// TestPagesWhileSignalsCome: pages that are read, written and given up while others put signals are right when all is done.
func TestPagesWhileSignalsCome(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	var ids []object.Hash
	for i := range 600 {
		ids = append(ids, w.episode(i, "c", object.Time(i)))
	}
	d := w.def("signal.reward >= 0 and episode.time_observed >= 300", ids)
	var done sync.WaitGroup
	for k := range 2 {
		done.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(k)))
			for range 15 {
				w.must(signal.Put(ctx, w.store, w.randomSignal(r, ids[r.IntN(len(ids))]), w.randomSignal(r, ids[r.IntN(len(ids))])))
			}
		})
		done.Go(func() {
			for i := range 8 {
				_, err := Select(ctx, w.src, d)
				w.must(err)
				if i == 3 {
					w.must(pages.Drop(ctx, w.store.KV()))
				}
			}
		})
	}
	done.Wait()
	for range 2 {
		w.agree(d)
	}
	if n, err := query.CheckPages(ctx, w.src, func(_ string, id object.Hash, err error) { t.Errorf("%s: %v", id.Short(), err) }); err != nil || n == 0 {
		t.Errorf("%d pages: %v", n, err)
	}
}

// cutKV is a store whose process ends: after some updates none happens.
type cutKV struct {
	kv.KV
	left int
}

var errCut = errors.New("the process was ended")

func (c *cutKV) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if c.left--; c.left < 0 {
		return false, errCut
	}
	return c.KV.Update(ctx, check, put)
}

// TestPagesWhenEnded ends a process before each of its updates: a selection does without what it cannot
// write, and the next process gives what the evidence gives.
func TestPagesWhenEnded(t *testing.T) {
	ctx := context.Background()
	for left := range 8 {
		w := newWorld(t)
		r := rand.New(rand.NewPCG(3, 1))
		var ids []object.Hash
		for i := range 520 {
			ids = append(ids, w.episode(i, "c", object.Time(i)))
		}
		w.must(signal.Put(ctx, w.store, w.randomSignal(r, ids[5]), w.randomSignal(r, ids[6])))
		d := w.def("signal.reward >= 0 and episode.time_observed >= 300", ids)
		cut := &cutKV{KV: w.store.KV(), left: left}
		dying := store.New(cut, memory.New())
		src := &StoreSource{Store: dying, Author: w.author()} // nodes of corpora are in the KV, too
		if _, err := SelectWith(ctx, src, d, Options{Workers: 1}); err != nil {
			t.Fatalf("after %d updates: %v", left, err)
		}
		_ = signal.Put(ctx, dying, w.randomSignal(r, ids[5]), w.randomSignal(r, ids[400])) // it may not come to that
		_, err := SelectWith(ctx, src, d, Options{Workers: 1})
		w.must(err)
		w.agree(d)
		w.agree(d)
	}
}

// lie has an author write pages without a single value.
func (w *world) lie(by *pages.Author, ids []object.Hash) {
	w.t.Helper()
	ctx := context.Background()
	w.must(pages.Drop(ctx, w.store.KV()))
	r, err := pages.Episodes(w.store.KV(), by).Read(ctx, ids, []string{"5"}, func(int, int, []string) bool { return true })
	w.must(err)
	w.must(r.Keep(ctx, func(int, int) ([]string, bool) { return nil, true }))
}

// TestPagesThatLie: verification reads the evidence, a check finds what a page has otherwise, and
// a page is not read that is damaged or by a stranger.
func TestPagesThatLie(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	var ids []object.Hash
	for i := range 600 {
		ids = append(ids, w.episode(i, "c", object.Time(i)))
	}
	d := w.def("episode.time_observed >= 300", ids)
	sel, err := Select(ctx, w.src, d)
	w.must(err)
	asked := sorted(slices.Clone(ids))
	w.lie(&pages.Author{Key: sign.FromSeed([32]byte{9}, "stranger")}, asked)
	w.agree(d) // and the pages are ours now
	w.lie(w.author(), asked)
	wrong, err := Select(ctx, w.src, d)
	w.must(err)
	if len(wrong.IDs) != 0 || len(sel.IDs) != 300 {
		t.Fatalf("%d and %d selected: pages are not read", len(wrong.IDs), len(sel.IDs))
	}
	slow, err := choose(ctx, w.src, d, Options{}, nil)
	w.must(err)
	if !slices.Equal(slow.IDs, sel.IDs) {
		t.Error("verification believes pages")
	}
	found := 0
	if _, err := query.CheckPages(ctx, w.src, func(string, object.Hash, error) { found++ }); err != nil || found != 600 {
		t.Errorf("%d of 600 lies found: %v", found, err)
	}
	w.must(pages.Drop(ctx, w.store.KV()))
	w.agree(d)
	first := ""
	w.must(kv.Scan(ctx, w.store.KV(), kv.EpisodePages+"1", func(key string, _ []byte) error { first = key; return nil }))
	_, err = w.store.KV().Update(ctx, nil, map[string][]byte{first: []byte("no page")})
	w.must(err)
	w.agree(d)
}
