package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/files"
	"github.com/mythos-project/mythos/store/fsck"
	"github.com/mythos-project/mythos/store/gc"
	"github.com/mythos-project/mythos/store/memory"
)

// open returns a store on disk and the folder of its chunk files.
func open(t testing.TB) (*store.Store, string) {
	t.Helper()
	dir := t.TempDir()
	db, err := badger.Open(filepath.Join(dir, "db"), badger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	chunks, err := files.Open(filepath.Join(dir, "chunks"))
	if err != nil {
		t.Fatal(err)
	}
	return store.New(db, chunks), filepath.Join(dir, "chunks")
}

func data(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))))
	r.Read(b)
	return b
}

const minChunk = merkle.MinChunkSize

func TestPutAndGetBack(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	for _, n := range []int{0, 1, merkle.MaxUnchunked, merkle.MaxUnchunked + 1, minChunk - 1, minChunk, minChunk + 1, 5*minChunk + 7} {
		want := data(n)
		ref, err := s.PutBlob(ctx, bytes.NewReader(want), store.PutOptions{ChunkSize: minChunk})
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		root, err := merkle.HashBlob(bytes.NewReader(want), minChunk)
		if err != nil || ref.CID != root.CID || uint64(ref.Chunks) != root.Count || ref.Size != uint64(n) {
			t.Fatalf("%d bytes: stored as %+v, expected %+v (%v)", n, ref, root, err)
		}
		b, err := s.OpenBlob(ctx, ref.CID, codec.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := b.Copy(ctx, &got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%d bytes come back as %d: %v", n, got.Len(), err)
		}
		for _, r := range [][2]int{{0, n}, {n / 2, n - n/2}, {n / 3, min(10, n-n/3)}, {n, 0}} {
			got.Reset()
			if err := b.ReadRange(ctx, int64(r[0]), int64(r[1]), &got); err != nil || !bytes.Equal(got.Bytes(), want[r[0]:r[0]+r[1]]) {
				t.Fatalf("%d bytes, range %v: %v", n, r, err)
			}
		}
		if err := b.ReadRange(ctx, int64(n), 1, io.Discard); !errors.Is(err, store.ErrRange) {
			t.Fatalf("%d bytes: reading beyond the end: %v", n, err)
		}
	}
}

func TestProofsOfStoredBlobs(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	want := data(3*minChunk + 5)
	ref, err := s.PutBlob(ctx, bytes.NewReader(want), store.PutOptions{ChunkSize: minChunk})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		proof, err := s.ProveChunk(ctx, ref.CID, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := can.Marshal(proof)
		if err != nil {
			t.Fatal(err)
		}
		chunk := want[i*minChunk : min((i+1)*minChunk, len(want))]
		if err := merkle.VerifyChunk(ref.CID, uint64(i), raw, chunk); err != nil {
			t.Errorf("chunk %d: %v", i, err)
		}
	}
	if _, err := s.ProveChunk(ctx, ref.CID, 4); !errors.Is(err, merkle.ErrIndex) {
		t.Errorf("proof beyond the end: %v", err)
	}
}

func TestDamageIsFound(t *testing.T) {
	ctx := context.Background()
	damage := map[string]func(t *testing.T, path string){
		"flipped": func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"truncated": func(t *testing.T, path string) {
			if err := os.Truncate(path, 100); err != nil {
				t.Fatal(err)
			}
		},
		"missing": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			want := data(2*minChunk + 9)
			ref, err := s.PutBlob(ctx, bytes.NewReader(want), store.PutOptions{ChunkSize: minChunk})
			if err != nil {
				t.Fatal(err)
			}
			second := object.Sum(want[minChunk : 2*minChunk]).String()
			hurt(t, filepath.Join(dir, second[:2], second))
			b, err := s.OpenBlob(ctx, ref.CID, codec.Keys{})
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			err = b.Copy(ctx, &got)
			if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("reading gives %v", err)
			}
			if !bytes.Equal(got.Bytes(), want[:got.Len()]) || got.Len() > minChunk {
				t.Fatal("bytes of the damaged chunk were handed out")
			}
			found := 0
			if _, err := fsck.Run(ctx, s, func(fsck.Finding) { found++ }, nil, nil); err != nil || found == 0 {
				t.Fatalf("fsck finds %d: %v", found, err)
			}
			if _, err := s.PutBlob(ctx, bytes.NewReader(want), store.PutOptions{ChunkSize: minChunk, NoSync: true}); err != nil {
				t.Fatal(err)
			}
			if _, err := fsck.Run(ctx, s, func(f fsck.Finding) { t.Errorf("after putting it again: %+v", f) }, nil, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
}

type failing struct {
	r    io.Reader
	left int
}

var errReader = errors.New("the disk is gone")

func (f *failing) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, errReader
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

func TestFailedPutIsInvisible(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	want := data(6 * minChunk)
	_, err := s.PutBlob(ctx, &failing{bytes.NewReader(want), 4 * minChunk}, store.PutOptions{ChunkSize: minChunk})
	if !errors.Is(err, errReader) {
		t.Fatalf("put gives %v", err)
	}
	n := 0
	if err := s.Blobs(ctx, func(object.BlobRef) error { n++; return nil }); err != nil || n != 0 {
		t.Fatalf("%d blobs are visible: %v", n, err)
	}
	if _, err := s.PutBlob(ctx, bytes.NewReader(want), store.PutOptions{ChunkSize: minChunk}); err != nil {
		t.Fatal(err)
	}
}

func TestChunkSizeIsBounded(t *testing.T) {
	s := store.New(memory.New(), memory.New())
	for _, size := range []uint32{1, 4096, minChunk - 1, merkle.MaxChunkSize + 1} {
		if _, err := s.PutBlob(context.Background(), bytes.NewReader(nil), store.PutOptions{ChunkSize: size}); !errors.Is(err, store.ErrChunkSize) {
			t.Errorf("chunk size %d: %v", size, err)
		}
	}
}

func TestObjectsRefsAndPrefixes(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	var objs []store.Object
	for i := range 3000 {
		raw, err := can.Marshal(&store.Pin{CID: object.SumText(fmt.Sprint(i))})
		if err != nil {
			t.Fatal(err)
		}
		objs = append(objs, store.Object{ID: object.Sum(raw), Kind: "Pin", Raw: raw})
	}
	if err := s.PutObjects(ctx, objs...); err != nil {
		t.Fatal(err)
	}
	var last object.Hash
	n := 0
	err := s.Objects(ctx, "Pin", func(o store.Object) error {
		if n++; n > 1 && last.Compare(o.ID) >= 0 {
			t.Fatal("objects are not ascending")
		}
		last = o.ID
		return nil
	})
	if err != nil || n != 3000 {
		t.Fatalf("%d objects: %v", n, err)
	}
	if h, err := s.Resolve(ctx, last.String()[:12]); err != nil || h != last {
		t.Fatalf("prefix: %v %v", h, err)
	}
	if _, err := s.Resolve(ctx, "zz"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	none := object.Hash{}
	if err := s.SetRef(ctx, "model", last, &none); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRef(ctx, "model", objs[0].ID, &none); !errors.Is(err, store.ErrChanged) {
		t.Fatalf("a ref was made twice: %v", err)
	}
	if err := s.SetRef(ctx, "model", objs[0].ID, &last); err != nil {
		t.Fatal(err)
	}
	if h, err := s.Ref(ctx, "model"); err != nil || h != objs[0].ID {
		t.Fatalf("ref: %v %v", h, err)
	}
}

func TestGCKeepsWhatIsReached(t *testing.T) {
	ctx := context.Background()
	s, _ := open(t)
	var refs []object.BlobRef
	for i := range 3 {
		ref, err := s.PutBlob(ctx, bytes.NewReader(data(2*minChunk+i)), store.PutOptions{ChunkSize: minChunk})
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	if err := s.Pin(ctx, refs[1].CID, 0, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveBlob(ctx, refs[2].CID); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // longer than a step of the file system's clock
	dry, err := gc.Run(ctx, s, gc.Options{DryRun: true})
	if err != nil || dry.Chunks == 0 {
		t.Fatalf("dry run: %+v %v", dry, err)
	}
	rep, err := gc.Run(ctx, s, gc.Options{})
	if err != nil || rep != dry {
		t.Fatalf("%+v, the dry run said %+v: %v", rep, dry, err)
	}
	for _, ref := range refs[:2] {
		b, err := s.OpenBlob(ctx, ref.CID, codec.Keys{})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Copy(ctx, io.Discard); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	if _, err := fsck.Run(ctx, s, func(f fsck.Finding) { found++; t.Log(f) }, nil, nil); err != nil || found > 0 {
		t.Fatalf("fsck finds %d: %v", found, err)
	}
}
