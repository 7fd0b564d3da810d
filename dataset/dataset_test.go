package dataset

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// vectorIDs are the episode ids of the public vectors MERKLE_001 and DATASET_001,
// in the pack's own order, which is not ascending.
var vectorIDs = []string{
	"67d557da970465666e83093be04ce9cdc6682b0260cfbcbf8da20682469781ae",
	"f56865fef7726a425116631e69a89fd76357b5ba56e4fcd4e1fe70e8242b666e",
	"c4d1e7d4193f302822548ddd0490cf478665b89a690c7370bddddf319cf474fe",
	"b3d69e81980c86a35afbec10431e2b32f5595207166ff836e14bd069c423af3d",
	"caf6b705db1d0ebf33ce8e69fe54e767b9f57711b621bb2ca0aafa92929545e7",
	"7577b546314199e15af12d021ac364196a1b35c411c787e3a7b059f634445c77",
	"07d8f63a2e2fc1caeb9d8f5a46f80fd7f2a9790534fe7c4a983cac9e5ccce32f",
	"00e5ea7846f1a53606d0e9e77b0180f85aee8a9a0aa5cb5eb1bee1af32b8dd43",
	"a1fb251334e60030f9b8042ddffef0651c6326a0962ce770e6dddb65f6f44db2",
	"cec98247d938f92a8428a075f95b4dba8b9828af64c7c4ec8c0a5501e8259a27",
}

func mustHash(t testing.TB, s string) object.Hash {
	t.Helper()
	h, err := object.ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func newStore() *store.Store {
	db := memory.New()
	return store.New(db, db)
}

type noLedger struct{}

func (noLedger) Receipt(context.Context, object.Hash) ([]byte, error) { return nil, store.ErrNotFound }

// TestPublishedVector rebuilds DATASET_001 of the public conformance pack.
func TestPublishedVector(t *testing.T) {
	ctx := context.Background()
	s := newStore()
	ref, _, err := s.PutList(ctx, MediaCorpus, func(b *merkle.ListBuilder) error {
		for _, id := range vectorIDs {
			if err := b.Add(mustHash(t, id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || ref.CID.String() != "af3a30050b542dcba9903f244280ea6c0f3797eb56869f278b2a7df90cf237d4" {
		t.Fatalf("corpus root %s: %v", ref.CID, err)
	}
	n := uint64(5)
	def, raw, err := NewDef(DatasetDef{CorpusRoots: []object.Hash{ref.CID}, Query: QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}},
		Sampling: SamplingDef{Mode: SampleHashN, N: &n, Seed: mustHash(t, "eb01f31f0897f7134ff3b2076f80f1751c8d4f2b44455bd102aedcd487e92303")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := def.DatasetDefID.String(); got != "657359c72deb1a8393b0bc47474e324e7f0d55963df458d053f2232bf0d251f4" {
		t.Errorf("definition id %s", got)
	}
	if len(raw) != 204 {
		t.Errorf("definition of %d bytes", len(raw))
	}
	built, err := Build(ctx, s, &StoreSource{Store: s, Ledger: noLedger{}}, def)
	if err != nil || built.Manifest.CID.String() != "b62391afb835b9fc8649105413c94d9e6090c97103eb7bc10a46e9be4c60c073" {
		t.Fatalf("manifest %s: %v", built.Manifest.CID, err)
	}
	if len(built.Warnings) != 1 {
		t.Errorf("warnings: %q", built.Warnings)
	}
}

// TestSelectionDependsOnNothingElse permutes order, repetition and the number of
// corpora, and compares with a slow reference.
func TestSelectionDependsOnNothingElse(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		s := newStore()
		count := rapid.IntRange(0, 60).Draw(rt, "count")
		n := rapid.Uint64Range(0, 70).Draw(rt, "n")
		seed := object.SumText(rapid.String().Draw(rt, "seed"))
		var ids []object.Hash
		for i := range count {
			ids = append(ids, object.SumText(fmt.Sprint(i)))
		}
		var roots []object.Hash
		for range rapid.IntRange(1, 4).Draw(rt, "corpora") {
			some := slices.Clone(ids)
			rand.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
			some = append(some[:rapid.IntRange(0, len(some)).Draw(rt, "kept")], some...) // repeated
			ref, _, err := s.PutList(ctx, MediaCorpus, func(b *merkle.ListBuilder) error {
				for _, id := range some {
					if err := b.Add(id); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				rt.Fatal(err)
			}
			roots = append(roots, ref.CID)
		}
		def, _, err := NewDef(DatasetDef{CorpusRoots: roots, Query: QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}},
			Sampling: SamplingDef{Mode: SampleHashN, N: &n, Seed: seed}})
		if err != nil {
			rt.Fatal(err)
		}
		sel, err := Select(ctx, &StoreSource{Store: s, Ledger: noLedger{}}, def)
		if err != nil {
			rt.Fatal(err)
		}
		want := slices.Clone(ids)
		slices.SortFunc(want, func(a, b object.Hash) int { return ranked{rank(seed, a), a}.compare(ranked{rank(seed, b), b}) })
		want = want[:min(int(n), len(want))]
		slices.SortFunc(want, object.Hash.Compare)
		if !slices.Equal(sel.IDs, want) || sel.Seen != uint64(count) {
			rt.Fatalf("%d of %d selected, expected %d; %d seen", len(sel.IDs), count, len(want), sel.Seen)
		}
	})
}

func tools(name string) (object.Hash, error) {
	if name == "wc" {
		return object.SumText("tool:wc"), nil
	}
	return object.Hash{}, errors.New("not found")
}

func TestQueries(t *testing.T) {
	good := []string{
		`true`, `not false`, `status == 200`, `status != 500`, `status in [200, 204]`, `has_tool("wc") and status == 200 and signal.reward >= 1`,
		`signal.label == 3 or signal.value == -3`, `episode.time_observed >= "2026-01-01" and episode.time_observed < "2026-02-01"`,
		`episode.trace_ref.trace_blob.size in [1, 2]`, `episode.context_hash == "` + vectorIDs[0] + `"`,
	}
	for _, text := range good {
		e, err := ParseQuery(text, tools)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := can.Marshal(&e); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	bad := map[string]int{ // text to column
		`nothing == 1`: 1, `true and now() > 3`: 10, `has_tool("nosuch")`: 10, `episode.nosuch == 1`: 9, `status > 3`: 8,
		`signal.label == 1.5`: 17, `episode.time_observed > "soon"`: 25, `episode.context_hash == 5`: 25, `1 +`: 3,
	}
	for text, column := range bad {
		_, err := ParseQuery(text, tools)
		var qe *QueryError
		if !errors.As(err, &qe) {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if qe.Line != 1 || qe.Column != column {
			t.Errorf("%s: at %d:%d, expected column %d: %s", text, qe.Line, qe.Column, column, qe.Reason)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add(`has_tool("wc") and signal.reward >= 1`)
	f.Add(`not (status in [1,2] or episode.time_observed < "2026-01-01")`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseQuery(text, tools)
		if err == nil && ir.CheckExpr(&e, nil) != nil {
			t.Fatal("an accepted query is malformed")
		}
	})
}
