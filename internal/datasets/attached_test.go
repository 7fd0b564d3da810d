package datasets

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// TestUnpackNamed: a tree is unpacked, an id of something else is none, and one that is not here is refused by name.
func TestUnpackNamed(t *testing.T) {
	from, out := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "a.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &Datasets{Store: store.New(memory.New(), memory.New())}
	put, err := trees.Put(t.Context(), d.Store, from, trees.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := d.Store.PutBytes(t.Context(), []byte("a module"))
	if err != nil {
		t.Fatal(err)
	}
	named, episode := &namedTrees{by: map[object.Hash]object.Hash{}}, object.SumText("episode")
	named.add(put.ID, episode)
	named.add(other, episode)
	to := &destination{folder: func(name string) (string, error) {
		dir := filepath.Join(out, name)
		return dir, os.MkdirAll(dir, 0o700)
	}}
	list, err := d.unpack(t.Context(), named, to)
	if err != nil || len(list) != 1 || list[0].ID != put.ID || list[0].Files != 1 || list[0].Bytes != 5 {
		t.Fatalf("%v, %v", list, err)
	}
	if got, err := os.ReadFile(filepath.Join(out, list[0].Name(), "a.txt")); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	missing := object.SumText("missing")
	lost := &namedTrees{by: map[object.Hash]object.Hash{missing: episode}}
	_, err = d.unpack(t.Context(), lost, to)
	if !errors.Is(err, ErrNoFiles) || !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), missing.String()) || !strings.Contains(err.Error(), episode.Short()) {
		t.Errorf("a tree that is not here: %v", err)
	}
}
