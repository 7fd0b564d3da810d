package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Chunks runs the contract of a store.Chunks. open returns an empty one.
func Chunks(t *testing.T, open func(testing.TB) store.Chunks) {
	for name, test := range map[string]func(*testing.T, store.Chunks){
		"put and read":             chunkPut,
		"concurrent puts":          chunkRace,
		"find":                     chunkFind,
		"scan":                     chunkScan,
		"doubt":                    chunkDoubt,
		"sweep":                    chunkSweep,
		"sweep spares running put": sweepRunning,
		"one sweep at a time":      oneSweep,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func chunk(i int) (object.Hash, []byte) {
	data := bytes.Repeat(fmt.Appendf(nil, "chunk %d;", i), 10_000)
	return object.Sum(data), data
}

// put puts chunks [0,n) and ends the put.
func put(t testing.TB, c store.Chunks, durable bool, n int) {
	t.Helper()
	p, err := c.Begin(context.Background(), durable)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		h, data := chunk(i)
		if err := p.PutChunk(context.Background(), h, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(p.Sync(context.Background()), p.Close()); err != nil {
		t.Fatal(err)
	}
}

func expectChunk(t testing.TB, c store.Chunks, i int, want bool) {
	t.Helper()
	h, data := chunk(i)
	have, err := c.HasChunk(context.Background(), h)
	if err != nil || have != want {
		t.Fatalf("chunk %d: %v %v, expected %v", i, have, err, want)
	}
	got, err := c.Chunk(context.Background(), h)
	if want && (err != nil || !bytes.Equal(got, data)) {
		t.Fatalf("chunk %d: %d bytes, %v", i, len(got), err)
	}
	if !want && !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("chunk %d: %v", i, err)
	}
}

func chunkPut(t *testing.T, c store.Chunks) {
	expectChunk(t, c, 0, false)
	for _, durable := range []bool{false, true, true, false} { // the second round has work to do, the others find every chunk
		put(t, c, durable, 40)
		for i := range 40 {
			expectChunk(t, c, i, true)
		}
	}
	p, err := c.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	h, data := chunk(100)
	if err := p.PutChunk(t.Context(), h, data); err != nil {
		t.Fatal(err)
	}
	clear(data) // the caller's again
	if err := errors.Join(p.Sync(t.Context()), p.Close()); err != nil {
		t.Fatal(err)
	}
	expectChunk(t, c, 100, true)
}

func chunkFind(t *testing.T, c store.Chunks) {
	h, data := chunk(0)
	find := func(size int, want bool) {
		t.Helper()
		p, err := c.Begin(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		have, err := p.FindChunk(t.Context(), h, int64(size))
		if err = errors.Join(err, p.Sync(t.Context()), p.Close()); err != nil || have != want {
			t.Fatalf("a chunk of %d bytes: %v %v, expected %v", size, have, err, want)
		}
	}
	find(len(data), false)
	put(t, c, true, 1)
	find(len(data), true)
	find(len(data)-1, false)
	if err := c.Doubt(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	find(len(data), false)
}

func chunkRace(t *testing.T, c store.Chunks) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { put(t, c, true, 20) })
	}
	wg.Wait()
	for i := range 20 {
		expectChunk(t, c, i, true)
	}
}

func chunkScan(t *testing.T, c store.Chunks) {
	put(t, c, true, 50)
	var got []object.Hash
	err := c.ScanChunks(t.Context(), func(h object.Hash, size int64) error {
		got = append(got, h)
		if data, err := c.Chunk(t.Context(), h); err != nil || int64(len(data)) != size {
			t.Errorf("%s: %d bytes, %v", h.Short(), size, err)
		}
		return nil
	})
	if err != nil || len(got) != 50 || !slices.IsSortedFunc(got, object.Hash.Compare) {
		t.Fatalf("%d chunks: %v", len(got), err)
	}
}

func chunkDoubt(t *testing.T, c store.Chunks) {
	h, right := chunk(0)
	wrong := bytes.Repeat([]byte{1}, len(right))
	for _, durable := range []bool{false, true} {
		p, err := c.Begin(t.Context(), durable)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(c.Doubt(t.Context(), h), p.PutChunk(t.Context(), h, wrong), p.Sync(t.Context()), p.Close(), c.Doubt(t.Context(), h))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Chunk(t.Context(), h); err != nil || !bytes.Equal(got, wrong) {
			t.Fatalf("a doubted chunk stays until it is replaced: %v", err)
		}
		put(t, c, durable, 1)
		expectChunk(t, c, 0, true)
	}
}

// tick is longer than one step of the file system's clock.
const tick = 20 * time.Millisecond

func sweepAll(t testing.TB, c store.Chunks, n int) (gone []bool) {
	t.Helper()
	s, err := c.Sweep(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		h, _ := chunk(i)
		wanted, err := s.Wanted(context.Background(), h)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := s.Delete(context.Background(), h)
		if err != nil || ok == wanted {
			t.Fatalf("chunk %d: wanted %v, deleted %v: %v", i, wanted, ok, err)
		}
		gone = append(gone, ok)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return gone
}

func chunkSweep(t *testing.T, c store.Chunks) {
	put(t, c, true, 3)
	time.Sleep(tick)
	if gone := sweepAll(t, c, 4); !slices.Equal(gone, []bool{true, true, true, false}) {
		t.Fatal(gone)
	}
	for i := range 4 {
		expectChunk(t, c, i, false)
	}
}

// sweepRunning checks that chunks which a running put has written or found stay, before and after the collection began.
func sweepRunning(t *testing.T, c store.Chunks) {
	put(t, c, true, 3)
	time.Sleep(tick)
	p, err := c.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	h0, d0 := chunk(0)
	if err := p.PutChunk(t.Context(), h0, d0); err != nil { // is there already
		t.Fatal(err)
	}
	time.Sleep(tick)
	s, err := c.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(tick)
	q, err := c.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	h1, d1 := chunk(1)
	if err := q.PutChunk(t.Context(), h1, d1); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, false, true} {
		h, _ := chunk(i)
		if gone, err := s.Delete(t.Context(), h); err != nil || gone != want {
			t.Fatalf("chunk %d: deleted %v, %v", i, gone, err)
		}
	}
	if err := errors.Join(s.Close(), p.Sync(t.Context()), p.Close(), q.Sync(t.Context()), q.Close()); err != nil {
		t.Fatal(err)
	}
	expectChunk(t, c, 0, true)
	expectChunk(t, c, 1, true)
	time.Sleep(tick)
	sweepAll(t, c, 2)
	expectChunk(t, c, 0, false)
}

func oneSweep(t *testing.T, c store.Chunks) {
	s, err := c.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sweep(t.Context()); !errors.Is(err, store.ErrCollecting) {
		t.Fatalf("second sweep: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = c.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
