package pages

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

var (
	alice = &Author{Key: sign.FromSeed([32]byte{1}, "alice")}
	bob   = &Author{Key: sign.FromSeed([32]byte{2}, "bob"), Trusted: func(a object.AgentID) bool { return a.Same(alice.Key.Agent()) }}
)

// spread are n ids, ascending, that begin with the same byte.
func spread(first byte, n int) []object.Hash {
	ids := make([]object.Hash, n)
	for i := range ids {
		ids[i].Alg, ids[i].Sum[0] = object.SHA256, first
		binary.BigEndian.PutUint32(ids[i].Sum[1:], uint32(i)*uint32((1<<32-1)/n))
	}
	return ids
}

// read reads a column, and keeps under it what value gives where most was missing. It returns what was found.
func read(t *testing.T, p Pages, ids []object.Hash, column string, value func(at int) string) (found map[int]string, r *Reading) {
	t.Helper()
	found = map[int]string{}
	r, err := p.Read(context.Background(), ids, []string{column}, func(_, at int, parts []string) bool {
		found[at] = parts[0]
		return true
	})
	if err == nil && !r.Few() && value != nil {
		err = r.Keep(context.Background(), func(_, at int) ([]string, bool) { return []string{value(at)}, true })
	}
	if err != nil {
		t.Fatal(err)
	}
	return found, r
}

func numbered(prefix string) func(int) string {
	return func(at int) string { return fmt.Sprint(prefix, at) }
}

func keys(t *testing.T, db kv.KV, prefix string) (list []string) {
	t.Helper()
	err := kv.Scan(context.Background(), db, prefix, func(key string, _ []byte) error { list = append(list, key); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestGrow: pages that are full are given up for smaller ones, and a collection takes away
// what a process left that was ended meanwhile.
func TestGrow(t *testing.T) {
	ctx, db := context.Background(), memory.New()
	p := Episodes(db, alice)
	read(t, p, spread(0x10, 600), "5", numbered("a")) // as dense as 600 * 256
	l, err := p.layout(ctx)
	if err != nil || l.depth() < 2 {
		t.Fatalf("layout %v: %v", l, err)
	}
	first := keys(t, db, kv.EpisodePages)
	many := spread(0x10, 200_000)
	for at := 0; at < len(many); at += 2000 {
		read(t, p, many[at:at+2000], "5", numbered("b"))
	}
	grown, err := p.layout(ctx)
	if err != nil || grown.depth() <= l.depth() {
		t.Fatalf("layout %v after %v: %v", grown, l, err)
	}
	if found, _ := read(t, p, many[190_000:191_000], "5", nil); len(found) != 1000 || found[7] != "b7" && len(found[7]) == 0 {
		t.Errorf("%d found", len(found))
	}
	for _, key := range first {
		if key != p.layoutKey() && slices.Contains(keys(t, db, kv.EpisodePages), key) {
			t.Errorf("%s is still there", key)
		}
	}
	_, err = db.Update(ctx, nil, map[string][]byte{first[0]: {1}, kv.EpisodePages + "1/0": {1}})
	if err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		if n, err := Sweep(ctx, db, dry); err != nil || n != 2 {
			t.Errorf("%d swept: %v", n, err)
		}
	}
	if n, err := Sweep(ctx, db, false); err != nil || n != 0 {
		t.Errorf("%d swept again: %v", n, err)
	}
}

// TestColumns: a page has several columns, and those that are not asked for go first.
func TestColumns(t *testing.T) {
	p, ids := Episodes(memory.New(), alice), spread(0, 512)
	for c := range maxColumns + 3 {
		if found, _ := read(t, p, ids, fmt.Sprint(c), numbered(fmt.Sprint(c, " "))); len(found) != 0 {
			t.Fatalf("column %d is there already", c)
		}
	}
	for c := range maxColumns + 3 {
		found, _ := read(t, p, ids, fmt.Sprint(c), nil)
		if want := c >= 3; (len(found) == 512) != want || want && found[8] != fmt.Sprint(c, " 8") {
			t.Errorf("column %d: %d found", c, len(found))
		}
	}
}

// TestChanges: what changed is not believed, is read again when there is enough of it, and whoever read before a change writes
// nothing that hides it.
func TestChanges(t *testing.T) {
	ctx, db := context.Background(), memory.New()
	p, ids := Signals(db, alice), spread(0, 512)
	change := func(from, to int) {
		t.Helper()
		put, some := map[string][]byte{}, map[object.Hash]bool{}
		for _, id := range ids[from:to] {
			some[id] = true
		}
		check, err := p.Changed(ctx, some, put)
		if ok, err2 := db.Update(ctx, check, put); err != nil || err2 != nil || !ok {
			t.Fatal(err, err2, ok)
		}
	}
	change(0, 10)
	if n := len(keys(t, db, kv.SignalsChanged)); n != 0 {
		t.Fatalf("%d marks before there are pages", n)
	}
	read(t, p, ids, "a", numbered("old "))
	read(t, p, ids, "b", numbered("old "))
	change(3, 5)
	found, r := read(t, p, ids, "a", nil)
	if _, has := found[3]; len(found) != 510 || has || !r.Few() {
		t.Errorf("%d found after 2 changed", len(found))
	}
	change(100, 300)
	_, slow := read(t, p, ids, "a", nil)
	change(7, 8)
	found, _ = read(t, p, ids, "a", numbered("new "))
	if len(found) != 512-203 {
		t.Errorf("%d found after 203 changed", len(found))
	}
	if n := len(keys(t, db, kv.SignalsChanged)); n != 0 {
		t.Errorf("%d marks are left", n)
	}
	if err := slow.Keep(ctx, func(int, int) ([]string, bool) { return []string{"late"}, true }); err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]int{"a": 512, "b": 512 - 203} {
		found, _ := read(t, p, ids, column, nil)
		if len(found) != want || column == "a" && (found[3] != "new 3" || found[200] != "new 200") {
			t.Errorf("column %s: %d found, %q", column, len(found), found[200])
		}
	}
}

// TestDamage: a page cannot be changed unnoticed, and the next reader mends it.
func TestDamage(t *testing.T) {
	ctx, db := context.Background(), memory.New()
	p, ids := Episodes(db, alice), spread(0, 512)
	read(t, p, ids, "5", numbered(""))
	key := keys(t, db, kv.EpisodePages)[0]
	page, _, err := db.Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := p.layout(ctx)
	if err != nil {
		t.Fatal(err)
	}
	opens := func(l layout, key string, page []byte) bool {
		_, ok := verdicts{}.open(alice, l, key, page)
		return ok
	}
	for at := range page {
		if at > headLen && at < len(page)-sigLen && at%61 != 0 {
			continue // what is hashed is hashed as a whole
		}
		bad := bytes.Clone(page)
		if bad[at]++; opens(l, key, bad) || !forged(l, key, bad) {
			t.Fatalf("byte %d can be changed", at)
		}
	}
	later, err := newLayout(l.depth())
	if err != nil {
		t.Fatal(err)
	}
	if !opens(l, key, page) || opens(l, key+"0", page) || opens(later, key, page) {
		t.Error("a page passes for another, or for one of another era")
	}
	if _, err := db.Update(ctx, nil, map[string][]byte{key: page[:len(page)/2]}); err != nil {
		t.Fatal(err)
	}
	damaged := 0
	if _, err := p.Check(ctx, func(string, string, Row) error { return nil }, func(string) { damaged++ }); err != nil || damaged != 1 {
		t.Errorf("%d damaged: %v", damaged, err)
	}
	read(t, p, ids, "5", numbered(""))
	if found, _ := read(t, p, ids, "5", nil); len(found) != 512 {
		t.Errorf("%d found after a page was damaged", len(found))
	}
	if err := Drop(ctx, db); err != nil {
		t.Fatal(err)
	}
	if found, _ := read(t, p, ids, "5", nil); len(found) != 0 {
		t.Errorf("%d found after pages were given up", len(found))
	}
}

// TestAuthors: a page counts for its author and for those who trust them, and for nobody else, who write their own over it.
func TestAuthors(t *testing.T) {
	db, ids := memory.New(), spread(0, 512)
	read(t, Episodes(db, alice), ids, "5", numbered("alice "))
	if found, _ := read(t, Episodes(db, bob), ids, "5", numbered("bob ")); found[7] != "alice 7" {
		t.Errorf("bob, who trusts alice, finds %q", found[7])
	}
	if found, _ := read(t, Episodes(db, bob), ids, "6", numbered("bob ")); len(found) != 0 {
		t.Errorf("bob finds %d", len(found))
	}
	damaged := 0
	count := func(p Pages) (rows int) {
		_, err := p.Check(context.Background(), func(string, string, Row) error { rows++; return nil }, func(string) { damaged++ })
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if n, m := count(Episodes(db, bob)), count(Episodes(db, alice)); n != 1024 || m != 0 || damaged != 0 {
		t.Errorf("%d rows count for bob, %d for alice, %d damaged", n, m, damaged)
	}
	if found, _ := read(t, Episodes(db, alice), ids, "6", numbered("alice again ")); len(found) != 0 {
		t.Errorf("alice, who trusts nobody, finds %d of bob", len(found))
	}
	if found, _ := read(t, Episodes(db, alice), ids, "6", nil); found[7] != "alice again 7" {
		t.Errorf("alice finds %q", found[7])
	}
	if found, _ := read(t, Episodes(db, alice), ids, "5", nil); len(found) != 0 {
		t.Errorf("alice finds %d of what bob took over", len(found))
	}
	if r, err := Episodes(db, nil).Read(context.Background(), ids, []string{"6"}, nil); r != nil || err != nil {
		t.Errorf("who signs nothing reads pages: %v", err)
	}
}

// FuzzOpen: what is signed is walked over without harm.
func FuzzOpen(f *testing.F) {
	l := layout("123456789")
	page, err := alice.encode(l, "k", []column{{"5", []Row{{spread(0, 1)[0], []string{"a", ""}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(page[headLen : len(page)-sigLen])
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, err := alice.seal(l, "k", append(alice.head(), data...))
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := (verdicts{}).open(alice, l, "k", whole); ok {
			r.columns()
		} else {
			t.Error("a page that its author signed is not read")
		}
	})
}
