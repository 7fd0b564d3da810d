package badger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger"
)

// rounds is how often TestDamage tries each harm on each file, at a new place each time: ATTACK_ROUNDS. Without it each
// harm is tried on every third file.
func rounds() (n int, short bool) {
	n, err := strconv.Atoi(os.Getenv("ATTACK_ROUNDS"))
	if err != nil {
		return 1, true
	}
	return n, false
}

// filled makes a database of several tables, a value log and a journal. With live it is left as by a process that was
// killed while it had Badger open for writing.
func filled(t *testing.T, live bool) (dir string, want map[string]string) {
	t.Helper()
	dir, want = t.TempDir(), map[string]string{}
	put := func(db *badger.DB, key, value string) {
		set(t, db, key, value)
		want[key] = value
	}
	for session := range 3 {
		db := openDir(t, dir, longest)
		for i := range 120 {
			put(db, fmt.Sprintf("k/%03d", (i*7+session)%300), fmt.Sprint(session, strings.Repeat("v", 900), i))
		}
		put(db, "large", strings.Repeat(fmt.Sprint(session), 1<<20))
		closeDB(t, db)
	}
	db := openDir(t, dir, longest)
	put(db, "k/last", "in the journal")
	if live {
		put(db, "large", strings.Repeat("x", 1<<20)) // opens Badger for writing
		put(db, "k/after", "in the journal")
		copied := t.TempDir()
		copyFolder(t, dir, copied)
		dir = copied
	}
	closeDB(t, db)
	return dir, want
}

// copyFolder copies files and keeps their holes: Badger's logs are mostly holes.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	list, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if err := badger.CopySparse(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// harms are ways to damage a file. Each gets the file's size and the end of its data.
var harms = []struct {
	name string
	do   func(f *os.File, rng *rand.Rand, size, end int64) error
}{
	{"flip", func(f *os.File, rng *rand.Rand, _, end int64) error { return flip(f, rng.Int64N(end), rng) }},
	{"flip the end of", func(f *os.File, rng *rand.Rand, _, end int64) error {
		return flip(f, end-1-rng.Int64N(min(end, 200)), rng)
	}},
	{"empty", func(f *os.File, _ *rand.Rand, _, _ int64) error { return f.Truncate(0) }},
	{"cut", func(f *os.File, rng *rand.Rand, size, _ int64) error { return f.Truncate(rng.Int64N(size)) }},
	{"cut the end of", func(f *os.File, rng *rand.Rand, _, end int64) error {
		return f.Truncate(end - 1 - rng.Int64N(min(end, 64)))
	}},
	{"prolong", func(f *os.File, rng *rand.Rand, size, _ int64) error {
		_, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 1+rng.IntN(64)), size)
		return err
	}},
	{"zero a part of", func(f *os.File, rng *rand.Rand, size, end int64) error {
		from := rng.Int64N(end)
		_, err := f.WriteAt(make([]byte, min(4096, size-from)), from)
		return err
	}},
	{"remove", func(f *os.File, _ *rand.Rand, _, _ int64) error { return os.Remove(f.Name()) }},
	{"exchange", nil},
}

func flip(f *os.File, at int64, rng *rand.Rand) error {
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	b[0] ^= 1 << rng.IntN(8)
	_, err := f.WriteAt(b, at)
	return err
}

// harm damages one file of the folder in one way and describes the damage. ends are the ends of the files' data.
func harm(t *testing.T, rng *rand.Rand, dir, other, name string, end int64, i int) string {
	t.Helper()
	h := harms[i%len(harms)]
	path := filepath.Join(dir, name)
	if h.do == nil {
		if err := badger.CopySparse(filepath.Join(other, name), path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return h.name + " " + name
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err == nil && end > 0 {
		err = h.do(f, rng, info.Size(), end)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return h.name + " " + name
}

// dataEnd is the end of a file's data.
func dataEnd(t *testing.T, path string) int64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return int64(len(bytes.TrimRight(data, "\x00")))
}

// TestDamage damages every file of a database in many ways. Each damage is reported as such or changes nothing that is
// read, and writing afterwards loses nothing more.
func TestDamage(t *testing.T) {
	for _, live := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed=%v", live), func(t *testing.T) {
			whole, want := filled(t, live)
			other, _ := filled(t, live)
			list, err := os.ReadDir(whole)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			ends := map[string]int64{}
			for _, e := range list {
				if !strings.HasSuffix(e.Name(), ".lock") {
					names, ends[e.Name()] = append(names, e.Name()), dataEnd(t, filepath.Join(whole, e.Name()))
				}
			}
			rng := rand.New(rand.NewPCG(3, 4))
			n, short := rounds()
			for i := range n * len(harms) * len(names) {
				if short && (i+i/len(harms))%3 != 0 {
					continue
				}
				dir := t.TempDir()
				copyFolder(t, whole, dir)
				name := names[i/len(harms)%len(names)]
				what := harm(t, rng, dir, other, name, ends[name], i)
				if err := intact(dir, want); err != nil && !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%s: %v", what, err)
				}
				os.RemoveAll(dir) //nolint:errcheck // the test's folder goes anyway
			}
		})
	}
}

// intact reads and writes a damaged folder. It returns the first error, or describes a difference that no error
// reported.
func intact(dir string, want map[string]string) (err error) {
	for range 2 { // the second session sees what the first one left
		db, err := badger.Open(dir, badger.Options{Existing: true})
		if err != nil {
			return err
		}
		err = errors.Join(compare(db, want), db.Close())
		if err != nil {
			return err
		}
	}
	return nil
}

func compare(db *badger.DB, want map[string]string) error {
	ctx := context.Background()
	if err := db.Verify(ctx); err != nil {
		return err
	}
	got := map[string]string{}
	err := db.Scan(ctx, "\x01", "\xff", func(key string, value []byte) error {
		got[key] = string(value)
		return nil
	})
	if err != nil {
		return err
	}
	if !maps.Equal(got, want) {
		lost := slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(key string) bool { return got[key] == want[key] })
		return fmt.Errorf("nobody noticed that %d of %d records are lost or changed: %.60s", len(lost), len(want), lost)
	}
	for key, value := range want {
		if got, found, err := db.Get(ctx, key); err != nil || !found || string(got) != value {
			return errors.Join(err, fmt.Errorf("%s: %v", key, found))
		}
	}
	_, err = db.Update(ctx, nil, map[string][]byte{"k/last": []byte(want["k/last"])})
	return err
}

// TestDamageIsNamedByEveryRead: one damaged block of a table is an error for a Get that needs it, a Scan over it, and a
// merge of tables, and for nothing else.
func TestDamageIsNamedByEveryRead(t *testing.T) {
	dir, _ := filled(t, false)
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	for _, path := range tables {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			_, err = f.WriteAt(make([]byte, 4096), 0)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	db := openDir(t, dir, badger.Options{})
	if _, _, err := db.Get(t.Context(), "k/000"); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), ".sst") {
		t.Errorf("get: %v", err)
	}
	if _, _, err := db.Get(t.Context(), "k/299"); err != nil {
		t.Errorf("a record elsewhere: %v", err)
	}
	seen := 0
	if err := db.Scan(t.Context(), "k/", "k/\xff", func(string, []byte) error { seen++; return nil }); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("scan: %v after %d records", err, seen)
	}
	if err := db.Reclaim(t.Context()); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("reclaim: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.sst")); len(left) < len(tables) {
		t.Errorf("%d tables of %d are left", len(left), len(tables))
	}
}

// TestMoments: a folder whose files are from two points in time is refused, also if older files were unpacked over
// newer ones.
func TestMoments(t *testing.T) {
	dir, _ := filled(t, false)
	old := t.TempDir()
	copyFolder(t, dir, old)
	db := openDir(t, dir, longest)
	set(t, db, "k/new", "1")
	set(t, db, "large", strings.Repeat("n", 1<<20))
	closeDB(t, db)
	for _, part := range [][]string{{"*"}, {"*.sst", "MANIFEST"}, {"journal.*"}, {"seal"}, {"seal", "journal.*"}} {
		mixed := t.TempDir()
		copyFolder(t, dir, mixed)
		for _, pattern := range part {
			files, err := filepath.Glob(filepath.Join(old, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				data, err := os.ReadFile(f)
				if err == nil {
					err = os.WriteFile(filepath.Join(mixed, filepath.Base(f)), data, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		db := openDir(t, mixed, badger.Options{})
		if value, _, err := db.Get(t.Context(), "k/new"); !errors.Is(err, store.ErrDamaged) && string(value) != "1" {
			t.Errorf("%v of an older moment: %q %v", part, value, err)
		}
	}
}

// TestCutBeginning: if making a database was interrupted, it is made again. But journals with content, or a folder that
// was made before, are damage.
func TestCutBeginning(t *testing.T) {
	begun := func(journals ...[]byte) string {
		dir := t.TempDir()
		for i, data := range journals {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("journal.%d", i)), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	whole, cut := make([]byte, 512<<10), make([]byte, 100)
	for _, dir := range []string{begun(nil), begun(cut), begun(whole), begun(whole, nil), begun(whole, cut), begun(whole, whole)} {
		db := openDir(t, dir, badger.Options{})
		set(t, db, "a", "b")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		has(t, openDir(t, dir, badger.Options{Existing: true}), "a", "b")
	}
	for _, dir := range []string{begun(append(whole[:100:100], 1)), begun(whole, []byte{7})} {
		if _, _, err := openDir(t, dir, badger.Options{}).Get(t.Context(), "a"); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("journals with something in them are taken for new: %v", err)
		}
	}
	if _, _, err := openDir(t, begun(whole, whole), badger.Options{Existing: true}).Get(t.Context(), "a"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("one that was made before is taken for new: %v", err)
	}
}

// TestGone: a folder that was made before and is now empty or missing is not a new one, and neither is a folder with
// another database.
func TestGone(t *testing.T) {
	empty := t.TempDir()
	db := openDir(t, empty, badger.Options{Existing: true})
	if _, _, err := db.Get(t.Context(), "a"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("empty: %v", err)
	}
	if _, err := badger.Open(filepath.Join(empty, "none"), badger.Options{Existing: true}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("missing: %v", err)
	}
	db = openDir(t, t.TempDir(), badger.Options{ID: [16]byte{1}})
	if _, _, err := db.Get(t.Context(), "a"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("another one: %v", err)
	}
}
