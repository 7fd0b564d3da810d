package store_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/gc"
)

// A collection that begins and ends while a put is running takes nothing that the put has written or found.
func TestGCDuringAPut(t *testing.T) {
	ctx := context.Background()
	d := openAt(t, t.TempDir())
	want := data(40 * minChunk)
	old := d.mustPut(t, want[:20*minChunk], store.PutOptions{ChunkSize: minChunk}) // some chunks are there already
	if err := d.RemoveBlob(ctx, old.CID); err != nil {
		t.Fatal(err)
	}
	r := newSlow(want, 39*minChunk)
	reached := r.reached
	done := make(chan object.BlobRef)
	go func() {
		ref, err := d.PutBlob(ctx, r, store.PutOptions{ChunkSize: minChunk})
		if err != nil {
			t.Error(err)
		}
		done <- ref
	}()
	<-reached
	time.Sleep(20 * time.Millisecond)
	rep, err := gc.Run(ctx, d.Store, gc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Nodes != 1 || rep.Wanted < 20 {
		t.Errorf("%+v", rep)
	}
	close(r.goOn)
	ref := <-done
	d.expect(t, ref.CID, want)
	if rep := d.gc(t, gc.Options{}); rep.Chunks != 0 {
		t.Errorf("%+v", rep)
	}
	d.expect(t, ref.CID, want)
}

// Many puts, removals and collections at once: in the end every blob that was put and not removed is there.
func TestGCRacesWithPuts(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	a, b := openAt(t, dir), openAt(t, dir)
	pieces := data(8 * minChunk)
	stop := make(chan struct{})
	var collecting, putting sync.WaitGroup
	collecting.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := gc.Run(ctx, b.Store, gc.Options{Grace: -1}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for w := range 3 {
		putting.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 1))
			for range 40 {
				// Few different blobs, so that they are often present or just being removed.
				from, n := rnd.IntN(3)*minChunk, 1+rnd.IntN(2)*minChunk+rnd.IntN(2)*9000
				want := pieces[from : from+n]
				ref, err := a.PutBlob(ctx, bytes.NewReader(want), store.PutOptions{ChunkSize: minChunk})
				if err != nil {
					t.Error(err)
					return
				}
				if rnd.IntN(2) == 0 {
					if err := a.RemoveBlob(ctx, ref.CID); err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Error(err)
					}
				}
			}
		})
	}
	putting.Wait()
	close(stop)
	collecting.Wait()
	if found := a.fsck(t); len(found) > 0 {
		t.Fatalf("fsck: %v", found)
	}
	err := a.Blobs(ctx, func(ref object.BlobRef) error {
		_, err := read(a.Store, ref.CID, codec.Keys{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLooseThingsHaveAGrace(t *testing.T) {
	ctx := context.Background()
	d := openAt(t, t.TempDir())
	small, err := d.PutBytes(ctx, []byte("a response"))
	if err != nil {
		t.Fatal(err)
	}
	large, err := d.PutBytes(ctx, data(100_000))
	if err != nil {
		t.Fatal(err)
	}
	reached, err := d.PutBytes(ctx, []byte("a response that a receipt names"))
	if err != nil {
		t.Fatal(err)
	}
	roots := func(_ context.Context, keep func(object.Hash)) error { keep(reached); return nil }
	hour := object.Time(time.Hour.Microseconds())
	for _, step := range []struct {
		now             object.Time
		chunks, waiting uint64
	}{{1, 0, 2}, {hour, 0, 2}, {1 + 24*hour, 2, 0}, {99 * hour, 0, 0}} {
		if rep := d.gc(t, gc.Options{Now: step.now, Roots: roots}); rep.Chunks != step.chunks || rep.Waiting != step.waiting {
			t.Fatalf("at %d h: %+v", step.now/hour, rep)
		}
	}
	for _, h := range []object.Hash{small, large} {
		if _, err := d.Bytes(ctx, h); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	}
	if _, err := d.Bytes(ctx, reached); err != nil {
		t.Error(err)
	}
	// Putting it again restarts the grace period.
	d.gc(t, gc.Options{Now: 100 * hour})
	if _, err := d.PutBytes(ctx, []byte("a response that a receipt names")); err != nil {
		t.Fatal(err)
	}
	if rep := d.gc(t, gc.Options{Now: 1000 * hour}); rep.Chunks != 0 || rep.Waiting != 1 {
		t.Errorf("%+v", rep)
	}
	if rep := d.gc(t, gc.Options{Now: 1000 * hour, Grace: -1}); rep.Chunks != 1 {
		t.Errorf("%+v", rep)
	}
}

func TestGCKeepsPinsRefsAndLists(t *testing.T) {
	ctx := context.Background()
	d := openAt(t, t.TempDir())
	pinned, named := data(3*minChunk), data(2*minChunk)
	p, n := d.mustPut(t, pinned, store.PutOptions{ChunkSize: minChunk}), d.mustPut(t, named, store.PutOptions{ChunkSize: minChunk})
	list, count, err := d.PutList(ctx, "application/test", func(b *merkle.ListBuilder) error {
		for i := range 3000 {
			if err := b.Add(object.Sum([]byte{byte(i), byte(i >> 8)})); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || count != 3000 {
		t.Fatal(err)
	}
	if err := errors.Join(d.Pin(ctx, p.CID, 1000, "soon"), d.SetRef(ctx, "name", n.CID, nil), d.Pin(ctx, list.CID, 0, "list")); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]byte{}
	for _, cid := range []object.Hash{p.CID, n.CID, list.CID} {
		keys["b/"+cid.String()] = nil // RemoveBlob would remove the pins, too
	}
	if _, err := d.KV().Update(ctx, nil, keys); err != nil {
		t.Fatal(err)
	}
	if rep := d.gc(t, gc.Options{Now: 999}); rep.Chunks+rep.Nodes != 0 {
		t.Errorf("%+v", rep)
	}
	if rep := d.gc(t, gc.Options{Now: 1000}); rep.Chunks != 3 || rep.Nodes != 1 {
		t.Errorf("%+v", rep)
	}
	if _, err := merkle.OpenList(d.Nodes(ctx), list.CID); err != nil {
		t.Error(err)
	}
	proof, err := d.ProveChunk(ctx, n.CID, 1)
	if err != nil || len(proof.Nodes) != 1 {
		t.Error(err)
	}
}

// Small blobs are read, put again and removed while collections rewrite packs.
func TestRepackingRacesWithReaders(t *testing.T) {
	d := openAt(t, t.TempDir())
	const count = 60
	fill := func() {
		b := d.NewBatch(true)
		for i := range count {
			if _, err := b.PutBlob(t.Context(), bytes.NewReader(data(9000+i)), store.PutOptions{}); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(b.Commit(t.Context()), b.Close()); err != nil {
			t.Error(err)
		}
	}
	fill()
	refs := map[int]object.Hash{}
	for i := range count {
		refs[i] = d.mustPut(t, data(9000+i), store.PutOptions{}).CID
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // readers of blobs that are never removed
		for {
			for i := 0; i < count; i += 5 {
				d.expect(t, refs[i], data(9000+i))
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	var repacked uint64
	for round := range 6 {
		for i := range count {
			if i%5 != 0 {
				if err := d.RemoveBlob(t.Context(), refs[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(15 * time.Millisecond)
		if round%2 == 1 {
			wg.Go(fill)
		}
		rep, err := gc.Run(t.Context(), d.Store, gc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		repacked += rep.Repacked
		fill()
	}
	close(stop)
	wg.Wait()
	fill()
	if found := d.fsck(t); len(found) > 0 {
		t.Errorf("%v", found)
	}
	if repacked == 0 {
		t.Error("nothing was rewritten")
	}
}
