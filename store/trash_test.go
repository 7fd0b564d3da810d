package store_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
	"github.com/mythos-project/mythos/store/gc"
)

// TestTrash: collected data can be restored completely until its time is over. Restoring does not protect it from the
// next collection.
func TestTrash(t *testing.T) {
	d := openAt(t, t.TempDir())
	ref := d.mustPut(t, data(3*minChunk+10), store.PutOptions{ChunkSize: minChunk})
	small := d.mustPut(t, data(900), store.PutOptions{ChunkSize: minChunk})
	now := object.TimeOf(time.Now())
	collect := func(at object.Time, trash time.Duration) gc.Report {
		t.Helper()
		time.Sleep(20 * time.Millisecond) // the file system's clock
		rep, err := gc.Run(t.Context(), d.Store, gc.Options{Now: at, Grace: -1, Trash: trash})
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	whole := func(ref object.BlobRef) error {
		b, err := d.OpenRef(t.Context(), ref, codec.Keys{})
		if err != nil {
			return err
		}
		return errors.Join(b.Copy(t.Context(), io.Discard), b.Close())
	}
	things := func() uint64 {
		t.Helper()
		in, err := gc.CountTrash(t.Context(), d.Store)
		if err != nil {
			t.Fatal(err)
		}
		return in.Things
	}
	if err := errors.Join(d.RemoveBlob(t.Context(), ref.CID), d.RemoveBlob(t.Context(), small.CID)); err != nil {
		t.Fatal(err)
	}
	rep := collect(now, time.Hour)
	if n := things(); !rep.Trashed || n != rep.Nodes+rep.Chunks || n < 6 {
		t.Fatalf("%d in the trash: %+v", n, rep)
	}
	if err := whole(ref); err == nil {
		t.Fatal("nothing was taken away")
	}
	if err := gc.RestoreTrash(t.Context(), d.Store); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(whole(ref), whole(small)); err != nil || things() != 0 {
		t.Fatalf("brought back: %v, %d left", err, things())
	}
	collect(now, time.Hour)
	collect(now.Add(59*time.Minute), time.Hour)
	if things() == 0 {
		t.Error("emptied too early")
	}
	collect(now.Add(61*time.Minute), time.Hour)
	if n := things(); n != 0 {
		t.Errorf("%d are still there", n)
	}
}
