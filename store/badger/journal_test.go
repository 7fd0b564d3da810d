package badger_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
	"github.com/mythos-project/mythos/store/kv"
)

// longest keeps a session open until Close.
var longest = badger.Options{Idle: time.Hour, Hold: time.Hour}

func closeDB(t testing.TB, db *badger.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// all returns the result of a scan over everything.
func all(t testing.TB, db *badger.DB, from, to string) map[string]string {
	t.Helper()
	got, last := map[string]string{}, ""
	err := db.Scan(t.Context(), from, to, func(key string, value []byte) error {
		if key <= last {
			t.Fatalf("%q comes after %q", key, last)
		}
		got[key], last = string(value), key
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestModel compares random updates, reads and scans with a map, over many sessions, while layers are moved all the
// time.
func TestModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dir, want := t.TempDir(), map[string]string{}
	for session := range 12 {
		o := longest
		o.Layer = 1 << (8 + session) // from every few updates to never
		db := openDir(t, dir, o)
		for range 150 {
			put := map[string][]byte{}
			for range 1 + rng.IntN(8) {
				key := fmt.Sprintf("k/%03d", rng.IntN(300))
				switch rng.IntN(4) {
				case 0:
					put[key] = nil
				case 1:
					put[key] = []byte{}
				default:
					put[key] = fmt.Append(nil, session, rng.IntN(1000))
				}
			}
			if rng.IntN(40) == 0 { // goes directly to Badger
				put["k/large"] = bytes.Repeat([]byte{byte(session)}, 1<<20)
			}
			if ok, err := db.Update(t.Context(), nil, put); err != nil || !ok {
				t.Fatal(ok, err)
			}
			for key, value := range put {
				if want[key] = string(value); value == nil {
					delete(want, key)
				}
			}
			key := fmt.Sprintf("k/%03d", rng.IntN(300))
			value, found, err := db.Get(t.Context(), key)
			if have, in := want[key]; err != nil || found != in || string(value) != have {
				t.Fatalf("%s is %q %v, expected %q: %v", key, value, found, have, err)
			}
			from, to := fmt.Sprintf("k/%03d", rng.IntN(300)), fmt.Sprintf("k/%03d", rng.IntN(300))
			part := maps.Clone(want)
			maps.DeleteFunc(part, func(key, _ string) bool { return key < from || key >= to })
			if got := all(t, db, from, to); !maps.Equal(got, part) {
				t.Fatalf("[%s, %s) has %d keys, expected %d", from, to, len(got), len(part))
			}
		}
		if got := all(t, db, "k", "l"); !maps.Equal(got, want) {
			t.Fatalf("session %d: %d keys, expected %d", session, len(got), len(want))
		}
		closeDB(t, db)
	}
}

// TestScanOverManyLayers: a scan of several pages whose keys alternate between Badger and the journal.
func TestScanOverManyLayers(t *testing.T) {
	dir := t.TempDir()
	for half := range 2 {
		o := longest
		o.Layer = int64(1 + half*(1<<20)) // the first half is moved
		db := openDir(t, dir, o)
		put := map[string][]byte{}
		for i := half; i < 3000; i += 2 {
			put[fmt.Sprintf("k/%04d", i)] = fmt.Append(nil, i)
		}
		if half == 1 {
			for i := 0; i < 3000; i += 6 {
				put[fmt.Sprintf("k/%04d", i)] = nil
			}
		}
		if ok, err := db.Update(t.Context(), nil, put); err != nil || !ok {
			t.Fatal(ok, err)
		}
		if half == 1 {
			got := slices.Sorted(maps.Keys(all(t, db, "k/", "k/9")))
			if len(got) != 2500 || got[0] != "k/0001" || got[2499] != "k/2999" {
				t.Fatalf("%d keys from %s to %s", len(got), got[0], got[len(got)-1])
			}
		}
		closeDB(t, db)
	}
}

// journal is the content and the path of the journal with records.
func journal(t *testing.T, dir string) (string, []byte) {
	t.Helper()
	for _, name := range []string{"journal.0", "journal.1"} {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err == nil && len(data) > 80 && bytes.Equal(data[16:24], data[72:80]) { // the tag
			return path, data
		}
	}
	t.Fatal("no journal has a record")
	return "", nil
}

// short leaves updates in the journal: one session makes the database; the next one writes so little that nothing is
// moved.
func short(t *testing.T, keys ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	closeAfter := func(keys ...string) {
		db := openDir(t, dir, badger.Options{})
		for _, key := range keys {
			set(t, db, key, "x")
		}
		closeDB(t, db)
	}
	closeAfter("first")
	closeAfter(keys...)
	return dir
}

// TestTornTail cuts a journal's last record short at every byte, as a crash in the middle of a write does, before the
// seal's note has the record: earlier records are there, and the remains do not affect the next record. If the note
// says that the record was acknowledged, its loss is reported.
func TestTornTail(t *testing.T) {
	dir := short(t, "a", "b")
	seal := filepath.Join(dir, "seal")
	before, err := os.ReadFile(seal)
	if err != nil {
		t.Fatal(err)
	}
	third := openDir(t, dir, badger.Options{})
	set(t, third, "c", "x")
	closeDB(t, third)
	after, err := os.ReadFile(seal)
	if err != nil {
		t.Fatal(err)
	}
	tearTail(t, dir, func(acknowledged bool) {
		note := before
		if acknowledged {
			note = after
		}
		if err := os.WriteFile(seal, note, 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

func tearTail(t *testing.T, dir string, rewind func(acknowledged bool)) {
	path, whole := journal(t, dir)
	end := len(bytes.TrimRight(whole, "\x00"))
	third := bytes.LastIndex(whole[:end], whole[16:24]) - 8
	for cut := third; cut < end; cut += 1 + (end-third)/16 {
		torn := append(bytes.Clone(whole[:cut]), make([]byte, len(whole)-cut)...)
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		rewind(true)
		db := openDir(t, dir, badger.Options{})
		if _, _, err := db.Get(t.Context(), "b"); !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("cut at %d, and nobody noticed: %v", cut, err)
		}
		closeDB(t, db)
		rewind(false)
		db = openDir(t, dir, badger.Options{})
		has(t, db, "b", "x")
		if _, found, err := db.Get(t.Context(), "c"); err != nil || found {
			t.Fatalf("cut at %d: %v %v", cut, found, err)
		}
		set(t, db, "d", "y")
		closeDB(t, db)
		db = openDir(t, dir, badger.Options{})
		has(t, db, "a", "x")
		has(t, db, "d", "y")
		closeDB(t, db)
	}
}

// TestDamagedJournal flips bits of the header and of a record that others follow: no acknowledged record is lost
// silently.
func TestDamagedJournal(t *testing.T) {
	dir := short(t, "a", "b", "c")
	path, whole := journal(t, dir)
	for _, at := range []int{0, 9, 17, 25, 64, 69, 73, 84, 90} {
		bad := bytes.Clone(whole)
		bad[at] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		db := openDir(t, dir, badger.Options{})
		if _, _, err := db.Get(t.Context(), "a"); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("byte %d: %v", at, err)
		}
		closeDB(t, db)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, openDir(t, dir, badger.Options{}), "c", "x")
}

// TestShortSessions: commands that write little leave only a journal behind, which does not grow without bound.
func TestShortSessions(t *testing.T) {
	dir := short(t)
	tables := func() []string {
		list, err := filepath.Glob(filepath.Join(dir, "*.sst"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	before := tables()
	for i := range 20 {
		db := openDir(t, dir, badger.Options{})
		set(t, db, fmt.Sprint("k", i), "x")
		closeDB(t, db)
	}
	if after := tables(); !slices.Equal(before, after) {
		t.Errorf("tables before: %v, after 20 small updates: %v", before, after)
	}
	for i := range 5 {
		db := openDir(t, dir, badger.Options{})
		set(t, db, fmt.Sprint("l", i), string(make([]byte, 200<<10)))
		closeDB(t, db)
	}
	for _, name := range []string{"journal.0", "journal.1"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Size() > 1<<20 {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
	db := openDir(t, dir, badger.Options{})
	for i := range 20 {
		has(t, db, fmt.Sprint("k", i), "x")
	}
}

// TestCuts: what a crash can leave behind the last complete record is reported with its place, and the next update
// overwrites it. Anything else is damage: a head after an incomplete record, because each record is durable before the
// next one is begun.
func TestCuts(t *testing.T) {
	dir := short(t, "a")
	seal := filepath.Join(dir, "seal")
	before, err := os.ReadFile(seal)
	if err != nil {
		t.Fatal(err)
	}
	later := openDir(t, dir, badger.Options{})
	set(t, later, "b", string(bytes.Repeat([]byte("b"), 300)))
	set(t, later, "c", "x")
	closeDB(t, later)
	path, whole := journal(t, dir)
	end := len(bytes.TrimRight(whole, "\x00"))
	tag := whole[16:24]
	last := bytes.LastIndex(whole[:end], tag) - 8
	middle := bytes.LastIndex(whole[:last], tag) - 8
	cuts := func(edit func(b []byte) []byte) ([]kv.Cut, error) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, edit(bytes.Clone(whole)), 0o600), os.WriteFile(seal, before, 0o600)); err != nil {
			t.Fatal(err)
		}
		db := openDir(t, dir, badger.Options{})
		defer closeDB(t, db)
		return db.Cuts(t.Context())
	}
	harmless := map[string]struct {
		at   int
		edit func(b []byte) []byte
	}{
		"whole":                          {0, func(b []byte) []byte { return b }},
		"prolonged":                      {0, func(b []byte) []byte { return append(b, bytes.Repeat([]byte{0x55}, 5000)...) }},
		"the last, without its end":      {last, func(b []byte) []byte { clear(b[end-1:]); return b }},
		"the last, with the file cut":    {last, func(b []byte) []byte { return b[:end-1] }},
		"the last, with a bit flipped":   {last, func(b []byte) []byte { b[end-1] ^= 1; return b }},
		"the last, without its head":     {0, func(b []byte) []byte { clear(b[last : last+16]); return b }},
		"the one before, and none after": {middle, func(b []byte) []byte { clear(b[middle+100:]); return b }},
	}
	for name, c := range harmless {
		got, err := cuts(c.edit)
		if err != nil || (c.at > 0) != (len(got) == 1) {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		if c.at > 0 && (got[0].At != int64(c.at) || got[0].File != filepath.Base(path)) {
			t.Errorf("%s: %+v, not at byte %d of %s", name, got[0], c.at, path)
		}
	}
	damage := map[string]func(b []byte) []byte{
		"the one before, and the last is whole": func(b []byte) []byte { b[middle+100] ^= 1; return b },
		"both":                                  func(b []byte) []byte { b[middle+100] ^= 1; b[end-1] ^= 1; return b },
		"both, with the file cut":               func(b []byte) []byte { b[middle+100] ^= 1; return b[:end-1] },
	}
	for name, edit := range damage {
		if got, err := cuts(edit); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// The next update takes its place.
	if got, err := cuts(harmless["the last, without its end"].edit); err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	db := openDir(t, dir, badger.Options{})
	set(t, db, "d", "y")
	closeDB(t, db)
	db = openDir(t, dir, badger.Options{})
	if got, err := db.Cuts(t.Context()); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	has(t, db, "d", "y")
	closeDB(t, db)
}
