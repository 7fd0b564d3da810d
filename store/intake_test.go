package store_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/gc"
)

// parts returns the parts of a blob of n chunks, and its reference.
func parts(t *testing.T, n int) (ref object.BlobRef, chunks, nodes map[object.Hash][]byte, whole []byte) {
	t.Helper()
	chunks, nodes = map[object.Hash][]byte{}, map[object.Hash][]byte{}
	whole = bytes.Repeat([]byte("0123456789abcde\n"), (n*merkle.MinChunkSize-1000)/16)
	for i := 0; i < len(whole); i += merkle.MinChunkSize {
		whole[i] = byte(i / merkle.MinChunkSize)
	}
	b := merkle.NewChunkBuilder(merkle.MinChunkSize, keptNodes(nodes))
	for off := 0; off < len(whole); off += merkle.MinChunkSize {
		data := whole[off:min(off+merkle.MinChunkSize, len(whole))]
		h := object.Sum(data)
		chunks[h] = data
		if err := b.Add(merkle.Chunk{Hash: h, Len: uint32(len(data))}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return object.BlobRef{CID: root.CID, Size: root.Size, Chunks: uint32(root.Count), Media: "text/plain"}, chunks, nodes, whole
}

type keptNodes map[object.Hash][]byte

func (k keptNodes) PutNode(cid object.Hash, data []byte) error {
	k[cid] = bytes.Clone(data)
	return nil
}

// TestIntake: parts that arrive one by one become a blob once all of them are here.
func TestIntake(t *testing.T) {
	for _, cold := range []bool{false, true} {
		d := openAt(t, t.TempDir())
		ref, chunks, nodes, whole := parts(t, 5)
		in := d.NewIntake(cold)
		for h, data := range chunks {
			if err := in.PutBytes(t.Context(), object.Sum([]byte("other")), data); !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("bytes of another hash: %v", err)
			}
			buf := bytes.Clone(data)
			if err := in.PutBytes(t.Context(), h, buf); err != nil {
				t.Fatal(err)
			}
			clear(buf) // the caller's again
		}
		for cid, raw := range nodes {
			if err := in.PutNode(t.Context(), cid, raw); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Adopt(t.Context(), ref); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("adopted before it was synced: %v", err)
		}
		if err := in.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		missing := ref
		missing.CID = object.Sum([]byte("nothing"))
		if err := d.Adopt(t.Context(), ref, missing); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("adopted with one that is not here: %v", err)
		}
		if _, err := d.BlobRef(t.Context(), ref.CID); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("half of an adoption: %v", err)
		}
		if err := d.Adopt(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		d.expect(t, ref.CID, whole)
	}
}

// TestAdoptMakesDurable: chunks of a killed transfer have their names, but may not survive a crash. Adopting a blob of
// them makes them durable.
func TestAdoptMakesDurable(t *testing.T) {
	d := openAt(t, t.TempDir())
	ref, chunks, nodes, whole := parts(t, 3)
	in := d.NewIntake(true)
	for cid, raw := range nodes {
		if err := in.PutNode(t.Context(), cid, raw); err != nil {
			t.Fatal(err)
		}
	}
	for h, data := range chunks {
		if err := in.PutBytes(t.Context(), h, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(in.Sync(t.Context()), in.Close()); err != nil {
		t.Fatal(err)
	}
	large := 0
	for h := range chunks {
		if len(chunks[h]) <= store.SmallChunk {
			continue
		}
		large++
		if err := os.Chmod(d.chunkFile(h), atomicfile.Synced); err != nil {
			t.Fatal(err)
		}
	}
	if large == 0 {
		t.Fatal("no chunk is a file")
	}
	if err := d.Adopt(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	for h := range chunks {
		if st, err := os.Stat(d.chunkFile(h)); len(chunks[h]) > store.SmallChunk && (err != nil || st.Mode().Perm() != atomicfile.Durable) {
			t.Errorf("chunk %s: %v %v", h.Short(), st, err)
		}
	}
	d.expect(t, ref.CID, whole)
}

// TestIntakeIsNotCollected: an intake's parts are not collected while it is open, nor within the grace period after its
// sync.
func TestIntakeIsNotCollected(t *testing.T) {
	d := openAt(t, t.TempDir())
	ref, chunks, nodes, whole := parts(t, 3)
	in := d.NewIntake(false)
	for h, data := range chunks {
		if err := in.PutBytes(t.Context(), h, data); err != nil {
			t.Fatal(err)
		}
	}
	for cid, raw := range nodes {
		if err := in.PutNode(t.Context(), cid, raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, open := range []bool{true, false} {
		if !open {
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := gc.Run(t.Context(), d.Store, gc.Options{Grace: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Adopt(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	d.expect(t, ref.CID, whole)
}
