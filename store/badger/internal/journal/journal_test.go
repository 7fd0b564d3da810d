package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mythos-project/mythos/store"
)

// written is a closed journal of generation 1 with these records.
func written(t *testing.T, contents [][]byte) *File {
	t.Helper()
	j := &File{path: filepath.Join(t.TempDir(), Names[0])}
	if err := j.Begin(1); err != nil {
		t.Fatal(err)
	}
	for _, content := range contents {
		record := append(NewRecord(int64(len(content))), content...)
		if err := errors.Join(j.Reserve(len(record), false), j.Append(record)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return j
}

// TestPages reads records that cross the borders of pages. The content given to replay stays unchanged.
func TestPages(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var contents [][]byte
	for _, size := range []int{1, pageSize - HeaderSize - 2*recordHead - 2, 300 << 10, MaxRecord, 7, pageSize, 5} {
		contents = append(contents, bytes.Repeat([]byte{byte(1 + rng.IntN(255))}, size))
	}
	j := written(t, contents)
	want := Expected{1, j.Tag, j.End, 1}
	open := func() (got [][]byte, err error) {
		again, err := Open(j.path, os.O_RDONLY, want, func(content []byte) error {
			got = append(got, content)
			return nil
		})
		if err == nil {
			err = again.Close()
		}
		return got, err
	}
	got, err := open()
	if err != nil || len(got) != len(contents) {
		t.Fatalf("%d records of %d: %v", len(got), len(contents), err)
	}
	for i := range got {
		if !bytes.Equal(got[i], contents[i]) {
			t.Errorf("record %d is another one", i)
		}
	}
	f, err := os.OpenFile(j.path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{0}, j.End-recordHead-10); err != nil { // in the record of a page
		t.Fatal(err)
	}
	want.End = 0 // as if nothing had been acknowledged: only the last record shows that something was
	if got, err := open(); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("%d records, and the one before the last is damaged: %v", len(got), err)
	}
}

// TestSize: a file larger than a journal can become is refused, and no journal grows so large.
func TestSize(t *testing.T) {
	j := written(t, nil)
	if err := os.Truncate(j.path, maxSize+1); err != nil {
		t.Fatal(err)
	}
	for generation := range uint64(2) {
		_, err := Open(j.path, os.O_RDONLY, Expected{Generation: generation, Tag: j.Tag, Newest: 1}, func([]byte) error { return errors.New("a record") })
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("generation %d: %v", generation, err)
		}
	}
	if err := os.Truncate(j.path, firstSize); err != nil {
		t.Fatal(err)
	}
	again, err := Open(j.path, os.O_RDWR, Expected{Generation: 1, Tag: j.Tag, Newest: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	again.End = maxSize - 100
	if err := again.Reserve(101, true); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if info, err := os.Stat(j.path); err != nil || info.Size() != firstSize {
		t.Error(fmt.Sprint("it has grown: ", info), err)
	}
}
