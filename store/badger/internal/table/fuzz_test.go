package table

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mythos-project/mythos/store"
)

// FuzzTable: if bytes of a table change, the damage is reported or the blocks are unchanged.
func FuzzTable(f *testing.F) {
	f.Add([]byte("no table at all, but some bytes of it: long enough to have a footer, and to be mapped"))
	f.Add([]byte{})
	f.Add(append(make([]byte, 64), 0, 0, 0, 9, 1, 2, 3, 4, 0, 0, 0, 4))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, Name(1)), data, 0o600); err != nil {
			t.Fatal(err)
		}
		table, err := open(dir, Name(1))
		if err != nil {
			return
		}
		defer table.close()
		if err := table.all(); err != nil && !errors.Is(err, store.ErrDamaged) {
			t.Fatal(err)
		}
	})
}
