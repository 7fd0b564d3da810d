package export

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// house is a store with episodes, their receipts and signals.
type house struct {
	t     testing.TB
	store *store.Store
	src   *dataset.StoreSource
	key   *sign.Key
}

func newHouse(t testing.TB) *house {
	db := memory.New()
	s, key := store.New(db, db), sign.FromSeed([32]byte{1}, "tester")
	return &house{t: t, store: s, src: &dataset.StoreSource{Store: s, Ledger: kvledger.Open(s.KV(), key, func() object.Time { return 1000 })}, key: key}
}

func (w *house) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// call stores the episode of one call of a tool.
func (w *house) call(n int, status uint16, request, response string) object.Hash {
	w.t.Helper()
	ctx := context.Background()
	req, err := w.store.PutBytes(ctx, []byte(request))
	w.must(err)
	res, err := w.store.PutBytes(ctx, []byte(response))
	w.must(err)
	rid, receipt, err := ledger.NewReceipt(w.key, ledger.Receipt{ToolID: object.SumText("tool:wc"), RequestHash: req, ResponseHash: res, TimeObserved: 5, Status: status})
	w.must(err)
	e := object.EpisodeRef{TraceRef: object.TraceRef{TraceBlob: object.BlobRef{CID: object.SumText(fmt.Sprint("trace", n)), Size: uint64(n), Media: "application/mythos.trace"},
		ReceiptIDs: []object.Hash{rid}}, ContextHash: object.SumText("c"), OutcomeHash: object.SumText(fmt.Sprint("outcome", n)), TimeObserved: object.Time(n)}
	e.EpisodeID, err = object.EpisodeRule.IDOf(&e)
	w.must(err)
	raw, err := can.Marshal(&e)
	w.must(err)
	w.must(w.store.PutObjects(ctx, store.Object{ID: rid, Kind: dataset.KindReceipt, Raw: receipt}, store.Object{ID: e.EpisodeID, Kind: dataset.KindEpisode, Raw: raw}))
	return e.EpisodeID
}

func (w *house) signal(episode object.Hash, kind uint8, v ir.Scalar) {
	w.t.Helper()
	_, raw, err := signal.New(w.key, episode, kind, v, 7)
	w.must(err)
	w.must(signal.Put(context.Background(), w.store, raw))
}

// def selects by a query from episodes.
func (w *house) def(text string, ids []object.Hash) *dataset.DatasetDef {
	w.t.Helper()
	e, err := query.Parse(text, func(name string) (object.Hash, error) { return object.SumText("tool:" + name), nil })
	w.must(err)
	ref, _, err := dataset.SnapshotCorpus(context.Background(), w.store, ids)
	w.must(err)
	def, _, err := dataset.NewDef(dataset.DatasetDef{CorpusRoots: []object.Hash{ref.CID}, Query: dataset.QueryDef{Predicate: e}, Sampling: dataset.SamplingDef{Mode: dataset.SampleAll, Seed: object.SumText("")}})
	w.must(err)
	return def
}

// folder stores the files of an export.
type folder map[string]*bytes.Buffer

func (f folder) open(name string) (io.WriteCloser, error) {
	if f[name] != nil {
		return nil, fmt.Errorf("%s is written twice", name)
	}
	f[name] = &bytes.Buffer{}
	return nopCloser{f[name]}, nil
}

// exported is a world with a built dataset of n episodes.
func exported(t *testing.T, n int) (*house, []object.Hash, *dataset.DatasetDef, *dataset.Built) {
	w := newHouse(t)
	var ids []object.Hash
	for i := range n {
		id := w.call(i, 200, fmt.Sprintf(`{"n":%d,"user":{"email":"ann@example.org"}}`, i), fmt.Sprintf("answer %d for ann@example.org", i))
		w.signal(id, signal.Reward, ir.I64Scalar(int64(-i)))
		ids = append(ids, id)
	}
	def := w.def("true", ids)
	built, err := dataset.Build(context.Background(), w.store, w.src, def)
	w.must(err)
	return w, ids, def, built
}
