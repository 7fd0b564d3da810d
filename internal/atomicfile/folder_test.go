package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "new", "folder")
	for _, good := range []bool{false, true} {
		f, err := NewFolder(name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := f.Create("a", false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("text")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is there before it is whole: %v", err)
		}
		if !good {
			err = f.Abort()
		} else {
			err = f.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
		if list, err := os.ReadDir(filepath.Dir(name)); err != nil || len(list) != map[bool]int{true: 1}[good] {
			t.Errorf("%v is left: %v", list, err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(name, "a")); err != nil || string(data) != "text" {
		t.Errorf("%q: %v", data, err)
	}
	if _, err := NewFolder(name); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder is replaced: %v", err)
	}
}
