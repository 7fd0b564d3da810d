package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/mythos-project/mythos/store"
)

// FuzzSeal: reading a seal and writing it again gives the same seal; no input panics.
func FuzzSeal(f *testing.F) {
	s := State{Clean: true, Epoch: 2, Begun: 7, Files: []Listed{{Manifest, 12, 3}, {"000001.sst", 99, 4}}}
	f.Add(s.append(nil))
	f.Add((&State{}).append(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		number, state, ok := parseSlot(append(encodeSlot(5, body), 0, 0))
		if !ok {
			return
		}
		again, whole := parseState(state.append(nil))
		if number != 5 || !whole || !reflect.DeepEqual(state, again) {
			t.Fatalf("%+v became %+v", state, again)
		}
	})
}

// FuzzSealFile: a file with other bytes than a seal's is refused as damaged.
func FuzzSealFile(f *testing.F) {
	dir := f.TempDir()
	s, err := Make(dir)
	if err != nil {
		f.Fatal(err)
	}
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, Name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte("x"), 0)
	f.Add(slots+9, []byte{9}, 0)
	f.Add(10, []byte{1}, 100)
	f.Fuzz(func(t *testing.T, at int, patch []byte, cut int) {
		data := bytes.Clone(whole)
		if at >= 0 && at < len(data) {
			copy(data[at:], patch)
		}
		if cut > 0 && cut < len(data) {
			data = data[:len(data)-cut]
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, Name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(dir, os.O_RDONLY)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			t.Fatal(err)
		case err == nil:
			if got.ID != s.ID || got.number != s.number {
				t.Fatal("another seal is believed")
			}
			_ = got.Close()
		case !errors.Is(err, store.ErrDamaged):
			t.Fatal(err)
		}
	})
}
