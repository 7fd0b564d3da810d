package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// BenchmarkKV measures durable updates from 1 and from 64 callers, and reads.
func BenchmarkKV(b *testing.B, open func(testing.TB) store.KV) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("Update/%d", callers), func(b *testing.B) { benchUpdate(b, open(b), callers) })
	}
	b.Run("Get", func(b *testing.B) {
		kv := open(b)
		must(b, kv, nil, map[string][]byte{"x/a": make([]byte, 200)})
		for b.Loop() {
			if _, _, err := kv.Get(context.Background(), "x/a"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchUpdate(b *testing.B, kv store.KV, callers int) {
	var next atomic.Uint64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= uint64(b.N); i = next.Add(1) {
				key := "x/" + string(binary.BigEndian.AppendUint64(nil, i))
				if _, err := kv.Update(context.Background(), map[string][]byte{key: nil}, map[string][]byte{key: make([]byte, 200)}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkChunks measures durable puts of 16 chunks of 1 MiB with one sync.
func BenchmarkChunks(b *testing.B, open func(testing.TB) store.Chunks) {
	c := open(b)
	data := make([]byte, 1<<20)
	b.SetBytes(16 << 20)
	n := uint64(0)
	for b.Loop() {
		p, err := c.Begin(context.Background(), true)
		if err != nil {
			b.Fatal(err)
		}
		for range 16 {
			n++
			binary.BigEndian.PutUint64(data, n)
			if err := p.PutChunk(context.Background(), object.Sum(data), data); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Sync(context.Background()); err != nil {
			b.Fatal(err)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
