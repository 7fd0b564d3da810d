package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/gc"
	"github.com/mythos-project/mythos/store/memory"
)

func memoryStore() *store.Store {
	db := memory.New()
	return store.New(db, db)
}

// Damage in the KV: nodes, references, small chunks.
func TestDamagedKeysAreFound(t *testing.T) {
	want := data(minChunk + 100) // two chunks; the second is in the KV
	for name, hurt := range map[string]func(value []byte) []byte{
		"missing":   func([]byte) []byte { return nil },
		"flipped":   func(v []byte) []byte { v[len(v)/2] ^= 4; return v },
		"truncated": func(v []byte) []byte { return v[:len(v)-1] },
	} {
		for _, space := range []string{"n/", "c/", "b/"} {
			t.Run(name+" "+space, func(t *testing.T) {
				d := openAt(t, t.TempDir())
				ref := d.mustPut(t, want, store.PutOptions{ChunkSize: minChunk})
				err := d.KV().Scan(t.Context(), space, space+"\xff", func(key string, value []byte) error {
					_, err := d.KV().Update(t.Context(), nil, map[string][]byte{key: hurt(value)})
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				got, err := read(d.Store, ref.CID, codec.Keys{})
				if err == nil && !bytes.Equal(got, want) {
					t.Error("damaged bytes are handed out")
				}
				if err == nil && space != "b/" {
					t.Error("the damage is not seen")
				}
				known := errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) || errors.Is(err, merkle.ErrNode)
				if err != nil && (!known || !bytes.HasPrefix(want, got)) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				if found := d.fsck(t); len(found) == 0 && !(name == "missing" && space == "b/") {
					t.Error("fsck finds nothing")
				}
				d.mustPut(t, want, store.PutOptions{ChunkSize: minChunk}) // heals
				d.expect(t, ref.CID, want)
				if found := d.fsck(t); len(found) > 0 {
					t.Errorf("after putting it again: %v", found)
				}
			})
		}
	}
}

// GC must not free anything below a node that it cannot read.
func TestGCStopsAtDamage(t *testing.T) {
	d := openAt(t, t.TempDir())
	want := data(3 * minChunk)
	ref := d.mustPut(t, want, store.PutOptions{ChunkSize: minChunk})
	if _, err := d.KV().Update(t.Context(), nil, map[string][]byte{"n/" + ref.CID.String(): []byte("damaged")}); err != nil {
		t.Fatal(err)
	}
	if _, err := gc.Run(t.Context(), d.Store, gc.Options{}); !errors.Is(err, merkle.ErrNode) || d.chunkFiles(t) != 3 {
		t.Fatalf("%v, %d chunks are left", err, d.chunkFiles(t))
	}
}

func TestFailedPutResumes(t *testing.T) {
	d := openAt(t, t.TempDir())
	want := data(100 * minChunk)
	_, err := d.PutBlob(t.Context(), &failing{bytes.NewReader(want), 99 * minChunk}, store.PutOptions{ChunkSize: minChunk})
	if !errors.Is(err, errReader) || d.unfinished(t) != 0 {
		t.Fatalf("%v, %d unfinished", err, d.unfinished(t))
	}
	if n := d.chunkFiles(t); n < 60 {
		t.Errorf("only %d chunks serve the next try", n)
	}
	ref := d.mustPut(t, want, store.PutOptions{ChunkSize: minChunk})
	d.expect(t, ref.CID, want)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.PutBlob(ctx, bytes.NewReader(data(5*minChunk+1)), store.PutOptions{ChunkSize: minChunk}); !errors.Is(err, context.Canceled) {
		t.Errorf("a put whose context has ended: %v", err)
	}
}

type brokenWriter struct{ left int }

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errReader
	}
	return len(p), nil
}

func TestReadersMayStop(t *testing.T) {
	d := openAt(t, t.TempDir())
	ref := d.mustPut(t, data(30*minChunk), store.PutOptions{ChunkSize: minChunk})
	b, err := d.OpenBlob(t.Context(), ref.CID, codec.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Copy(t.Context(), &brokenWriter{5 * minChunk}); !errors.Is(err, errReader) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Copy(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestConcurrentPuts(t *testing.T) {
	d := openAt(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			want := data((1 + i%4) * minChunk) // three of each
			ref, err := d.PutBlob(t.Context(), bytes.NewReader(want), store.PutOptions{ChunkSize: minChunk})
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := read(d.Store, ref.CID, codec.Keys{}); err != nil || !bytes.Equal(got, want) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if found := d.fsck(t); len(found) > 0 {
		t.Error(found)
	}
}

func TestFsckOfReferences(t *testing.T) {
	ctx := context.Background()
	d := openAt(t, t.TempDir())
	gone := object.SumText("gone")
	err := errors.Join(d.SetRef(ctx, "dangling", gone, nil), d.Pin(ctx, gone, 0, ""),
		d.PutObjects(ctx, store.Object{ID: gone, Kind: "Pin", Raw: []byte("not canonical")}))
	if err != nil {
		t.Fatal(err)
	}
	if found := d.fsck(t); len(found) != 1 || found[0].Kind != "object" {
		t.Errorf("%v", found)
	}
	if _, err := d.KV().Update(ctx, nil, map[string][]byte{"o/" + gone.String(): nil}); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, f := range d.fsck(t) {
		kinds[f.Kind]++
	}
	if kinds["ref"] != 1 || kinds["pin"] != 1 || kinds["object"] != 1 {
		t.Errorf("%v", kinds)
	}
}

func TestAmbiguousPrefix(t *testing.T) {
	s := memoryStore()
	a, b := object.SumText("a"), object.SumText("a")
	b.Sum[31] ^= 1
	if err := s.PutObjects(t.Context(), store.Object{ID: a, Kind: "K", Raw: []byte{0}}, store.Object{ID: b, Kind: "K", Raw: []byte{0}}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Resolve(t.Context(), a.String()[:20])
	var many *store.AmbiguousError
	if !errors.As(err, &many) || !errors.Is(err, store.ErrAmbiguous) || len(many.Candidates) != 2 {
		t.Fatal(err)
	}
	if err := s.SetRef(t.Context(), "a name", a, nil); !errors.Is(err, store.ErrRefName) {
		t.Error(err)
	}
}

// The public vector has chunks of 4096 bytes. The store does not write such a blob, but accepts, reads and proves it.
func TestPublicBlobVector(t *testing.T) {
	const dir = "../../shared/ctvp/vectors/blob/chunkedblob_001_"
	payload, err := os.ReadFile(dir + "payload.bin")
	if err != nil {
		t.Skip("the public vectors are not at hand")
	}
	node, err := os.ReadFile(dir + "rootnode.bin")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir + "rootcid.hex")
	if err != nil {
		t.Fatal(err)
	}
	cid, err := object.ParseHash(strings.TrimSpace(string(text)))
	if err != nil || !strings.HasPrefix(cid.String(), "ea8aff58") {
		t.Fatal(cid, err)
	}
	s := memoryStore()
	if _, err := s.PutBlob(t.Context(), bytes.NewReader(payload), store.PutOptions{ChunkSize: 4096}); !errors.Is(err, store.ErrChunkSize) {
		t.Fatal(err)
	}
	ref := object.BlobRef{CID: cid, Size: uint64(len(payload)), Media: "application/test", Chunks: 3}
	in := s.NewIntake(false)
	if err := errors.Join(in.PutNode(t.Context(), cid, node), in.Sync(t.Context()), in.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Adopt(t.Context(), ref); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("adopted without its chunks: %v", err)
	}
	for off := 0; off < len(payload); off += 4096 {
		if _, err := s.PutBytes(t.Context(), payload[off:min(off+4096, len(payload))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Adopt(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if got, err := read(s, cid, codec.Keys{}); err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("%d bytes: %v", len(got), err)
	}
	if _, err := s.ProveChunk(t.Context(), cid, 2); err != nil {
		t.Error(err)
	}
	if err := in.PutNode(t.Context(), cid, node[1:]); !errors.Is(err, store.ErrCorrupt) {
		t.Error(err)
	}
}
