package store_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/files"
	"github.com/mythos-project/mythos/store/fsck"
	"github.com/mythos-project/mythos/store/gc"
)

// disk is a store whose parts a test can damage.
type disk struct {
	*store.Store
	db  *badger.DB
	dir string // of the chunk files
}

func openAt(t testing.TB, dir string) *disk {
	t.Helper()
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
	return &disk{store.New(db, chunks), db, filepath.Join(dir, "chunks")}
}

func (d *disk) chunkFile(h object.Hash) string {
	return filepath.Join(d.dir, h.String()[:2], h.String())
}

func (d *disk) mustPut(t testing.TB, b []byte, o store.PutOptions) object.BlobRef {
	t.Helper()
	ref, err := d.PutBlob(context.Background(), bytes.NewReader(b), o)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func (d *disk) expect(t testing.TB, cid object.Hash, want []byte) {
	t.Helper()
	got, err := read(d.Store, cid, codec.Keys{})
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("blob %s: %d bytes, expected %d: %v", cid.Short(), len(got), len(want), err)
	}
}

func read(s *store.Store, cid object.Hash, o codec.Keys) ([]byte, error) {
	b, err := s.OpenBlob(context.Background(), cid, o)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = b.Copy(context.Background(), &out)
	return out.Bytes(), err
}

func readRange(s *store.Store, cid object.Hash, o codec.Keys, off, n int64) ([]byte, error) {
	b, err := s.OpenBlob(context.Background(), cid, o)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = b.ReadRange(context.Background(), off, n, &out)
	return out.Bytes(), err
}

// fsck returns what is wrong.
func (d *disk) fsck(t testing.TB) (found []fsck.Finding) {
	t.Helper()
	if _, err := fsck.Run(context.Background(), d.Store, func(f fsck.Finding) { found = append(found, f) }, nil, nil); err != nil {
		t.Fatal(err)
	}
	return found
}

// gc collects after the file system's clock has moved on.
func (d *disk) gc(t testing.TB, o gc.Options) gc.Report {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	o.DryRun = true
	dry, err := gc.Run(context.Background(), d.Store, o)
	if err != nil {
		t.Fatal(err)
	}
	o.DryRun = false
	rep, err := gc.Run(context.Background(), d.Store, o)
	if err != nil || rep != dry {
		t.Fatalf("%+v, but the dry run said %+v: %v", rep, dry, err)
	}
	return rep
}

// chunkFiles counts files of chunks and packs.
func (d *disk) chunkFiles(t testing.TB) (n int) {
	t.Helper()
	if err := d.Chunks().ScanChunks(context.Background(), func(object.Hash, int64) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// chunkBytes is the size of all chunks and packs.
func (d *disk) chunkBytes(t testing.TB) (n int64) {
	t.Helper()
	if err := d.Chunks().ScanChunks(context.Background(), func(_ object.Hash, size int64) error { n += size; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func (d *disk) unfinished(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(d.dir, "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// slow gives some bytes, then waits to be told to go on.
type slow struct {
	first, rest io.Reader
	reached     chan struct{}
	goOn        chan struct{}
}

func newSlow(b []byte, at int) *slow {
	return &slow{bytes.NewReader(b[:at]), bytes.NewReader(b[at:]), make(chan struct{}), make(chan struct{})}
}

func (s *slow) Read(p []byte) (int, error) {
	if n, err := s.first.Read(p); n > 0 || err == nil {
		return n, err
	}
	if s.reached != nil {
		close(s.reached)
		s.reached = nil
		<-s.goOn
	}
	return s.rest.Read(p)
}
