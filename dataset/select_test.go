package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// slowRank is HASH_N's key by the letter of the specification.
func slowRank(seed, id object.Hash) uint64 {
	sum := sha256.Sum256(append(append([]byte{}, seed.Sum[:]...), id.Sum[:]...))
	return binary.BigEndian.Uint64(sum[:8])
}

// slowHashN is HASH_N by sorting everything.
func slowHashN(ids []object.Hash, seed object.Hash, n uint64) []object.Hash {
	ids = slices.Clone(ids)
	ranks := map[object.Hash]uint64{}
	for _, id := range ids {
		ranks[id] = slowRank(seed, id)
	}
	slices.SortFunc(ids, func(a, b object.Hash) int { return cmp.Or(cmp.Compare(ranks[a], ranks[b]), a.Compare(b)) })
	return ids[:min(uint64(len(ids)), n)]
}

// reference selects by the letter of the specification, with everything in memory.
type reference struct {
	roots   map[object.Hash][]object.Hash // corpora by root
	holds   func(object.Hash) bool
	stratum func(object.Hash) []byte
}

func (r reference) run(d *DatasetDef) (out []object.Hash, seen, kept int) {
	roots := slices.Clone(d.CorpusRoots)
	slices.SortFunc(roots, object.Hash.Compare)
	met := map[object.Hash]bool{}
	var pass []object.Hash
	for _, root := range roots {
		for _, id := range r.roots[root] {
			if met[id] {
				continue
			}
			met[id] = true
			full := d.Stratify == nil && d.Sampling.Mode == SampleFirstN && uint64(len(pass)) >= *d.Sampling.N
			if full {
				continue
			}
			if seen++; r.holds(id) {
				pass = append(pass, id)
			}
		}
	}
	switch {
	case d.Stratify != nil:
		buckets := map[string][]object.Hash{}
		for _, id := range pass {
			key := string(r.stratum(id))
			buckets[key] = append(buckets[key], id)
		}
		for key, ids := range buckets {
			seed := object.Sum(append(append([]byte{}, d.Stratify.Seed.Sum[:]...), key...))
			out = append(out, slowHashN(ids, seed, d.Stratify.PerBucketN)...)
		}
	case d.Sampling.Mode == SampleHashN:
		out = slowHashN(pass, d.Sampling.Seed, *d.Sampling.N)
	default:
		out = slices.Clone(pass)
	}
	slices.SortFunc(out, object.Hash.Compare)
	return out, seen, len(pass)
}

// TestSelectionDependsOnNothingElse permutes insertion order, repetition, corpora and
// parallelism, and compares with the slow reference.
func TestSelectionDependsOnNothingElse(t *testing.T) {
	w := newWorld(t)
	var ids []object.Hash
	size := map[object.Hash]int{}
	for i := range 60 {
		id := w.episode(i, fmt.Sprint("context", i%3), object.Time(i))
		ids = append(ids, id)
		size[id] = i
	}
	rapid.Check(t, func(rt *rapid.T) {
		ref := reference{roots: map[object.Hash][]object.Hash{}, holds: func(object.Hash) bool { return true }}
		d := DatasetDef{CorpusRoots: []object.Hash{}, Query: QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}}}
		for range rapid.IntRange(0, 4).Draw(rt, "corpora") {
			some := drawCorpus(rt, ids)
			root := list(t, w.store, some)
			ref.roots[root] = some
			d.CorpusRoots = append(d.CorpusRoots, root)
		}
		if rapid.Bool().Draw(rt, "query") {
			limit := rapid.Uint64Range(0, 60).Draw(rt, "limit")
			lit := ir.U64Operand(limit)
			d.Query.Predicate = ir.Expr{Op: ir.ExprLT, Path: &ir.Path{Root: ir.RootEpisode, Segments: []uint32{2, 1, 2}}, Lit: &lit}
			ref.holds = func(id object.Hash) bool { return uint64(size[id]) < limit }
		}
		n := rapid.Uint64Range(0, 70).Draw(rt, "n")
		d.Sampling = SamplingDef{Mode: rapid.SampledFrom([]uint8{SampleAll, SampleFirstN, SampleHashN}).Draw(rt, "mode"), N: &n,
			Seed: object.SumText(rapid.String().Draw(rt, "seed"))}
		if rapid.Bool().Draw(rt, "strata") {
			d.Stratify = &StratifyDef{KeyPath: ir.Path{Root: ir.RootEpisode, Segments: []uint32{3}}, PerBucketN: n, Seed: d.Sampling.Seed}
			ref.stratum = func(id object.Hash) []byte {
				raw, err := ir.HashScalar(object.SumText(fmt.Sprint("context", size[id]%3))).Encode()
				if err != nil {
					rt.Fatal(err)
				}
				return raw
			}
		}
		checkAgainst(rt, w, ref, d)
	})
}

// drawCorpus draws some of the ids, mostly ascending, sometimes in any order and with repeats.
func drawCorpus(rt *rapid.T, ids []object.Hash) []object.Hash {
	some := slices.Clone(ids)
	seed := rapid.Uint64().Draw(rt, "shuffle")
	rand.New(rand.NewPCG(seed, 1)).Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	some = some[:rapid.IntRange(0, len(some)).Draw(rt, "kept")]
	if rapid.IntRange(0, 3).Draw(rt, "order") > 0 {
		return sorted(some)
	}
	return append(some, some[:rapid.IntRange(0, len(some)).Draw(rt, "repeated")]...)
}

func checkAgainst(rt *rapid.T, w *world, ref reference, draft DatasetDef) {
	d, _, err := NewDef(draft)
	if err != nil {
		rt.Fatal(err)
	}
	want, seen, kept := ref.run(d)
	for _, workers := range []int{1, 3} {
		shuffled := *d
		shuffled.CorpusRoots = slices.Clone(d.CorpusRoots)
		slices.Reverse(shuffled.CorpusRoots)
		sel, err := SelectWith(context.Background(), w.src, &shuffled, Options{Workers: workers})
		if err != nil {
			rt.Fatal(err)
		}
		if !slices.Equal(sel.IDs, want) {
			rt.Fatalf("%d workers: %d selected, expected %d", workers, len(sel.IDs), len(want))
		}
		if sel.Seen != uint64(seen) || sel.Kept != uint64(kept) {
			rt.Fatalf("%d workers: %d seen and %d kept, expected %d and %d", workers, sel.Seen, sel.Kept, seen, kept)
		}
	}
}

// TestManyBlocks uses more than one block of ids, over one and several corpora.
func TestManyBlocks(t *testing.T) {
	w := newWorld(t)
	ids := make([]object.Hash, 3*blockSize+17)
	for i := range ids {
		ids[i] = object.SumText(fmt.Sprint(i))
	}
	ids = sorted(ids)
	var half, other []object.Hash
	for i, id := range ids {
		if i%3 != 0 {
			half = append(half, id)
		}
		if i%2 == 0 || i%3 == 0 {
			other = append(other, id)
		}
	}
	whole, a, b := list(t, w.store, ids), list(t, w.store, half), list(t, w.store, other)
	swapped := slices.Clone(ids)
	swapped[blockSize-1], swapped[blockSize] = swapped[blockSize], swapped[blockSize-1]
	loose := list(t, w.store, swapped)
	for _, mode := range []uint8{SampleAll, SampleFirstN, SampleHashN} {
		n := uint64(2*blockSize + 5)
		ref := reference{roots: map[object.Hash][]object.Hash{whole: ids, a: half, b: other, loose: swapped}, holds: func(object.Hash) bool { return true }}
		for _, roots := range [][]object.Hash{{whole}, {a, b}, {whole, a}, {loose}, {a, loose}} {
			d, _, err := NewDef(DatasetDef{CorpusRoots: roots, Query: QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}}, Sampling: SamplingDef{mode, &n, seedOf("x")}})
			if err != nil {
				t.Fatal(err)
			}
			want, seen, _ := ref.run(d)
			sel, err := Select(context.Background(), w.src, d)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(sel.IDs, want) || sel.Seen != uint64(seen) {
				t.Errorf("mode %d: %d of %d selected, expected %d of %d", mode, len(sel.IDs), sel.Seen, len(want), seen)
			}
			if warned := len(sel.Warnings) > 0; warned != slices.Contains(roots, loose) && mode != SampleFirstN {
				t.Errorf("mode %d: warnings %q", mode, sel.Warnings)
			}
		}
	}
}

// TestTrueLoadsNothing selects ids of missing episodes.
func TestTrueLoadsNothing(t *testing.T) {
	w := newWorld(t)
	ids := []object.Hash{object.SumText("a"), object.SumText("b")}
	if got := w.selects("true", ids); len(got) != 2 {
		t.Errorf("selected %v", got)
	}
	_, err := Select(context.Background(), w.src, w.def("episode.time_observed > 0", ids))
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing episode: %v", err)
	}
}

// TestFailureAfterTheNth checks that an episode that cannot be loaded fails a build only if it is needed.
func TestFailureAfterTheNth(t *testing.T) {
	w := newWorld(t)
	var ids []object.Hash
	for i := range 5 {
		ids = append(ids, w.episode(i, "c", 0))
	}
	ids = sorted(ids)
	lost := object.Hash{Alg: object.SHA256, Sum: [32]byte(slices.Repeat([]byte{255}, 32))}
	ids = append(ids, lost)
	if got := w.selects("episode.time_observed == 0", ids, sampled(SampleFirstN, 5, "")); len(got) != 5 {
		t.Errorf("selected %v", got)
	}
	for _, change := range []func(*DatasetDef){sampled(SampleFirstN, 6, ""), sampled(SampleHashN, 1, ""), sampled(SampleAll, 1, "")} {
		if _, err := Select(context.Background(), w.src, w.def("episode.time_observed == 0", ids, change)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a missing episode: %v", err)
		}
	}
}

func TestRefusedBeforeReading(t *testing.T) {
	n := uint64(1)
	path := ir.Path{Root: ir.RootSignal, Segments: []uint32{5}}
	truth := QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}}
	missing := []object.Hash{object.SumText("not here")}
	all := SamplingDef{Mode: SampleAll, Seed: seedOf("")}
	for name, d := range map[string]DatasetDef{
		"predicate":          {CorpusRoots: missing, Query: QueryDef{Predicate: ir.Expr{Op: ir.ExprNot}}, Sampling: all},
		"mode":               {CorpusRoots: missing, Query: truth, Sampling: SamplingDef{Mode: 4, N: &n, Seed: seedOf("")}},
		"first_n without n":  {CorpusRoots: missing, Query: truth, Sampling: SamplingDef{Mode: SampleFirstN, Seed: seedOf("")}},
		"hash_n without n":   {CorpusRoots: missing, Query: truth, Sampling: SamplingDef{Mode: SampleHashN, Seed: seedOf("")}},
		"no seed":            {CorpusRoots: missing, Query: truth, Sampling: SamplingDef{Mode: SampleAll}},
		"strata over signal": {CorpusRoots: missing, Query: truth, Sampling: all, Stratify: &StratifyDef{KeyPath: path, PerBucketN: 1, Seed: seedOf("")}},
	} {
		if _, _, err := NewDef(d); !errors.Is(err, object.ErrInvalid) {
			t.Errorf("%s: NewDef: %v", name, err)
		}
		if _, err := Select(context.Background(), newWorld(t).src, &d); !errors.Is(err, object.ErrInvalid) {
			t.Errorf("%s: Select: %v", name, err)
		}
	}
}
