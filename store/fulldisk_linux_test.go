package store_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	d := openAt(t, dir)
	before := d.mustPut(t, data(3*minChunk), store.PutOptions{ChunkSize: minChunk})
	_, err := d.PutBlob(t.Context(), bytes.NewReader(data(64<<20)), store.PutOptions{ChunkSize: 1 << 20})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a blob larger than the disk: %v", err)
	}
	var kvErr error
	for i := 0; i < 1000 && kvErr == nil; i++ {
		_, kvErr = d.PutBytes(t.Context(), data(60_000+i))
	}
	if !errors.Is(kvErr, syscall.ENOSPC) {
		t.Fatalf("small byte strings: %v", kvErr)
	}
	d.expect(t, before.CID, data(3*minChunk))
	n := 0
	if err := d.Blobs(t.Context(), func(object.BlobRef) error { n++; return nil }); err != nil || n != 1 {
		t.Errorf("%d blobs: %v", n, err)
	}
	time.Sleep(20 * time.Millisecond)
	sweep, err := d.Chunks().Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := sweep.Close(); err != nil {
		t.Error(err)
	}
	if d.unfinished(t) != 0 {
		t.Error("unfinished files are left")
	}
}
