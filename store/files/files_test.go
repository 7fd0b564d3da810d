package files_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/files"
	"github.com/mythos-project/mythos/store/storetest"
)

func open(t testing.TB) store.Chunks {
	d, err := files.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestContract(t *testing.T) { storetest.Chunks(t, open) }

func BenchmarkChunks(b *testing.B) { storetest.BenchmarkChunks(b, open) }

var (
	data = bytes.Repeat([]byte("a chunk of some size"), 10_000)
	hash = object.Sum(data)
)

func put(t *testing.T, d *files.Dir, durable bool) {
	t.Helper()
	p, err := d.Begin(t.Context(), durable)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.PutChunk(t.Context(), hash, data), p.Sync(t.Context()), p.Close()); err != nil {
		t.Fatal(err)
	}
}

// A durable put must not rely on a chunk that is incomplete or that a crash may have emptied.
func TestDurablePutRewritesWhatIsNotSafe(t *testing.T) {
	root := t.TempDir()
	name := filepath.Join(root, hash.String()[:2], hash.String())
	d, err := files.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	put(t, d, false)
	if err := os.WriteFile(name, make([]byte, len(data)), 0o600); err != nil { // what a crash may leave
		t.Fatal(err)
	}
	put(t, d, true)
	if got, err := d.Chunk(t.Context(), hash); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("the chunk is not whole: %v", err)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != atomicfile.Durable {
		t.Fatalf("%v %v", st.Mode(), err)
	}
	if err := os.Chmod(name, atomicfile.Synced); err != nil { // the crash came before the folder's sync
		t.Fatal(err)
	}
	put(t, d, true)
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != atomicfile.Durable {
		t.Fatalf("%v %v", st.Mode(), err)
	}
	if err := os.Truncate(name, 100); err != nil {
		t.Fatal(err)
	}
	put(t, d, false)
	if got, err := d.Chunk(t.Context(), hash); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("a short chunk is not replaced: %v", err)
	}
}

func TestPutThatIsGivenUpLeavesNothingUnfinished(t *testing.T) {
	root := t.TempDir()
	d, err := files.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.PutChunk(t.Context(), hash, data), p.Close()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if have, err := d.HasChunk(t.Context(), hash); err != nil || have {
		t.Errorf("an unfinished chunk is visible: %v", err)
	}
}

// Remains of dead processes are removed, and chunks that a dead collection had moved aside are put back.
func TestSweepAfterCrashes(t *testing.T) {
	root := t.TempDir()
	d, err := files.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	put(t, d, true)
	tmp := filepath.Join(root, "tmp")
	name := filepath.Join(root, hash.String()[:2], hash.String())
	for _, dir := range []string{"put-1", "put-2", "sweep-1"} {
		if err := os.Mkdir(filepath.Join(tmp, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"put-1/lock", "put-1/1." + hash.String(), "sweep-1/lock"} {
		if err := os.WriteFile(filepath.Join(tmp, file), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(name, filepath.Join(tmp, "sweep-1", hash.String())); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Chunk(t.Context(), hash); err != nil || !bytes.Equal(got, data) {
		t.Errorf("a chunk that a dead collection had taken aside: %v", err)
	}
	if err := os.Rename(name, filepath.Join(tmp, "sweep-1", hash.String())); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	s, err := d.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if have, err := d.HasChunk(t.Context(), hash); err != nil || !have {
		t.Errorf("the chunk was not put back: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
