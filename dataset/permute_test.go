package dataset

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/memory"
)

// evidence is a set of episodes with receipts and signals that a machine may receive.
type evidence struct {
	ids     []object.Hash
	objects []store.Object
	signals [][]byte
}

func someEvidence(t *testing.T, n int) evidence {
	ctx, w := context.Background(), newWorld(t)
	var e evidence
	for i := range n {
		r := w.receipt([]string{"wc", "grep"}[i%2], []uint16{200, 404, 500}[i%3], fmt.Sprint("q", i%5), "a")
		id := w.episode(i, fmt.Sprint("c", i%4), object.Time(i*1000), r)
		e.ids = append(e.ids, id)
		for _, one := range []object.Hash{r, id} {
			o, err := w.store.Object(ctx, one)
			w.must(err)
			e.objects = append(e.objects, o)
		}
		for k := range i % 3 {
			_, raw, err := signal.New(w.key, id, signal.Reward, ir.I64Scalar(int64(i%7-k)), object.Time(k))
			w.must(err)
			e.signals = append(e.signals, raw)
		}
	}
	return e
}

// machines are places with the same evidence: other stores, other orders of arrival,
// signals before episodes, everything twice, with and without reading ahead.
func (e evidence) machines(t *testing.T) map[string]Source {
	ctx := context.Background()
	out := map[string]Source{}
	for i, name := range []string{"memory", "memory, shuffled", "badger", "badger, shuffled"} {
		w := newWorld(t)
		if i >= 2 {
			db, err := badger.Open(t.TempDir(), badger.Options{})
			w.must(err)
			t.Cleanup(func() { db.Close() })
			w.store = store.New(db, memory.New())
			w.src = &StoreSource{Store: w.store, Author: w.author(), Ledger: w.src.Ledger}
		}
		objects, signals := slices.Clone(e.objects), slices.Clone(e.signals)
		if i%2 == 0 {
			w.must(w.store.PutObjects(ctx, objects...))
			w.must(signal.Put(ctx, w.store, signals...))
		} else {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			r.Shuffle(len(signals), func(a, b int) { signals[a], signals[b] = signals[b], signals[a] })
			r.Shuffle(len(objects), func(a, b int) { objects[a], objects[b] = objects[b], objects[a] })
			w.must(signal.Put(ctx, w.store, signals...))
			for part := range slices.Chunk(append(objects, objects[:9]...), 37) {
				w.must(w.store.PutObjects(ctx, part...))
			}
		}
		out[name], out[name+", one by one"] = w.src, plainSource{w.src}
	}
	return out
}

// storeOf is the store of a source.
func storeOf(s Source) *store.Store {
	if p, ok := s.(plainSource); ok {
		s = p.Source
	}
	return s.(*StoreSource).Store
}

// TestNothingElseDecides builds definitions on every machine, with any number of workers, and with the corpora cut into
// overlapping pieces: the manifest is always the same.
func TestNothingElseDecides(t *testing.T) {
	e := someEvidence(t, 180)
	machines := e.machines(t)
	names := make([]string, 0, len(machines))
	for name := range machines {
		names = append(names, name)
	}
	slices.Sort(names)
	queries := []string{"true", "signal.reward >= 2", `has_tool("wc") and status == 200`, "episode.time_observed in [20000, 120000) or not (signal.reward < 0)",
		"signal.reward != 3 and episode.trace_ref.trace_blob.size > 10", "false"}
	rapid.Check(t, func(rt *rapid.T) {
		predicate, err := query.Parse(rapid.SampledFrom(queries).Draw(rt, "query"), tools)
		if err != nil {
			rt.Fatal(err)
		}
		n := rapid.Uint64Range(0, 200).Draw(rt, "n")
		d := DatasetDef{Query: QueryDef{Predicate: predicate}, Sampling: SamplingDef{Mode: rapid.SampledFrom([]uint8{SampleAll, SampleHashN, SampleFirstN}).Draw(rt, "mode"), N: &n, Seed: seedOf("s")}}
		if d.Sampling.Mode == SampleAll {
			d.Sampling.N = nil
		}
		if rapid.Bool().Draw(rt, "strata") {
			key, err := query.ParsePath("episode.context_hash")
			if err != nil {
				rt.Fatal(err)
			}
			d.Stratify = &StratifyDef{KeyPath: key, PerBucketN: n % 50, Seed: seedOf("b")}
		}
		pieces := [][]object.Hash{e.ids}
		if d.Sampling.Mode != SampleFirstN || d.Stratify != nil { // FIRST_N follows the order of the corpora's roots
			for range rapid.IntRange(0, 3).Draw(rt, "pieces") {
				from := rapid.IntRange(0, len(e.ids)-1).Draw(rt, "from")
				pieces = append(pieces, e.ids[from:rapid.IntRange(from+1, len(e.ids)).Draw(rt, "to")])
			}
		}
		var first object.Hash
		for i, name := range names {
			src := machines[name]
			d.CorpusRoots = nil
			for _, piece := range pieces[:1+(i*len(pieces)/len(names))] { // increasing numbers of pieces; the first has all
				ref, _, err := SnapshotCorpus(context.Background(), storeOf(src), piece)
				if err != nil {
					rt.Fatal(err)
				}
				d.CorpusRoots = append(d.CorpusRoots, ref.CID)
			}
			root := manifestOf(rt, src, d, rapid.IntRange(1, 5).Draw(rt, "workers"))
			if i == 0 {
				first = root
			}
			if root != first {
				rt.Fatalf("%s gives %s, %s gives %s", name, root.Short(), names[0], first.Short())
			}
		}
	})
}

func manifestOf(rt *rapid.T, src Source, d DatasetDef, workers int) object.Hash {
	def, _, err := NewDef(d)
	if err != nil {
		rt.Fatal(err)
	}
	sel, err := SelectWith(context.Background(), src, def, Options{Workers: workers})
	if err != nil {
		rt.Fatal(err)
	}
	root, err := merkle.ListRoot(sel.IDs)
	if err != nil {
		rt.Fatal(err)
	}
	return root.CID
}
