package exec_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/exec/runnertest"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
)

// noop is a WebAssembly module whose _start returns at once.
var noop = []byte("\x00asm\x01\x00\x00\x00" + "\x01\x04\x01\x60\x00\x00" + "\x03\x02\x01\x00" + "\x07\x0a\x01\x06_start\x00\x00" + "\x0a\x04\x01\x02\x00\x0b")

// disk is an environment over the embedded database, with noop as a tool.
type disk struct {
	*exectest.Env
	db     *badger.DB
	runner *wasm.Runner
	ref    exec.ModuleRef
	tool   object.Hash
	chain  caps.Chain
}

func newDisk(b *testing.B) *disk {
	e := exectest.New(b, 1)
	db, err := badger.Open(b.TempDir(), badger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	e.Store = store.New(db, e.DB)
	e.Ledger = kvledger.Open(db, e.Key, e.Now)
	e.Gate.Quotas, e.Gate.Ledger, e.Gate.Responses, e.Gate.Tools = quota.New(db, e.Now), e.Ledger, e.Store, exec.NewTools(db)
	h, err := e.Store.PutBytes(b.Context(), noop)
	if err != nil {
		b.Fatal(err)
	}
	d := &disk{Env: e, db: db, ref: exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &h, Argv: []string{}, Confinement: exec.ConfineWASI}}
	d.runner = wasm.New(e.Store, wasm.Cache{})
	b.Cleanup(func() { _ = d.runner.Close(b.Context()) })
	e.Gate.Runners[exec.KindWasm] = d.runner
	tool, err := e.Gate.Tools.Add(b.Context(), exec.Tool{Name: "noop", Module: d.ref})
	if err != nil {
		b.Fatal(err)
	}
	d.tool, d.chain = tool.ID, e.Cap("tool.call:"+tool.ID.String())
	return d
}

// floor is the lower bound of a keyed effect: three signatures, and one update of the database, whose sync is shared
// with the other callers.
func (d *disk) floor(n int64) error {
	key := strconv.FormatInt(n, 10)
	h := object.SumText(key)
	for range 3 {
		if _, err := d.Key.Sign(h.Sum[:]); err != nil {
			return err
		}
	}
	_, err := d.db.Update(d.T.Context(), nil, map[string][]byte{"floor/" + key: make([]byte, 1024)})
	return err
}

// alone runs the tool without the gate.
func (d *disk) alone(int64) error {
	_, err := d.runner.Run(d.T.Context(), runnertest.Call(d.ref, []byte("request")))
	return err
}

func (d *disk) effect(n int64) error {
	_, err := d.Gate.Do(d.T.Context(), exec.Effect{Tool: d.tool, Request: []byte("request"), Key: []byte(strconv.FormatInt(n, 10)), Caps: []caps.Chain{d.chain}})
	return err
}

// BenchmarkKeyedWasm measures a keyed effect of a WebAssembly tool that does nothing, over the embedded database with
// its syncs, beside its lower bound and the tool alone (bench/exec.md).
func BenchmarkKeyedWasm(b *testing.B) {
	for _, callers := range []int{1, 64} {
		for _, c := range []struct {
			name string
			run  func(*disk) func(int64) error
		}{
			{"floor", func(d *disk) func(int64) error { return d.floor }},
			{"tool", func(d *disk) func(int64) error { return d.alone }},
			{"effect", func(d *disk) func(int64) error { return d.effect }},
		} {
			b.Run(c.name+"-"+strconv.Itoa(callers), func(b *testing.B) { measure(b, callers, c.run(newDisk(b))) })
		}
	}
}

// measure runs b.N times among that many callers and reports the processor time of each run.
func measure(b *testing.B, callers int, run func(int64) error) {
	if err := run(-1); err != nil { // opens, compiles and caches everything that is needed once
		b.Fatal(err)
	}
	b.ResetTimer()
	before := processorTime(b)
	var n atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
				if err := run(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
