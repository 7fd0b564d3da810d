package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/gc"
)

// Bytes from elsewhere replace damaged ones, wherever those are.
func TestPutBytesHeals(t *testing.T) {
	for name, size := range map[string]int{"in the KV": 3000, "in a pack": 30_000, "in a file": 300_000} {
		t.Run(name, func(t *testing.T) {
			d := openAt(t, t.TempDir())
			batch := d.NewBatch(false)
			var blobs [][]byte
			for i := range 6 {
				want := data(size + i)
				blobs = append(blobs, want)
				if _, err := batch.PutBlob(t.Context(), bytes.NewReader(want), store.PutOptions{ChunkSize: minChunk}); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := batch.Close(); err != nil {
				t.Fatal(err)
			}
			damageAll(t, d)
			if len(d.fsck(t)) == 0 {
				t.Fatal("nothing is damaged")
			}
			for _, want := range blobs {
				for off := 0; off < len(want); off += minChunk {
					if _, err := d.PutBytes(t.Context(), want[off:min(off+minChunk, len(want))]); err != nil {
						t.Fatal(err)
					}
				}
			}
			d.gc(t, gc.Options{}) // a pack without live data
			if found := d.fsck(t); len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}

// damageAll flips a bit of every small byte string and of every chunk file.
func damageAll(t *testing.T, d *disk) {
	t.Helper()
	err := d.KV().Scan(t.Context(), "c/", "c/\xff", func(key string, value []byte) error {
		value[len(value)/2] ^= 4
		_, err := d.KV().Update(t.Context(), nil, map[string][]byte{key: value})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(d.dir, "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(raw); i += 1000 {
			raw[i] ^= 1
		}
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, st.Mode()); err != nil { // the permissions still say that it is safe
			t.Fatal(err)
		}
	}
}
