package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

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

// list stores a MerkleList in the given order, unlike a corpus.
func list(t testing.TB, s *store.Store, ids []object.Hash) object.Hash {
	t.Helper()
	ref, _, err := s.PutList(context.Background(), MediaCorpus, func(b *merkle.ListBuilder) error {
		for _, id := range ids {
			if err := b.Add(id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ref.CID
}

// world is a store with a real ledger's receipts, episodes and signals.
type world struct {
	t     testing.TB
	store *store.Store
	src   *StoreSource
	key   *sign.Key
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s := newStore()
	key := sign.FromSeed([32]byte{1}, "tester")
	led := kvledger.Open(s.KV(), key, func() object.Time { return 1000 })
	return &world{t: t, store: s, src: &StoreSource{Store: s, Author: &pages.Author{Key: key}, Ledger: led}, key: key}
}

// author signs the world's pages.
func (w *world) author() *pages.Author { return &pages.Author{Key: w.key} }

// receipt records a receipt in the store.
func (w *world) receipt(tool string, status uint16, request, response string) object.Hash {
	w.t.Helper()
	ctx := context.Background()
	req, err := w.store.PutBytes(ctx, []byte(request))
	w.must(err)
	res, err := w.store.PutBytes(ctx, []byte(response))
	w.must(err)
	id, raw, err := ledger.NewReceipt(w.key, ledger.Receipt{ToolID: object.SumText("tool:" + tool), RequestHash: req, ResponseHash: res, TimeObserved: 5, Status: status})
	w.must(err)
	w.must(w.store.PutObjects(ctx, store.Object{ID: id, Kind: KindReceipt, Raw: raw}))
	return id
}

// episode stores an episode whose size and context distinguish it.
func (w *world) episode(n int, context_ string, at object.Time, receipts ...object.Hash) object.Hash {
	w.t.Helper()
	e := object.EpisodeRef{TraceRef: object.TraceRef{TraceBlob: object.BlobRef{CID: object.SumText(fmt.Sprint("trace", n)), Size: uint64(n), Media: "application/mythos.trace"},
		ReceiptIDs: append([]object.Hash{}, receipts...)}, ContextHash: object.SumText(context_), OutcomeHash: object.SumText(fmt.Sprint("outcome", n)), TimeObserved: at}
	var err error
	e.EpisodeID, err = object.EpisodeRule.IDOf(&e)
	w.must(err)
	raw, err := can.Marshal(&e)
	w.must(err)
	w.must(w.store.PutObjects(context.Background(), store.Object{ID: e.EpisodeID, Kind: KindEpisode, Raw: raw}))
	return e.EpisodeID
}

func (w *world) signal(episode object.Hash, kind uint8, v ir.Scalar) object.Hash {
	w.t.Helper()
	id, raw, err := signal.New(w.key, episode, kind, v, 7)
	w.must(err)
	w.must(signal.Put(context.Background(), w.store, raw))
	return id
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// def makes a definition over ids with a query.
func (w *world) def(text string, ids []object.Hash, change ...func(*DatasetDef)) *DatasetDef {
	w.t.Helper()
	e, err := query.Parse(text, tools)
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	ref, _, err := SnapshotCorpus(context.Background(), w.store, ids)
	w.must(err)
	d := DatasetDef{CorpusRoots: []object.Hash{ref.CID}, Query: QueryDef{Predicate: e}, Sampling: SamplingDef{Mode: SampleAll, Seed: seedOf("")}}
	for _, f := range change {
		f(&d)
	}
	def, _, err := NewDef(d)
	w.must(err)
	return def
}

// selects runs a query over ids and returns the positions of the selected ones.
func (w *world) selects(query string, ids []object.Hash, change ...func(*DatasetDef)) []int {
	w.t.Helper()
	sel, err := Select(context.Background(), w.src, w.def(query, ids, change...))
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	plain, err := Select(context.Background(), plainSource{w.src}, w.def(query, ids, change...))
	if err != nil || !slices.Equal(plain.IDs, sel.IDs) {
		w.t.Fatalf("%s: %d selected one by one, %d otherwise: %v", query, len(plain.IDs), len(sel.IDs), err)
	}
	got := map[object.Hash]bool{}
	for _, id := range sel.IDs {
		got[id] = true
	}
	at := []int{}
	for i, id := range ids {
		if got[id] {
			at = append(at, i)
		}
	}
	return at
}

// plainSource has no optional abilities.
type plainSource struct{ Source }

func sampled(mode uint8, n uint64, seed string) func(*DatasetDef) {
	return func(d *DatasetDef) { d.Sampling = SamplingDef{Mode: mode, N: &n, Seed: seedOf(seed)} }
}

func tools(name string) (object.Hash, error) {
	if name == "wc" || name == "grep" {
		return object.SumText("tool:" + name), nil
	}
	return object.Hash{}, errors.New("not found")
}
