package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// indexKey is the key of an episode's signal in the index.
func indexKey(episode, signal object.Hash) string {
	return kv.Signals + episode.String() + "/" + signal.String()
}

// TestForgedSignals stores signals without signal.Put, as a broken or hostile store would.
func TestForgedSignals(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	a, b := w.episode(1, "c", 0), w.episode(2, "c", 0)
	_, raw, err := signal.New(w.key, a, signal.Reward, ir.U64Scalar(1), 7)
	w.must(err)
	forged := slices.Clone(raw)
	forged[len(forged)-1] ^= 1 // the signature
	if err := signal.Put(ctx, w.store, forged); !errors.Is(err, sign.ErrSignature) {
		t.Errorf("a forged signal is taken: %v", err)
	}
	id, err := signal.Rule.ID(forged)
	w.must(err)
	w.must(w.store.PutObjects(ctx, store.Object{ID: id, Kind: signal.Kind, Raw: forged}))
	_, err = w.store.KV().Update(ctx, nil, map[string][]byte{indexKey(a, id): {}, indexKey(b, id): {}})
	w.must(err)
	if got := w.selects("signal.reward == 1", []object.Hash{a, b}); len(got) != 0 {
		t.Errorf("a forged signal is seen: %v", got)
	}
	if n, err := signal.Index(ctx, w.store); n != 0 || err != nil {
		t.Errorf("%d forged signals indexed, %v", n, err)
	}
	honest := w.signal(a, signal.Reward, ir.U64Scalar(2))
	_, err = w.store.KV().Update(ctx, nil, map[string][]byte{indexKey(b, honest): {}}) // of another episode
	w.must(err)
	if got := w.selects("signal.reward == 2", []object.Hash{a, b}); !slices.Equal(got, []int{0}) {
		t.Errorf("selected %v", got)
	}
}

func TestIndexSignals(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	a := w.episode(1, "c", 0)
	id, raw, err := signal.New(w.key, a, signal.Label, ir.TextScalar("x"), 7)
	w.must(err)
	w.must(w.store.PutObjects(ctx, store.Object{ID: id, Kind: signal.Kind, Raw: raw}))
	if got := w.selects(`signal.label == "x"`, []object.Hash{a}); len(got) != 0 {
		t.Errorf("selected %v before it was indexed", got)
	}
	for range 2 {
		if n, err := signal.Index(ctx, w.store); n != 1 || err != nil {
			t.Fatalf("%d indexed, %v", n, err)
		}
	}
	if got := w.selects(`signal.label == "x"`, []object.Hash{a}); len(got) != 1 {
		t.Errorf("selected %v", got)
	}
}

// TestSignalRoots pins signal logs: later signals change nothing.
func TestSignalRoots(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	ids := []object.Hash{w.episode(1, "c", 0), w.episode(2, "c", 0)}
	first := w.signal(ids[0], signal.Reward, ir.U64Scalar(1))
	log, n, err := SnapshotSignals(ctx, w.store, nil)
	if err != nil || n != 1 || log.Media != MediaSignals {
		t.Fatalf("log of %d signals: %v", n, err)
	}
	w.signal(ids[1], signal.Reward, ir.U64Scalar(1))
	labels, n, err := SnapshotSignals(ctx, w.store, func(s *signal.Signal) bool { return s.SignalType == signal.Label })
	if err != nil || n != 0 {
		t.Fatalf("log of %d labels: %v", n, err)
	}
	pin := func(roots ...object.Hash) func(*DatasetDef) {
		return func(d *DatasetDef) { d.SignalRoots = roots }
	}
	both := list(t, w.store, []object.Hash{first, object.SumText("elsewhere")})
	for name, c := range map[string]struct {
		change func(*DatasetDef)
		want   []int
	}{
		"all": {pin(), []int{0, 1}}, "first": {pin(log.CID), []int{0}}, "labels": {pin(labels.CID), []int{}},
		"two": {pin(labels.CID, log.CID), []int{0}}, "unknown": {pin(both), []int{0}},
		"empty": {func(d *DatasetDef) { d.SignalRoots = []object.Hash{} }, []int{}},
	} {
		if got := w.selects("signal.reward == 1", ids, c.change); !slices.Equal(got, c.want) {
			t.Errorf("%s: selected %v, expected %v", name, got, c.want)
		}
	}
	if _, err := Select(ctx, w.src, w.def("signal.reward == 1", ids, pin(object.SumText("lost")))); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing log: %v", err)
	}
}

// TestBrokenEvidence: missing data that a predicate needs is an error, not FALSE.
func TestBrokenEvidence(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	lost := w.episode(1, "c", 0, object.SumText("lost receipt"))
	for _, query := range []string{"status == 200", `not has_tool("wc")`} {
		if _, err := Select(ctx, w.src, w.def(query, []object.Hash{lost})); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", query, err)
		}
	}
	if got := w.selects("false and status == 200", []object.Hash{lost}); len(got) != 0 {
		t.Errorf("selected %v", got)
	}
	o, err := w.store.Object(ctx, lost)
	w.must(err)
	wrong := object.SumText("wrong id")
	w.must(w.store.PutObjects(ctx, store.Object{ID: wrong, Kind: KindEpisode, Raw: o.Raw}))
	if _, err := Select(ctx, w.src, w.def("episode.time_observed == 0", []object.Hash{wrong})); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("an episode under a wrong id: %v", err)
	}
	receipt := w.receipt("wc", 200, "a", "b")
	if _, err := Select(ctx, w.src, w.def("episode.time_observed == 0", []object.Hash{receipt})); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a receipt in a corpus: %v", err)
	}
	if _, err := Select(ctx, w.src, &DatasetDef{DatasetDefID: wrong, CorpusRoots: []object.Hash{wrong}, Query: QueryDef{wrong, ir.Expr{Op: ir.ExprTrue}},
		Sampling: SamplingDef{Mode: SampleAll, Seed: wrong}}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing corpus: %v", err)
	}
}

// TestStrataOverMissing puts episodes without the key into the bucket 05 00.
func TestStrataOverMissing(t *testing.T) {
	w := newWorld(t)
	var ids []object.Hash
	for i := range 20 {
		ids = append(ids, w.episode(i, "c", 0))
	}
	seed := seedOf("s")
	for _, c := range []struct {
		segments []uint32
		key      []byte
	}{{[]uint32{2, 1, 6, 1}, []byte{5, 0}}, {[]uint32{2, 1}, []byte{5, 0}}, {[]uint32{5}, []byte{4, 0}}} {
		stratify := func(d *DatasetDef) {
			d.Stratify = &StratifyDef{KeyPath: ir.Path{Root: ir.RootEpisode, Segments: c.segments}, PerBucketN: 4, Seed: seed}
		}
		sel, err := Select(context.Background(), w.src, w.def("true", ids, sampled(SampleFirstN, 1, ""), stratify))
		w.must(err)
		want := sorted(slowHashN(ids, object.Sum(append(slices.Clone(seed.Sum[:]), c.key...)), 4))
		if !slices.Equal(sel.IDs, want) {
			t.Errorf("%v: %d selected, expected %d", c.segments, len(sel.IDs), len(want))
		}
	}
}

// TestClauses counts the episodes that each clause of an AND kept.
func TestClauses(t *testing.T) {
	w := newWorld(t)
	var ids []object.Hash
	for i := range 10 {
		ids = append(ids, w.episode(i, fmt.Sprint("c", i%2), object.Time(i)))
	}
	size := "episode.trace_ref.trace_blob.size"
	sel, err := Select(context.Background(), w.src, w.def(size+" >= 4 and episode.time_observed < 8 and episode.context_hash == \""+object.SumText("c0").String()+"\"", ids))
	w.must(err)
	got := fmt.Sprint(sel.Clauses[0].In, sel.Clauses[0].Kept, sel.Clauses[1].In, sel.Clauses[1].Kept, sel.Clauses[2].In, sel.Clauses[2].Kept, sel.Kept)
	if got != "10 6 6 4 4 2 2" || sel.Clauses[0].Text != size+" >= 4" {
		t.Errorf("clauses %s: %+v", got, sel.Clauses)
	}
}

// TestSparseCorpus reads the signals of a few episodes among many others, and of as many as there are.
func TestSparseCorpus(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	var ids []object.Hash
	for i := range 40 {
		id := w.episode(i, "c", 0)
		w.signal(id, signal.Reward, ir.U64Scalar(uint64(i%2)))
		ids = append(ids, id)
	}
	ids = sorted(ids)
	few := []object.Hash{ids[0], ids[39]}
	if _, ok := w.src.SignalsOf(ctx, few); ok {
		t.Error("40 entries are read for 2 episodes")
	}
	if w.src.EpisodesOf(ctx, few, func(int, []byte) {}) {
		t.Error("40 episodes are read for 2")
	}
	at := []int{}
	if !w.src.EpisodesOf(ctx, ids, func(i int, raw []byte) {
		if id, err := object.EpisodeRule.ID(raw); err == nil && id == ids[i] {
			at = append(at, i)
		}
	}) || len(at) != 40 {
		t.Errorf("episodes %v", at)
	}
	found, ok := w.src.SignalsOf(ctx, ids)
	if !ok || len(found) != 40 {
		t.Errorf("signals of %d episodes: %v", len(found), ok)
	}
	for _, some := range [][]object.Hash{few, ids, ids[3:9]} {
		want := []int{}
		for i, id := range some {
			var g signal.Signal
			w.must(can.Unmarshal(found[slices.Index(ids, id)][0], &g))
			if v, _, err := g.Value(); err == nil && v.Uint() == 1 {
				want = append(want, i)
			}
		}
		if got := w.selects("signal.reward == 1", some); !slices.Equal(got, want) {
			t.Errorf("selected %v, expected %v", got, want)
		}
	}
	broken := indexKey(ids[5], object.SumText("x"))
	_, err := w.store.KV().Update(ctx, nil, map[string][]byte{broken: found[5][0]})
	w.must(err)
	if _, err := Select(ctx, w.src, w.def("signal.reward == 1", ids)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("an entry under a wrong id: %v", err)
	}
	if got := w.selects("episode.time_observed == 1 and signal.reward == 1", ids); len(got) != 0 {
		t.Errorf("selected %v; nothing asks for signals", got)
	}
}
