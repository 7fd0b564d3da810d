package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/gc"
)

func TestBatchOfManyBlobs(t *testing.T) {
	ctx := context.Background()
	d := openAt(t, t.TempDir())
	blob := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%05d", i), 20+i%5000) } // 100 bytes to 25 kB
	b := d.NewBatch(false)
	refs := make([]object.BlobRef, 2000)
	var g errgroup.Group
	for w := range 4 {
		g.Go(func() (err error) {
			for i := w; i < len(refs) && err == nil; i += 4 {
				refs[i], err = b.PutBlob(ctx, bytes.NewReader(blob(i)), store.PutOptions{})
			}
			return err
		})
	}
	large := data(5*minChunk + 3)
	ref, err := b.PutBlob(ctx, bytes.NewReader(large), store.PutOptions{ChunkSize: minChunk})
	if err := errors.Join(err, g.Wait(), b.Commit(ctx), b.Close()); err != nil {
		t.Fatal(err)
	}
	d.expect(t, ref.CID, large)
	for i := 0; i < len(refs); i += 37 {
		d.expect(t, refs[i].CID, blob(i))
	}
	if n := d.chunkFiles(t); n > 30 {
		t.Errorf("%d files for small blobs", n)
	}
	if found := d.fsck(t); len(found) > 0 {
		t.Errorf("fsck: %v", found)
	}
	again := d.NewBatch(false)
	for i := range refs {
		if ref, err := again.PutBlob(ctx, bytes.NewReader(blob(i)), store.PutOptions{}); err != nil || ref.CID != refs[i].CID {
			t.Fatalf("blob %d again: %v", i, err)
		}
	}
	before := d.chunkFiles(t)
	if err := errors.Join(again.Commit(ctx), again.Close()); err != nil || d.chunkFiles(t) != before {
		t.Fatalf("putting again: %d files, then %d: %v", before, d.chunkFiles(t), err)
	}
}

func TestPacksAreCollectedWhenEmpty(t *testing.T) {
	ctx := context.Background()
	d := openAt(t, t.TempDir())
	b := d.NewBatch(false)
	var refs []object.BlobRef
	for i := range 30 {
		ref, err := b.PutBlob(ctx, bytes.NewReader(data(10_000+i)), store.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	if err := errors.Join(b.Commit(ctx), b.Close()); err != nil || d.chunkFiles(t) != 1 {
		t.Fatalf("%d files: %v", d.chunkFiles(t), err)
	}
	for _, ref := range refs[1:] {
		if err := d.RemoveBlob(ctx, ref.CID); err != nil {
			t.Fatal(err)
		}
	}
	if rep := d.gc(t, gc.Options{}); rep.Nodes != 29 || rep.Chunks != 29 || rep.Repacked != 1 || rep.Bytes < 290_000 {
		t.Errorf("%+v", rep)
	}
	if size := d.chunkBytes(t); size != 10_000 {
		t.Errorf("%d bytes are left in packs", size)
	}
	if rep := d.gc(t, gc.Options{}); rep.Repacked != 0 || rep.Bytes != 0 {
		t.Errorf("a second time: %+v", rep)
	}
	d.expect(t, refs[0].CID, data(10_000))
	if err := d.RemoveBlob(ctx, refs[0].CID); err != nil {
		t.Fatal(err)
	}
	if rep := d.gc(t, gc.Options{}); rep.Nodes != 1 || rep.Chunks != 2 || d.chunkFiles(t) != 0 {
		t.Errorf("%+v, %d files", rep, d.chunkFiles(t))
	}
	if found := d.fsck(t); len(found) > 0 {
		t.Errorf("fsck: %v", found)
	}
}

func TestBatchThatIsGivenUp(t *testing.T) {
	ctx := context.Background()
	d := openAt(t, t.TempDir())
	b := d.NewBatch(false)
	for _, n := range []int{10, 10_000, 3 * minChunk} {
		if _, err := b.PutBlob(ctx, bytes.NewReader(data(n)), store.PutOptions{ChunkSize: minChunk}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	err := d.Blobs(ctx, func(ref object.BlobRef) error { return fmt.Errorf("blob %s is visible", ref.CID.Short()) })
	if err != nil || d.unfinished(t) != 0 {
		t.Errorf("%v, %d unfinished", err, d.unfinished(t))
	}
}

func TestSameBytesAgain(t *testing.T) {
	d := openAt(t, t.TempDir())
	want := data(3 * minChunk)
	parent := object.SumText("parent")
	first := d.mustPut(t, want, store.PutOptions{ChunkSize: minChunk, Media: "text/plain"})
	ref := d.mustPut(t, want, store.PutOptions{ChunkSize: minChunk, Provenance: &object.ProvenanceRef{
		Parents: []object.Hash{parent}, Params: map[string]string{}, CodeHash: parent}})
	if ref.CID != first.CID || ref.Media != "text/plain" || ref.Provenance == nil {
		t.Errorf("%+v", ref)
	}
	kept, err := d.BlobRef(t.Context(), ref.CID)
	if err != nil || kept.Media != "text/plain" || kept.Provenance == nil {
		t.Errorf("%+v %v", kept, err)
	}
	// A put repairs lost data.
	lost := object.Sum(want[minChunk : 2*minChunk])
	if err := os.Remove(d.chunkFile(lost)); err != nil {
		t.Fatal(err)
	}
	d.mustPut(t, want, store.PutOptions{ChunkSize: minChunk})
	d.expect(t, ref.CID, want)
}

func TestSameStoredBytesOfAnotherCodec(t *testing.T) {
	d := openAt(t, t.TempDir())
	text := bytes.Repeat([]byte("text "), 100)
	packed := d.mustPut(t, text, store.PutOptions{Codec: object.CodecZstd})
	b, err := d.OpenBlob(t.Context(), packed.CID, codec.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := b.Chunk(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.PutBlob(t.Context(), bytes.NewReader(stored), store.PutOptions{}); !errors.Is(err, store.ErrConflict) {
		t.Fatal(err)
	}
	d.expect(t, packed.CID, text)
}
