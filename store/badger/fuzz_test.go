package badger

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

// FuzzJournal: what a journal's file holds is records that were written, or is refused as
// damaged; nothing of it panics.
func FuzzJournal(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, journalNames[0])
	j := &journal{path: path}
	if err := j.begin(3); err != nil {
		f.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		record := appendPut(newRecord(64), key, []byte("value of "+key))
		if err := errors.Join(j.reserve(len(record), true), j.append(record)); err != nil {
			f.Fatal(err)
		}
	}
	want := expectation{3, j.tag, j.end, 3}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	whole := data[:j.end+64]
	if err := j.close(); err != nil {
		f.Fatal(err)
	}
	f.Add(whole, uint64(3))
	f.Add(whole[:j.end-3], uint64(3))
	f.Add(whole, uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, generation uint64) {
		path := filepath.Join(t.TempDir(), journalNames[1])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		expected := want
		expected.generation = generation % 4
		puts := map[string]string{}
		j, err := openJournal(path, os.O_RDONLY, expected, func(content []byte) error {
			return eachPut(content, func(key string, value []byte) { puts[key] = string(value) })
		})
		if err != nil {
			if !errors.Is(err, store.ErrDamaged) {
				t.Fatalf("%v is no damage", err)
			}
			return
		}
		defer j.close()
		if expected.generation == want.generation && (puts["a"] != "value of a" || puts["b"] != "value of b") {
			t.Fatalf("acknowledged puts are missing: %q", puts)
		}
	})
}

// FuzzSeal: a seal that is read and written again is the same; no bytes panic.
func FuzzSeal(f *testing.F) {
	s := seal{clean: true, epoch: 2, begun: 7, files: []dbFile{{manifestName, 12, 3}, {"000001.sst", 99, 4}}}
	f.Add(s.append(nil))
	f.Add((&seal{}).append(nil))
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
	s, err := makeSeal(dir)
	if err != nil {
		f.Fatal(err)
	}
	if err := s.close(); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, sealName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte("x"), 0)
	f.Add(sealSlots+9, []byte{9}, 0)
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
		if err := os.WriteFile(filepath.Join(dir, sealName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readSeal(dir, os.O_RDONLY)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			t.Fatal(err)
		case err == nil:
			if got.id != s.id || got.number != s.number {
				t.Fatal("another seal is believed")
			}
			_ = got.close()
		case !errors.Is(err, store.ErrDamaged):
			t.Fatal(err)
		}
	})
}
