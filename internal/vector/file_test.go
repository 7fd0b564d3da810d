package vector

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func keysOf(n int) (keys []byte) {
	for i := range n {
		keys = fmt.Appendf(keys, "%08d", i)
	}
	return keys
}

// TestFile: an index that is read again finds what the written one finds.
func TestFile(t *testing.T) {
	for name, x := range map[string]*Index{
		"none":  build(t, [][]float32{{1}}, 0),
		"exact": build(t, draw(33, 100, 5), 0),
		"coded": build(t, draw(33, 300, 5), 10),
		"long":  build(t, draw(300, 300, 5), 10),
	} {
		file := filepath.Join(t.TempDir(), "index")
		tag := bytes.Repeat([]byte{7}, 32)
		if err := Write(file, x, tag, keysOf(x.Len())); err != nil {
			t.Fatal(err)
		}
		f, err := Open(file, 8)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(f.Tag, tag) || !x.Same(f.Index) || !f.Same(x) || f.Recall() != x.Recall() || string(f.Key(f.Len()-1)) != string(keysOf(x.Len())[8*(x.Len()-1):]) {
			t.Errorf("%s: another index was read", name)
		}
		q := slices.Clone(f.Row(0)[:x.Dim()])
		near, err := f.Search(q, 5)
		want, err2 := x.Search(q, 5)
		if err != nil || err2 != nil || !slices.Equal(near, want) {
			t.Errorf("%s: %v, %v, %v, %v", name, near, want, err, err2)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := Open(file, 9); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s, keys of another size: %v", name, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "nothing"), 8); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(t.TempDir(), 8); err == nil {
		t.Error("a folder was read")
	}
}

// TestDamagedFile: a header with any byte changed and a file of another length are refused, or what is read can be
// searched.
func TestDamagedFile(t *testing.T) {
	x := build(t, draw(20, 40, 6), 10)
	file := filepath.Join(t.TempDir(), "index")
	if err := Write(file, x, nil, keysOf(40)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	try := func(data []byte) {
		f, err := read(data, 8)
		if err != nil {
			refused++
			return
		}
		if _, err := f.Search(make([]float32, f.Dim()), 3); err != nil {
			t.Error(err)
		}
		_ = f.Key(f.Len() - 1)
	}
	for at := range headerSize {
		for _, change := range []byte{1, 0x80, 0xff} {
			data := slices.Clone(whole)
			data[at] ^= change
			try(data)
		}
	}
	for n := 0; n < len(whole); n += 61 {
		before := refused
		if try(whole[:n]); refused == before {
			t.Errorf("%d of %d bytes were taken", n, len(whole))
		}
	}
	if refused < 100 {
		t.Errorf("only %d were refused", refused)
	}
}
