package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mythos-project/mythos/store"
)

// FuzzJournal: a journal's file holds records that were written, or is refused as damaged; no input panics.
func FuzzJournal(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, Names[0])
	j := &File{path: path}
	if err := j.Begin(3); err != nil {
		f.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		record := AppendPut(NewRecord(64), key, []byte("value of "+key))
		if err := errors.Join(j.Reserve(len(record), true), j.Append(record)); err != nil {
			f.Fatal(err)
		}
	}
	want := Expected{3, j.Tag, j.End, 3}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	whole := data[:j.End+64]
	if err := j.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(whole, uint64(3))
	f.Add(whole[:j.End-3], uint64(3))
	f.Add(whole, uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, generation uint64) {
		path := filepath.Join(t.TempDir(), Names[1])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		expected := want
		expected.Generation = generation % 4
		puts := map[string]string{}
		j, err := Open(path, os.O_RDONLY, expected, func(content []byte) error {
			return EachPut(content, func(key string, value []byte) { puts[key] = string(value) })
		})
		if err != nil {
			if !errors.Is(err, store.ErrDamaged) {
				t.Fatalf("%v does not name damage", err)
			}
			return
		}
		defer j.Close()
		if expected.Generation == want.Generation && (puts["a"] != "value of a" || puts["b"] != "value of b") {
			t.Fatalf("acknowledged puts are missing: %q", puts)
		}
	})
}
