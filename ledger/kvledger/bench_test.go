package kvledger_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
)

// treeKV is a small ordered store in memory, a treap, whose updates cost log n at any size. store/memory keeps a sorted
// slice, whose cost would dominate long benchmarks.
type treeKV struct {
	mu   sync.RWMutex
	root *treeNode
	seed uint64
}

type treeNode struct {
	key         string
	value       []byte
	weight      uint64
	left, right *treeNode
}

func (k *treeKV) find(key string) *treeNode {
	n := k.root
	for n != nil && n.key != key {
		if key < n.key {
			n = n.left
		} else {
			n = n.right
		}
	}
	return n
}

// split divides a tree into the keys below key and the others.
func split(n *treeNode, key string) (below, others *treeNode) {
	if n == nil {
		return nil, nil
	}
	if n.key < key {
		n.right, others = split(n.right, key)
		return n, others
	}
	below, n.left = split(n.left, key)
	return below, n
}

func (k *treeKV) insert(at **treeNode, fresh *treeNode) {
	for *at != nil && (*at).weight >= fresh.weight {
		if fresh.key < (*at).key {
			at = &(*at).left
		} else {
			at = &(*at).right
		}
	}
	fresh.left, fresh.right = split(*at, fresh.key)
	*at = fresh
}

func (k *treeKV) Get(_ context.Context, key string) ([]byte, bool, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if n := k.find(key); n != nil {
		return append([]byte{}, n.value...), true, nil
	}
	return nil, false, nil
}

func (k *treeKV) Scan(_ context.Context, from, to string, fn func(string, []byte) error) error {
	var hits []*treeNode
	var walk func(n *treeNode)
	walk = func(n *treeNode) {
		if n == nil {
			return
		}
		if n.key >= from {
			walk(n.left)
		}
		if n.key >= from && n.key < to {
			hits = append(hits, n)
		}
		if n.key < to {
			walk(n.right)
		}
	}
	k.mu.RLock()
	walk(k.root)
	k.mu.RUnlock()
	for _, n := range hits {
		if err := fn(n.key, n.value); err != nil {
			return err
		}
	}
	return nil
}

func (k *treeKV) Update(_ context.Context, check, put map[string][]byte) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, want := range check {
		n := k.find(key)
		if (n != nil) != (want != nil) || (n != nil && string(n.value) != string(want)) {
			return false, nil
		}
	}
	for key, value := range put { // the ledger never deletes
		if n := k.find(key); n != nil {
			n.value = value
			continue
		}
		k.seed = k.seed*6364136223846793005 + 1442695040888963407
		k.insert(&k.root, &treeNode{key: key, value: value, weight: k.seed >> 11})
	}
	return true, nil
}

func pair(ctx context.Context, l *kvledger.Ledger, key string) error {
	d, err := l.Register(ctx, tool, []byte(key), tool, minute)
	if err != nil {
		return err
	}
	_, raw, err := l.NewReceipt(ledger.Receipt{ToolID: tool, RequestHash: tool, ResponseHash: tool, IdempotencyKey: d.Key, Status: 200})
	if err != nil {
		return err
	}
	return l.Commit(ctx, d, raw)
}

// BenchmarkPairs measures effects: register, receipt, commit. Each makes three signatures; BenchmarkEd25519 is the
// lower bound.
func BenchmarkPairs(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprint(callers, "callers"), func(b *testing.B) {
			l := kvledger.Open(&treeKV{}, testKey, func() object.Time { return 1 })
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						if err := pair(b.Context(), l, fmt.Sprint(i)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
		})
	}
}

// BenchmarkGrowth measures a pair in ledgers of growing size, in one run.
func BenchmarkGrowth(b *testing.B) {
	kv := &treeKV{}
	l := kvledger.Open(kv, testKey, func() object.Time { return 1 })
	made := 0
	for _, entries := range []int{3_000, 30_000, 120_000} {
		for ; made*3 < entries; made++ {
			if err := pair(b.Context(), l, fmt.Sprint("grow", made)); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprint(entries, "entries"), func(b *testing.B) {
			for b.Loop() {
				if err := pair(b.Context(), l, fmt.Sprint("grow", made)); err != nil {
					b.Fatal(err)
				}
				made++
			}
		})
	}
}

// BenchmarkReplay measures the answer for a committed effect.
func BenchmarkReplay(b *testing.B) {
	l := kvledger.Open(&treeKV{}, testKey, func() object.Time { return 1 })
	if err := pair(b.Context(), l, "k"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if d, err := l.Register(b.Context(), tool, []byte("k"), tool, minute); err != nil || d.Action != ledger.Replay {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify measures Verify over a ledger, per entry.
func BenchmarkVerify(b *testing.B) {
	const effects = 4000
	kv := &treeKV{}
	l := kvledger.Open(kv, testKey, func() object.Time { return 1 })
	for i := range effects {
		if err := pair(b.Context(), l, fmt.Sprint(i)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := kvledger.Open(kv, otherKey, func() object.Time { return 1 }).Verify(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*3*effects/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkEd25519 measures signatures alone, on one and on all processors.
func BenchmarkEd25519(b *testing.B) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	public := key.Public().(ed25519.PublicKey)
	message := make([]byte, 32)
	sig := ed25519.Sign(key, message)
	run := func(name string, fn func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				fn()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
		b.Run(name+"AllProcessors", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					fn()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
	run("sign", func() { ed25519.Sign(key, message) })
	run("verify", func() { ed25519.Verify(public, message, sig) })
}
