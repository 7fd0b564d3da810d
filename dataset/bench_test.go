package dataset

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
	"github.com/mythos-project/mythos/store/postgres"
)

// benchIDs are ascending and hash-like.
func benchIDs(n int) []object.Hash {
	ids := make([]object.Hash, n)
	for i := range ids {
		ids[i].Alg = object.SHA256
		binary.BigEndian.PutUint64(ids[i].Sum[:], uint64(i)<<32)
	}
	return ids
}

// bare is the baseline: heaps of container/heap on every processor, ids in memory.
type bare []ranked

func (b bare) Len() int           { return len(b) }
func (b bare) Less(i, j int) bool { return b[i].rank > b[j].rank }
func (b bare) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *bare) Push(x any)        { *b = append(*b, x.(ranked)) }
func (b *bare) Pop() any          { last := (*b)[len(*b)-1]; *b = (*b)[:len(*b)-1]; return last }

func (b *bare) run(ids []object.Hash, seed object.Hash, n int) {
	var buf [64]byte
	copy(buf[:], seed.Sum[:])
	for _, id := range ids {
		copy(buf[32:], id.Sum[:])
		sum := sha256.Sum256(buf[:])
		r := binary.BigEndian.Uint64(sum[:])
		switch {
		case len(*b) < n:
			heap.Push(b, ranked{r, id})
		case r < (*b)[0].rank:
			(*b)[0] = ranked{r, id}
			heap.Fix(b, 0)
		}
	}
}

func bareHashN(ids []object.Hash, seed object.Hash, n int) int {
	workers := runtime.GOMAXPROCS(0)
	heaps, done := make([]bare, workers), make(chan struct{})
	for w := range workers {
		go func() {
			heaps[w].run(ids[w*len(ids)/workers:(w+1)*len(ids)/workers], seed, n)
			done <- struct{}{}
		}()
	}
	for range workers {
		<-done
	}
	for _, other := range heaps[1:] {
		for _, r := range other {
			if r.rank < heaps[0][0].rank {
				heaps[0][0] = r
				heap.Fix(&heaps[0], 0)
			}
		}
	}
	return len(heaps[0])
}

// benchSize is the number of ids of which BenchmarkHashN selects a hundredth: 1,000,000, or MYTHOS_BENCH_IDS.
func benchSize(b *testing.B) int {
	text := os.Getenv("MYTHOS_BENCH_IDS")
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkHashN selects a hundredth of many ids in the embedded store. It reports its elapsed and processor time as a
// multiple of the baseline over ids in memory plus the time to read the ids once.
func BenchmarkHashN(b *testing.B) {
	ctx := context.Background()
	db, err := badger.Open(b.TempDir(), badger.Options{Idle: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	s := store.New(db, memory.New())
	ids := benchIDs(benchSize(b))
	count, seed, n := len(ids), seedOf("bench"), uint64(len(ids)/100)
	def, _, err := NewDef(DatasetDef{CorpusRoots: []object.Hash{list(b, s, ids)}, Query: QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}}, Sampling: SamplingDef{SampleHashN, &n, seed}})
	if err != nil {
		b.Fatal(err)
	}
	src := &StoreSource{Store: s}
	var loop, read, ours used
	for b.Loop() {
		loop.add(b, func() { bareHashN(ids, seed, int(n)) })
		read.add(b, func() {
			if err := ReadList(ctx, src.Nodes(ctx), def.CorpusRoots[0], func(object.Hash) error { return nil }); err != nil {
				b.Fatal(err)
			}
		})
		ours.add(b, func() {
			if sel, err := Select(ctx, src, def); err != nil || len(sel.IDs) != int(n) {
				b.Fatal(err)
			}
		})
	}
	b.ReportMetric(float64(ours.wall)/float64(loop.wall+read.wall), "x/(loop+read)")
	b.ReportMetric(float64(ours.cpu)/float64(loop.cpu+read.cpu), "cpu-x/(loop+read)")
	b.ReportMetric(float64(ours.cpu.Nanoseconds())/float64(b.N*count), "cpu-ns/id")
	b.ReportMetric(float64(loop.cpu.Nanoseconds())/float64(b.N*count), "loop-cpu-ns/id")
	b.ReportMetric(float64(read.cpu.Nanoseconds())/float64(b.N*count), "read-cpu-ns/id")
}

// used is elapsed time and processor time.
type used struct{ wall, cpu time.Duration }

func (u *used) add(b *testing.B, work func()) {
	runtime.GC()
	at, cpu := time.Now(), cpuTime(b)
	work()
	u.wall, u.cpu = u.wall+time.Since(at), u.cpu+cpuTime(b)-cpu
}

// BenchmarkPredicate evaluates queries over episodes with a signal each, in a store in memory, in the embedded one,
// which is opened again after everything was written, and in PostgreSQL where it is installed.
func BenchmarkPredicate(b *testing.B) {
	ids, objs, signals := benchEvidence(b, 40_000)
	for _, backend := range []string{"badger", "memory", "postgres"} {
		b.Run(backend, func(b *testing.B) { benchPredicates(b, benchWorld(b, backend, objs, signals), ids) })
	}
}

// benchEvidence makes episodes with a signal each.
func benchEvidence(b *testing.B, n int) (ids []object.Hash, objs []store.Object, signals [][]byte) {
	ctx, from := context.Background(), newWorld(b)
	for i := range n {
		id := from.episode(i, fmt.Sprint("c", i%7), object.Time(i))
		o, err := from.store.Object(ctx, id)
		from.must(err)
		_, raw, err := signal.New(from.key, id, signal.Reward, ir.I64Scalar(int64(i%3)), 1)
		from.must(err)
		ids, objs, signals = append(ids, id), append(objs, o), append(signals, raw)
	}
	return ids, objs, signals
}

func benchWorld(b *testing.B, backend string, objs []store.Object, signals [][]byte) *world {
	w := newWorld(b)
	if backend == "postgres" {
		w.store = store.New(benchPostgres(b), memory.New())
		w.src = &StoreSource{Store: w.store, Author: w.author()}
	}
	if backend != "badger" {
		w.must(w.store.PutObjects(context.Background(), objs...))
		w.must(signal.Put(context.Background(), w.store, signals...))
		return w
	}
	dir := b.TempDir()
	for again := range 2 {
		db, err := badger.Open(dir, badger.Options{Idle: time.Minute})
		w.must(err)
		w.store = store.New(db, memory.New())
		if again == 1 {
			b.Cleanup(func() { w.must(db.Close()) })
			break
		}
		w.must(w.store.PutObjects(context.Background(), objs...))
		w.must(signal.Put(context.Background(), w.store, signals...))
		w.must(db.Close())
	}
	w.src = &StoreSource{Store: w.store, Author: w.author()}
	return w
}

// benchPostgres is a database of its own server, whose processor time counts, too.
func benchPostgres(b *testing.B) *postgres.DB {
	server, err := pgtest.Start(true)
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { _ = server.Stop() })
	db, err := postgres.Open(server.Database(b), postgres.Options{})
	if err == nil {
		b.Cleanup(func() { _ = db.Close() })
		err = db.Create(context.Background(), postgres.NewAbout("s3://bench", true))
	}
	if err != nil {
		b.Fatal(err)
	}
	serverTime = server.CPU
	b.Cleanup(func() { serverTime = nil })
	return db
}

// serverTime is the processor time of a server that serves the benchmark; nil: there is none.
var serverTime func() (time.Duration, error)

// benchPredicates measures selections from pages, what writing the pages takes besides the first selection, and
// selections from the evidence alone.
func benchPredicates(b *testing.B, w *world, ids []object.Hash) {
	ctx := context.Background()
	for _, q := range [][2]string{{"episode", "episode.time_observed >= 20000 and episode.trace_ref.trace_blob.size < 40000"},
		{"signal", "signal.reward >= 1"}, {"both", "episode.time_observed >= 20000 and signal.reward >= 0"}} {
		def := w.def(q[1], ids, sampled(SampleHashN, 100, "x"))
		b.Run(q[0], func(b *testing.B) {
			w.must(pages.Drop(ctx, w.store.KV()))
			unpaged := benchSelect(b, w, ids, def, nil)
			first := benchSelect(b, w, ids, def, pathsOf(def))
			paged, times := 0.0, 0
			for b.Loop() {
				paged, times = paged+1/benchSelect(b, w, ids, def, pathsOf(def)), times+1
			}
			b.ReportMetric(float64(times)/paged, "episodes/cpu-s")
			b.ReportMetric(first, "first/cpu-s")
			b.ReportMetric(unpaged, "unpaged/cpu-s")
			size := 0
			for _, space := range []string{kv.EpisodePages, kv.SignalPages} {
				w.must(kv.Scan(ctx, w.store.KV(), space, func(_ string, page []byte) error { size += len(page); return nil }))
			}
			b.ReportMetric(float64(size)/float64(len(ids)), "page-B/episode")
		})
	}
}

// benchSelect selects once and returns among how many episodes a second of the processors selects.
func benchSelect(b *testing.B, w *world, ids []object.Hash, def *DatasetDef, paths []ir.Path) float64 {
	before := cpuTime(b)
	if _, err := choose(context.Background(), w.src, def, Options{}, paths); err != nil {
		b.Fatal(err)
	}
	return float64(len(ids)) / (cpuTime(b) - before).Seconds()
}

// cpuTime is the processor time of this process, including the kernel's work. Unlike elapsed time, it hardly depends on
// other load.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	used := time.Duration(u.Utime.Nano() + u.Stime.Nano())
	if serverTime == nil {
		return used
	}
	more, err := serverTime()
	if err != nil {
		b.Fatal(err)
	}
	return used + more
}

// TestMemoryIsBoundedByN selects from many ids and measures the live memory.
func TestMemoryIsBoundedByN(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes 600,000 ids")
	}
	w := newWorld(t)
	root := list(t, w.store, benchIDs(600_000))
	n := uint64(100)
	run := &selecting{src: w.src, def: &DatasetDef{CorpusRoots: []object.Hash{root}, Query: QueryDef{Predicate: ir.Expr{Op: ir.ExprTrue}},
		Sampling: SamplingDef{SampleHashN, &n, seedOf("m")}}, clauses: []ir.Expr{{Op: ir.ExprTrue}}, workers: 2}
	most, before := uint64(0), heapInUse()
	run.src = watching{w.src, func() { most = max(most, heapInUse()) }}
	if _, err := run.once(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if grown := int64(most) - int64(before); most == 0 || grown > 15<<20 { // a few blocks; the ids alone are 20 MB
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC() // meanwhile the others stop at the next node
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// watching makes measurements while nodes are read.
type watching struct {
	*StoreSource
	look func()
}

func (s watching) Nodes(ctx context.Context) merkle.NodeReader {
	return &watchedNodes{NodeReader: s.StoreSource.Nodes(ctx), look: s.look}
}

type watchedNodes struct {
	merkle.NodeReader
	look func()
	mu   sync.Mutex
	n    int
}

func (r *watchedNodes) Node(cid object.Hash) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n++; r.n%97 == 0 {
		r.look()
	}
	return r.NodeReader.Node(cid)
}
