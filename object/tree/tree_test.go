package tree

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

type memory map[object.Hash][]byte

func (m memory) PutNode(id object.Hash, raw []byte) error { m[id] = bytes.Clone(raw); return nil }

func (m memory) Node(id object.Hash) ([]byte, error) {
	if raw, ok := m[id]; ok {
		return raw, nil
	}
	return nil, errors.New("not here")
}

func fileEntry(name, content string) Entry {
	cid := object.SumText(content)
	return Entry{Name: []byte(name), Kind: File, Size: uint64(len(content)), Content: &cid}
}

// built makes a tree with many files in one folder, a link and an empty folder.
func built(t testing.TB, m memory, changed string) Built {
	t.Helper()
	must := func(b Built, err error) Built {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	add := func(b *Builder, e Entry, below Tree) {
		if err := b.Add(e, below); err != nil {
			t.Fatal(err)
		}
	}
	empty := must(NewBuilder(m).Finish())
	many := NewBuilder(m)
	for i := range 1100 {
		add(many, fileEntry(fmt.Sprintf("f%05d", i), fmt.Sprint(i, changed)), Tree{})
	}
	sub := must(many.Finish())
	top := NewBuilder(m)
	add(top, empty.Entry([]byte("a-empty")), empty.Tree)
	add(top, Entry{Name: []byte("link"), Kind: Link, Size: 3, Target: []byte("../")}, Tree{})
	add(top, sub.Entry([]byte("many")), sub.Tree)
	add(top, Entry{Name: []byte("\xff.bin"), Kind: File, Executable: true, Size: 1, Content: fileEntry("", "x").Content}, Tree{})
	return must(top.Finish())
}

func TestTree(t *testing.T) {
	m := memory{}
	b := built(t, m, "")
	if b.Files != 1102 || built(t, memory{}, "").ID != b.ID || built(t, memory{}, "!").ID == b.ID {
		t.Fatalf("%d files under %s", b.Files, b.ID)
	}
	seen := 0
	err := Walk(m, b.ID, func(path []byte, e Entry) (bool, error) {
		seen++
		got, err := Lookup(m, b.ID, path)
		if err != nil || !same(got, e) {
			t.Fatalf("%q: %v, %v", path, got, err)
		}
		return true, nil
	})
	if err != nil || seen != 1104 {
		t.Fatalf("%d seen: %v", seen, err)
	}
	for _, path := range []string{"none", "many/none", "link/x", "many/f00001/x"} {
		if _, err := Lookup(m, b.ID, []byte(path)); !errors.Is(err, ErrNoEntry) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := Lookup(m, b.ID, []byte("../many")); err == nil || errors.Is(err, ErrNoEntry) {
		t.Errorf("..: %v", err)
	}
}

func TestDiff(t *testing.T) {
	m := memory{}
	a, b := built(t, m, ""), built(t, m, "!")
	changes := 0
	if err := Diff(m, a.ID, b.ID, func(c Change) error { changes++; return nil }); err != nil || changes != 1100 {
		t.Fatalf("%d changes: %v", changes, err)
	}
	top := NewBuilder(m)
	if err := top.Add(fileEntry("many", "a file now"), Tree{}); err != nil {
		t.Fatal(err)
	}
	c, err := top.Finish()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	err = Diff(m, c.ID, a.ID, func(c Change) error {
		if len(c.Path) < 8 {
			fmt.Fprintf(&text, "%s %t %t\n", c.Path, c.Old != nil, c.New != nil)
		}
		return nil
	})
	if want := "a-empty false true\nlink false true\nmany true false\nmany false true\n\xff.bin false true\n"; err != nil || text.String() != want {
		t.Fatalf("%q: %v", text.String(), err)
	}
}

// TestProof flips bits of a proof: no changed proof verifies.
func TestProof(t *testing.T) {
	m := memory{}
	b := built(t, m, "")
	for _, path := range []string{"many/f00550", "link", "a-empty", "\xff.bin"} {
		p, err := Prove(m, b.ID, []byte(path))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := can.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Lookup(m, b.ID, []byte(path))
		if got, verr := Verify(b.ID, []byte("/"+path), raw); err != nil || verr != nil || !same(got, want) {
			t.Fatalf("%q: %v %v %v", path, got, err, verr)
		}
		if _, err := Verify(b.ID, []byte(path+"x"), raw); !errors.Is(err, merkle.ErrProof) {
			t.Errorf("another path: %v", err)
		}
		if _, err := Verify(object.SumText("x"), []byte(path), raw); !errors.Is(err, merkle.ErrProof) {
			t.Errorf("another tree: %v", err)
		}
		for i := 0; i < len(raw)*8; i += 1 + len(raw)/6 {
			raw[i/8] ^= 1 << (i % 8)
			if _, err := Verify(b.ID, []byte(path), raw); err == nil {
				t.Fatalf("%q: bit %d of byte %d may be flipped", path, i%8, i/8)
			}
			raw[i/8] ^= 1 << (i % 8)
		}
	}
	if _, err := Prove(m, b.ID, nil); !errors.Is(err, ErrNoEntry) {
		t.Errorf("the empty path: %v", err)
	}
}

// TestHostile opens folders that have the right hash but make false statements.
func TestHostile(t *testing.T) {
	put := func(m memory, size, files uint64, entries ...Entry) object.Hash {
		list := merkle.NewListBuilder(m)
		for i := range entries {
			raw, err := can.Marshal(&entries[i])
			if err != nil {
				t.Fatal(err)
			}
			id := object.Sum(raw)
			m[id] = raw
			if err := list.Add(id); err != nil {
				t.Fatal(err)
			}
		}
		root, err := list.Finish()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := can.Marshal(&Tree{1, root.CID, files, size})
		if err != nil {
			t.Fatal(err)
		}
		m[object.Sum(raw)] = raw
		return object.Sum(raw)
	}
	m := memory{}
	a, b := fileEntry("a", "aa"), fileEntry("b", "b")
	inner := put(m, 3, 2, a, b)
	folder := func(size uint64) Entry { return Entry{Name: []byte("d"), Kind: Folder, Size: size, Content: &inner} }
	for why, id := range map[string]object.Hash{
		"not ascending":           put(m, 3, 2, b, a),
		"twice":                   put(m, 4, 2, a, a),
		"another size":            put(m, 4, 2, a, b),
		"another number of files": put(m, 3, 3, a, b),
		"folder of another size":  put(m, 4, 2, folder(4)),
		"sizes beyond 64 bits":    put(m, 2, 2, Entry{Name: []byte("a"), Kind: File, Size: 1<<64 - 1, Content: a.Content}, fileEntry("b", "bbb")),
		"a file for a folder":     put(m, 2, 1, Entry{Name: []byte("d"), Kind: Folder, Size: 2, Content: a.Content}),
		"../":                     put(m, 2, 1, Entry{Name: []byte(".."), Kind: File, Size: 2, Content: a.Content}),
		"a slash":                 put(m, 2, 1, Entry{Name: []byte("x/y"), Kind: File, Size: 2, Content: a.Content}),
		"kind 4":                  put(m, 2, 1, Entry{Name: []byte("x"), Kind: 4, Size: 2, Content: a.Content}),
		"executable folder":       put(m, 3, 2, Entry{Name: []byte("d"), Kind: Folder, Executable: true, Size: 3, Content: &inner}),
	} {
		if err := Walk(m, id, func([]byte, Entry) (bool, error) { return true, nil }); err == nil {
			t.Errorf("%s: walked", why)
		}
		if err := Parts(m, id, nil, func(Part) error { return nil }); err == nil && why != "another number of files" {
			t.Errorf("%s: its parts were visited", why)
		}
	}
	deep := inner
	for range MaxDepth {
		deep = put(m, 3, 2, Entry{Name: []byte("d"), Kind: Folder, Size: 3, Content: &deep})
	}
	if err := Walk(m, deep, func([]byte, Entry) (bool, error) { return true, nil }); !errors.Is(err, ErrTree) {
		t.Errorf("too deep: %v", err)
	}
}

// FuzzProof: a proof that verifies has the root's own bytes.
func FuzzProof(f *testing.F) {
	m := memory{}
	b := NewBuilder(m)
	if err := b.Add(fileEntry("a", "x"), Tree{}); err != nil {
		f.Fatal(err)
	}
	root, err := b.Finish()
	if err != nil {
		f.Fatal(err)
	}
	p, err := Prove(m, root.ID, []byte("a"))
	if err != nil {
		f.Fatal(err)
	}
	raw, err := can.Marshal(p)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, []byte("a"))
	f.Fuzz(func(t *testing.T, raw, path []byte) {
		if e, err := Verify(root.ID, path, raw); err == nil && !same(e, fileEntry("a", "x")) {
			t.Fatalf("%q of %x is proved", path, raw)
		}
	})
}
