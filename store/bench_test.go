package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// renew changes every chunk of b, so that none is already here.
func renew(b []byte, i int) {
	for off := 0; off < len(b); off += merkle.DefaultChunkSize {
		binary.BigEndian.PutUint64(b[off:], uint64(i)<<32|uint64(off))
	}
}

func BenchmarkPutBlob(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		b.Run(fmt.Sprintf("64MiB/noSync=%v", noSync), func(b *testing.B) {
			s, _ := open(b)
			want := data(64 << 20)
			b.SetBytes(64 << 20)
			for i := 0; b.Loop(); i++ {
				renew(want, i)
				if _, err := s.PutBlob(context.Background(), bytes.NewReader(want), store.PutOptions{NoSync: noSync}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("64MiB/again", func(b *testing.B) {
		s, _ := open(b)
		want := data(64 << 20)
		b.SetBytes(64 << 20)
		for b.Loop() {
			if _, err := s.PutBlob(context.Background(), bytes.NewReader(want), store.PutOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	s, _ := open(b)
	want := data(64 << 20)
	ref, err := s.PutBlob(context.Background(), bytes.NewReader(want), store.PutOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(64 << 20)
	for b.Loop() {
		blob, err := s.OpenBlob(context.Background(), ref.CID, codec.Keys{})
		if err == nil {
			err = blob.Copy(context.Background(), io.Discard)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBatch puts 1,000 blobs of 10 KiB with one commit.
func BenchmarkBatch(b *testing.B) {
	s, _ := open(b)
	want := data(10 << 10)
	b.SetBytes(1000 * 10 << 10)
	n := 0
	for b.Loop() {
		batch := s.NewBatch(false)
		for range 1000 {
			n++
			binary.BigEndian.PutUint64(want, uint64(n))
			if _, err := batch.PutBlob(context.Background(), bytes.NewReader(want), store.PutOptions{}); err != nil {
				b.Fatal(err)
			}
		}
		if err := batch.Commit(context.Background()); err != nil {
			b.Fatal(err)
		}
		if err := batch.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutBytes puts small byte strings from 64 callers; each is durable when its call returns.
func BenchmarkPutBytes(b *testing.B) {
	s, _ := open(b)
	var next atomic.Uint64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range 64 {
		wg.Go(func() {
			buf := make([]byte, 1<<10)
			for i := next.Add(1); i <= uint64(b.N); i = next.Add(1) {
				binary.BigEndian.PutUint64(buf, i)
				if _, err := s.PutBytes(context.Background(), buf); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
