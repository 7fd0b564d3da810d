//go:build linux

package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/badger"
)

// Names of the rows.
const (
	raw1       = "raw append and sync, 1 caller"
	group64    = "raw group commit, 64 callers"
	signAll    = "crypto/ed25519 signing, all processors"
	ownSignAll = "object/sign signing, all processors"
	unsigned64 = "ledger, unsigned entries, 64 callers"
	pairs1     = "ledger, signed pairs, 1 caller"
	pairs64    = "ledger, signed pairs, 64 callers"
	pairs512   = "ledger, signed pairs, 512 callers"
)

func ours() []row {
	return []row{
		{raw1, func(ctx context.Context, o options, dir string) (figure, error) { return raw(ctx, o, dir, 1) }},
		{group64, func(ctx context.Context, o options, dir string) (figure, error) { return raw(ctx, o, dir, 64) }},
		{signAll, func(_ context.Context, o options, _ string) (figure, error) { return signing(o, standard.Sign) }},
		{ownSignAll, func(_ context.Context, o options, _ string) (figure, error) { return signing(o, key.Sign) }},
		{unsigned64, func(ctx context.Context, o options, dir string) (figure, error) {
			return onLedger(ctx, o, dir, unsigned{key}, 64, register)
		}},
		{pairs1, func(ctx context.Context, o options, dir string) (figure, error) {
			return onLedger(ctx, o, dir, key, 1, pair)
		}},
		{pairs64, func(ctx context.Context, o options, dir string) (figure, error) {
			return onLedger(ctx, o, dir, key, 64, pair)
		}},
		{pairs512, func(ctx context.Context, o options, dir string) (figure, error) {
			return onLedger(ctx, o, dir, key, 512, pair)
		}},
	}
}

// timed lets callers repeat fn for a while.
func timed(d time.Duration, callers int, fn func(i int64) error) (figure, error) {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	begin, cpu := time.Now(), processorTime()
	for range callers {
		wg.Go(func() {
			for time.Since(begin) < d && failed.Load() == nil {
				if err := fn(next.Add(1)); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return figure{}, *err
	}
	n := next.Load()
	return figure{float64(n) / time.Since(begin).Seconds(), (processorTime() - cpu) / time.Duration(n)}, nil
}

// raw appends records of 400 bytes to a file; waiting records share a sync.
func raw(_ context.Context, o options, dir string, callers int) (figure, error) {
	f, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return figure{}, err
	}
	defer f.Close()
	type wish struct{ done chan error }
	wishes := make(chan wish, callers)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		record := make([]byte, 400)
		for w := range wishes {
			batch := []wish{w}
			for len(wishes) > 0 {
				batch = append(batch, <-wishes)
			}
			var data []byte
			for range batch {
				data = append(data, record...)
			}
			_, err := f.Write(data)
			if err == nil {
				err = datasync(f)
			}
			for _, w := range batch {
				w.done <- err
			}
		}
	}()
	rate, err := timed(o.seconds, callers, func(int64) error {
		w := wish{make(chan error, 1)}
		wishes <- w
		return <-w.done
	})
	close(wishes)
	<-stopped
	return rate, err
}

func signing(o options, sign func([]byte) ([64]byte, error)) (figure, error) {
	message := make([]byte, 32)
	return timed(o.seconds, runtime.GOMAXPROCS(0), func(int64) error { _, err := sign(message); return err })
}

// standardKey is an Ed25519 key of the standard library.
type standardKey struct{ ed25519.PrivateKey }

func (k standardKey) Sign(message []byte) ([64]byte, error) {
	return [64]byte(ed25519.Sign(k.PrivateKey, message)), nil
}

var (
	key  = sign.FromSeed([32]byte{1}, "bench")
	tool = object.SumText("tool:bench")

	standard = standardKey{ed25519.NewKeyFromSeed(make([]byte, 32))}
)

// unsigned is a signer that signs nothing: it leaves only the ledger's own cost.
type unsigned struct{ *sign.Key }

func (unsigned) Sign([]byte) ([64]byte, error) { return [64]byte{}, nil }

func open(dir string, s sign.Signer) (*kvledger.Ledger, *badger.DB, error) {
	db, err := badger.Open(filepath.Join(dir, "db"), badger.Options{Idle: time.Hour, Hold: time.Hour})
	if err != nil {
		return nil, nil, err
	}
	return kvledger.Open(db, s, func() object.Time { return object.TimeOf(time.Now()) }), db, nil
}

func onLedger(ctx context.Context, o options, dir string, s sign.Signer, callers int, fn func(context.Context, *kvledger.Ledger, string) error) (figure, error) {
	l, db, err := open(dir, s)
	if err != nil {
		return figure{}, err
	}
	defer db.Close()
	return timed(o.seconds, callers, func(i int64) error { return fn(ctx, l, fmt.Sprint(i)) })
}

var lease = ledger.Policy{Lease: time.Minute}

// register adds one entry; nobody is going to commit the effect.
func register(ctx context.Context, l *kvledger.Ledger, key string) error {
	d, err := l.Register(ctx, tool, []byte(key), tool, lease)
	l.Release(d)
	return err
}

// pair makes an effect: register, receipt, commit; three signatures.
func pair(ctx context.Context, l *kvledger.Ledger, key string) error {
	d, err := l.Register(ctx, tool, []byte(key), tool, lease)
	if err != nil {
		return err
	}
	_, receipt, err := l.NewReceipt(ledger.Receipt{ToolID: tool, RequestHash: tool, ResponseHash: tool, IdempotencyKey: d.Key, Status: 200})
	if err != nil {
		return err
	}
	return l.Commit(ctx, d, receipt)
}

// fill makes pairs until the ledger has that many entries, and returns the processor time and the wall time per entry.
func fill(ctx context.Context, l *kvledger.Ledger, from, to int) (cpu, wall time.Duration, err error) {
	var next atomic.Int64
	next.Store(int64(from / 3))
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	cpu0, begin := processorTime(), time.Now()
	for range 64 {
		wg.Go(func() {
			for failed.Load() == nil {
				i := next.Add(1)
				if i > int64(to/3) {
					return
				}
				if err := pair(ctx, l, fmt.Sprint(i)); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, 0, *err
	}
	n := time.Duration(max(1, to-from))
	return (processorTime() - cpu0) / n, time.Since(begin) / n, nil
}

// verify compares `ledger verify` with Ed25519 verification, by processor time.
func verify(ctx context.Context, o options) error {
	dir := filepath.Join(o.dir, "verify")
	l, db, err := open(dir, key)
	if err != nil {
		return err
	}
	if _, _, err := fill(ctx, l, 0, o.entries); err != nil {
		return errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil { // the memory and cleanup of the writer do not count for verify
		return err
	}
	if _, db, err = open(dir, key); err != nil {
		return err
	}
	defer db.Close()
	message := make([]byte, 32)
	sig := ed25519.Sign(standard.PrivateKey, message)
	verifying := func() (figure, error) {
		return timed(o.seconds, runtime.GOMAXPROCS(0), func(int64) error {
			if !ed25519.Verify(standard.Public().(ed25519.PublicKey), message, sig) {
				return fmt.Errorf("it does not verify")
			}
			return nil
		})
	}
	before, err := verifying()
	if err != nil {
		return err
	}
	runtime.GC()
	peak := watchHeap()
	begin, cpu := time.Now(), processorTime()
	rep, err := kvledger.Open(db, key, func() object.Time { return math.MaxInt64 }).Verify(ctx)
	if err != nil {
		return err
	}
	took, used := time.Since(begin), processorTime()-cpu
	after, err := verifying()
	if err != nil {
		return err
	}
	rate, base := float64(rep.Entries)/took.Seconds(), (before.rate+after.rate)/2
	fmt.Printf("verify: %d entries in %v (%v of processors), %.0f/s; crypto/ed25519 verifies %.0f/s on all processors; ratio %.2f, %.2f by processor time; heap at most %d MiB\n",
		rep.Entries, took.Round(time.Millisecond), used.Round(time.Millisecond), rate, base, rate/base, float64(after.cpu)*float64(rep.Entries)/float64(used), peak()>>20)
	return nil
}

// watchHeap returns a function that returns how much the heap in use grew.
func watchHeap() func() uint64 {
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-stop:
				done <- most
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(stop); return <-done }
}

// growth measures the cost of an entry in a ledger that grows tenfold repeatedly: all costs from one size to the next,
// including the store's cleanup in between.
func growth(ctx context.Context, o options) error {
	l, db, err := open(filepath.Join(o.dir, "growth"), key)
	if err != nil {
		return err
	}
	defer db.Close()
	have := 0
	var first time.Duration
	for size := 10_000; size <= o.entries; size *= 10 {
		cpu, wall, err := fill(ctx, l, have, size)
		if err != nil {
			return err
		}
		if first == 0 {
			first = cpu
		}
		fmt.Printf("growth: from %8d to %8d entries %v of processors and %v an entry; %.2f times the first\n", have, size, cpu, wall, float64(cpu)/float64(first))
		have = size
	}
	return nil
}
