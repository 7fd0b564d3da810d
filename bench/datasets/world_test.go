package datasets

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/files"
)

// world is a repository's store with evidence.
type world struct {
	tb    testing.TB
	store *store.Store
	src   *dataset.StoreSource
	key   *sign.Key
	ids   []object.Hash
}

func must[T any](tb testing.TB) func(T, error) T {
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// newWorld makes n episodes, each with a receipt, a request and a response of size bytes,
// and a reward of i modulo 10, in the embedded store.
func newWorld(tb testing.TB, n, size int) *world {
	tb.Helper()
	ctx, dir := context.Background(), tb.TempDir()
	db := must[*badger.DB](tb)(badger.Open(filepath.Join(dir, "db"), badger.Options{Idle: time.Minute}))
	tb.Cleanup(func() { db.Close() })
	chunks := must[*files.Dir](tb)(files.Open(filepath.Join(dir, "chunks")))
	s := store.New(db, chunks)
	w := &world{tb: tb, store: s, src: &dataset.StoreSource{Store: s}, key: sign.FromSeed([32]byte{1}, "bench")}
	var objects []store.Object
	var signals [][]byte
	payloads := w.payloads(2*n, size)
	for i := range n {
		request, response := payloads[2*i], payloads[2*i+1]
		rid, raw, err := ledger.NewReceipt(w.key, ledger.Receipt{ToolID: object.SumText("tool:wc"), RequestHash: request, ResponseHash: response,
			TimeObserved: object.Time(i), Status: uint16(200 + i%2*204)})
		must[struct{}](tb)(struct{}{}, err)
		objects = append(objects, store.Object{ID: rid, Kind: dataset.KindReceipt, Raw: raw})
		e := object.EpisodeRef{TraceRef: object.TraceRef{TraceBlob: object.BlobRef{CID: object.SumText(fmt.Sprint("trace", i)), Size: uint64(i), Media: "application/mythos.trace"},
			ReceiptIDs: []object.Hash{rid}}, ContextHash: object.SumText(fmt.Sprint("c", i%7)), OutcomeHash: object.SumText(fmt.Sprint("outcome", i)), TimeObserved: object.Time(i) * 1e6}
		e.EpisodeID = must[object.Hash](tb)(object.EpisodeRule.IDOf(&e))
		objects = append(objects, store.Object{ID: e.EpisodeID, Kind: dataset.KindEpisode, Raw: must[[]byte](tb)(can.Marshal(&e))})
		_, about, err := signal.New(w.key, e.EpisodeID, signal.Reward, ir.I64Scalar(int64(i%10)), 1)
		must[struct{}](tb)(struct{}{}, err)
		signals, w.ids = append(signals, about), append(w.ids, e.EpisodeID)
	}
	must[struct{}](tb)(struct{}{}, s.PutObjects(ctx, objects...))
	must[struct{}](tb)(struct{}{}, signal.Put(ctx, s, signals...))
	return w
}

// payloads stores texts that compress about as well as JSON.
func (w *world) payloads(n, size int) []object.Hash {
	list := make([]object.Hash, n)
	var g errgroup.Group
	g.SetLimit(256) // callers of the store share a sync
	for i := range list {
		g.Go(func() (err error) {
			list[i], err = w.store.PutBytes(context.Background(), payload(i, size))
			return err
		})
	}
	must[struct{}](w.tb)(struct{}{}, g.Wait())
	return list
}

func payload(seed, size int) []byte {
	text := make([]byte, 0, size+80)
	for k := 0; len(text) < size; k++ {
		sum := object.SumText(fmt.Sprint(seed, k))
		text = fmt.Appendf(text, `{"step":%d,"value":"%x","note":"the quick brown fox"}`, k, sum.Sum[:8])
	}
	return text[:size]
}

// def selects from all episodes by a query.
func (w *world) def(text string, n uint64) *dataset.DatasetDef {
	ctx := context.Background()
	ref, _, err := dataset.SnapshotCorpus(ctx, w.store, w.ids)
	must[struct{}](w.tb)(struct{}{}, err)
	d := dataset.DatasetDef{CorpusRoots: []object.Hash{ref.CID}, Query: dataset.QueryDef{Predicate: must[ir.Expr](w.tb)(query.Parse(text, nil))},
		Sampling: dataset.SamplingDef{Mode: dataset.SampleAll, Seed: object.SumText("bench")}}
	if n > 0 {
		d.Sampling.Mode, d.Sampling.N = dataset.SampleHashN, &n
	}
	def, _, err := dataset.NewDef(d)
	must[struct{}](w.tb)(struct{}{}, err)
	return def
}

// export writes all episodes into a folder.
func (w *world) export(dir string, format export.Format, shards int) []export.File {
	ctx := context.Background()
	built := must[*dataset.Built](w.tb)(dataset.Build(ctx, w.store, w.src, w.def("true", 0)))
	return must[[]export.File](w.tb)(export.Write(ctx, w.src, built.Manifest.CID, export.Options{Format: format, Shards: shards,
		Payload: export.StorePayload(w.store), Open: func(name string) (io.WriteCloser, error) { return os.Create(filepath.Join(dir, name)) }}))
}

// cpu returns what this process has used of all processors.
func cpu(tb testing.TB) time.Duration {
	var u unix.Rusage
	must[struct{}](tb)(struct{}{}, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
