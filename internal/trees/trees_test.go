package trees

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/fsck"
	"github.com/mythos-project/mythos/store/gc"
	"github.com/mythos-project/mythos/store/memory"
)

func newStore() *store.Store { return store.New(memory.New(), memory.New()) }

// write makes files below a folder: a name that ends in a slash is a folder, content that begins with "-> " is a link,
// and with "#!" an executable file.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		perm := fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			perm = 0o755
		}
		if target, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(target, at)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(at, 0o755)
		} else {
			err = os.WriteFile(at, []byte(content), perm)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

var someFiles = map[string]string{"a.txt": "hello\n", "b/run": "#!/bin/sh\n", "b/c/deep": strings.Repeat("x", 9000), "empty/": "", "zero": "",
	"link": "-> ../outside", "large": strings.Repeat("0123456789abcdef", 300_000)}

func stored(t *testing.T, s *store.Store, dir string, o PutOptions) Stored {
	t.Helper()
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	got, err := Put(context.Background(), s, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestThereAndBack stores a folder, unpacks it, and gets the same tree from the copy, from an archive of it, and in
// another store.
func TestThereAndBack(t *testing.T) {
	ctx, s, dir := context.Background(), newStore(), t.TempDir()
	write(t, dir, someFiles)
	got := stored(t, s, dir, PutOptions{})
	if got.Files != 6 || got.Read != 5 {
		t.Fatalf("%d files, %d read", got.Files, got.Read)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if err := Unpack(ctx, s, got.ID, copied, nil); err != nil {
		t.Fatal(err)
	}
	if again := stored(t, newStore(), copied, PutOptions{}); again.ID != got.ID {
		t.Fatalf("the copy has id %s, not %s", again.ID, got.ID)
	}
	var one, two bytes.Buffer
	if err := errors.Join(WriteTar(ctx, s, got.ID, &one, nil), WriteTar(ctx, s, got.ID, &two, nil)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Fatal("two archives of one tree differ")
	}
	fromTar, err := PutTar(ctx, newStore(), &one)
	if err != nil || fromTar.ID != got.ID {
		t.Fatalf("from the archive: %s: %v", fromTar.ID, err)
	}
	if err := Unpack(ctx, s, got.ID, copied, nil); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("over a folder: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(copied))
	if err != nil || len(left) != 1 {
		t.Fatalf("left beside it: %v %v", left, err)
	}
}

// TestArchiveBytes pins the bytes of an archive.
func TestArchiveBytes(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	write(t, dir, map[string]string{"a": "x", "d/b": "#!", strings.Repeat("long", 40): "y", "l": "-> a", "e/": ""})
	var out bytes.Buffer
	if err := WriteTar(context.Background(), s, stored(t, s, dir, PutOptions{}).ID, &out, nil); err != nil {
		t.Fatal(err)
	}
	const want = "704df4246b85fd4b3ba453e9e0bf684986a5dc64cf819ba38b6c04203c9702b9"
	if got := object.Sum(out.Bytes()).String(); got != want {
		t.Fatalf("the archive has the hash %s, expected %s", got, want)
	}
}

// TestCache: what did not change is not read, what did is, whatever its times are set to.
func TestCache(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the cache holds no file here")
	}
	ctx, s, dir := context.Background(), newStore(), t.TempDir()
	write(t, dir, someFiles)
	o := PutOptions{Cache: filepath.Join(t.TempDir(), "cache", "c"), Now: time.Now().Add(time.Hour)}
	first := stored(t, s, dir, o)
	if again := stored(t, s, dir, o); again.Read != 0 || again.Built != first.Built {
		t.Fatalf("again: %d read, %s", again.Read, again.ID)
	}
	at := filepath.Join(dir, "a.txt")
	st, err := os.Stat(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte("HELLO\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(at, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	changed := stored(t, s, dir, o)
	if changed.Read != 1 || changed.ID == first.ID || changed.ID != stored(t, newStore(), dir, PutOptions{}).ID {
		t.Fatalf("%d read, %s", changed.Read, changed.ID)
	}
	if err := errors.Join(os.Remove(at), os.Chmod(filepath.Join(dir, "zero"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if less := stored(t, s, dir, o); less.ID != stored(t, newStore(), dir, PutOptions{}).ID || less.Files != first.Files-1 {
		t.Fatalf("%d files", less.Files)
	}
	// What changed a moment ago is read again: its times may not show the next change.
	o.Now = time.Now()
	if err := os.Remove(o.Cache); err != nil {
		t.Fatal(err)
	}
	stored(t, s, dir, o)
	if soon := stored(t, s, dir, o); soon.Read == 0 {
		t.Fatal("a file that changed a moment ago was not read again")
	}
	// A tree that is gone, and a damaged cache, are treated as missing.
	o.Now = time.Now().Add(time.Hour)
	last := stored(t, s, dir, o)
	if err := s.RemoveBlob(ctx, last.ID); err != nil {
		t.Fatal(err)
	}
	if gone := stored(t, s, dir, o); gone.Read == 0 {
		t.Fatal("the cache of a tree that is gone was believed")
	}
	data, err := os.ReadFile(o.Cache)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(o.Cache, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if bad := stored(t, s, dir, o); bad.Read == 0 || bad.ID != last.ID {
		t.Fatal("a damaged cache was believed")
	}
}

func TestIgnore(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	write(t, dir, map[string]string{".mythosignore": "*.log\n/build/\n", "a.log": "", "build/x": "", "sub/build/y": "", "sub/.mythosignore": "!keep.log\n",
		"sub/keep.log": "", "sub/other.log": "", "repo/secret": ""})
	got := stored(t, s, dir, PutOptions{Ignore: ".mythosignore", Skip: filepath.Join(dir, "repo")})
	var names []string
	err := tree.Walk(s.Nodes(context.Background()), got.ID, func(path []byte, e tree.Entry) (bool, error) {
		if e.Kind == tree.File {
			names = append(names, string(path))
		}
		return true, nil
	})
	want := ".mythosignore sub/.mythosignore sub/build/y sub/keep.log"
	if runtime.GOOS == "windows" {
		want = ".mythosignore repo/secret sub/.mythosignore sub/build/y sub/keep.log"
	}
	if err != nil || strings.Join(names, " ") != want {
		t.Fatalf("%q: %v", names, err)
	}
	if runtime.GOOS != "windows" && got.Ignored != 4 {
		t.Fatalf("%d ignored", got.Ignored)
	}
}

// TestHostileArchives: what a tree cannot represent is named in the error, and nothing is visible.
func TestHostileArchives(t *testing.T) {
	file := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644} }
	link := func(name, to string, kind byte) tar.Header {
		return tar.Header{Name: name, Linkname: to, Typeflag: kind}
	}
	for why, list := range map[string][]tar.Header{
		"out":               {file("../a")},
		"out, inside":       {file("a/../../b")},
		"absolute":          {file("/etc/passwd")},
		"twice":             {file("a"), file("./a")},
		"folder twice":      {{Name: "d/", Typeflag: tar.TypeDir}, {Name: "d", Typeflag: tar.TypeDir}},
		"through a link":    {link("a", "/tmp", tar.TypeSymlink), file("a/b")},
		"through a file":    {file("a"), file("a/b")},
		"file over folder":  {file("a/b"), file("a")},
		"folder over link":  {link("a", "b", tar.TypeSymlink), {Name: "a/", Typeflag: tar.TypeDir}},
		"device":            {{Name: "sda", Typeflag: tar.TypeBlock}},
		"terminal":          {{Name: "tty", Typeflag: tar.TypeChar}},
		"pipe":              {{Name: "p", Typeflag: tar.TypeFifo}},
		"hard link out":     {link("a", "../b", tar.TypeLink)},
		"hard link, before": {link("a", "b", tar.TypeLink), file("b")},
		"hard link to link": {link("a", "b", tar.TypeSymlink), link("c", "a", tar.TypeLink)},
		"long name":         {file(strings.Repeat("n", tree.MaxName+1))},
		"long target":       {link("a", strings.Repeat("n", tree.MaxTarget+1), tar.TypeSymlink)},
		"deep":              {file(strings.Repeat("d/", tree.MaxDepth) + "x")},
		"deep folder":       {{Name: strings.Repeat("d/", tree.MaxDepth), Typeflag: tar.TypeDir}},
		"root":              {file(".")},
	} {
		var raw bytes.Buffer
		w := tar.NewWriter(&raw)
		for i := range list {
			if err := w.WriteHeader(&list[i]); err != nil {
				t.Fatalf("%s: %v", why, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		s := newStore()
		if _, err := PutTar(context.Background(), s, &raw); !errors.Is(err, ErrArchive) {
			t.Errorf("%s: %v", why, err)
		}
		if err := s.Blobs(context.Background(), func(r object.BlobRef) error { return errors.New(r.CID.String()) }); err != nil {
			t.Errorf("%s: a tree is visible: %v", why, err)
		}
	}
}

// TestDeepArchive: a tree of maximum depth can be stored and written out again.
func TestDeepArchive(t *testing.T) {
	var raw, again bytes.Buffer
	w := tar.NewWriter(&raw)
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: strings.Repeat("d/", tree.MaxDepth-1) + "x", Typeflag: tar.TypeReg}), w.Close()); err != nil {
		t.Fatal(err)
	}
	s := newStore()
	got, err := PutTar(context.Background(), s, &raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteTar(context.Background(), s, got.ID, &again, nil); err != nil {
		t.Fatal(err)
	}
	if back, err := PutTar(context.Background(), newStore(), &again); err != nil || back.ID != got.ID {
		t.Fatalf("%s, not %s: %v", back.ID, got.ID, err)
	}
}

// TestCutArchives truncates an archive everywhere: no part of it is taken for the whole.
func TestCutArchives(t *testing.T) {
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	for _, name := range []string{"a", "b"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: 2048}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 2048)); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("long", 40) // these are preceded by their own headers
	for _, h := range []tar.Header{{Name: "c", Linkname: "a", Typeflag: tar.TypeLink}, {Name: "pax" + long, Format: tar.FormatPAX}, {Name: "gnu" + long, Format: tar.FormatGNU}} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= raw.Len(); n += 512 {
		got, err := PutTar(context.Background(), newStore(), bytes.NewReader(raw.Bytes()[:n]))
		if whole := n == raw.Len(); (err == nil) != whole || (whole && got.Files != 5) {
			t.Errorf("%d of %d bytes: %d files, %v", n, raw.Len(), got.Files, err)
		}
	}
	if got, err := PutTar(context.Background(), newStore(), strings.NewReader("no archive, but some text that goes on for a while")); err == nil {
		t.Errorf("text is an archive of %d files", got.Files)
	}
}

// TestHostileTrees unpacks trees that were made to escape the target.
func TestHostileTrees(t *testing.T) {
	ctx, s := context.Background(), newStore()
	w := s.NodeWriter(ctx)
	h, err := s.PutBytes(ctx, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	raw := func(entries ...tree.Entry) object.Hash {
		list := merkle.NewListBuilder(w)
		for i := range entries {
			b, err := can.Marshal(&entries[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.PutNode(object.Sum(b), b), list.Add(object.Sum(b))); err != nil {
				t.Fatal(err)
			}
		}
		root, err := list.Finish()
		if err != nil {
			t.Fatal(err)
		}
		b, err := can.Marshal(&tree.Tree{Version: 1, Entries: root.CID, Files: uint64(len(entries)), Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.PutNode(object.Sum(b), b), w.Flush()); err != nil {
			t.Fatal(err)
		}
		return object.Sum(b)
	}
	file := func(name string) tree.Entry {
		return tree.Entry{Name: []byte(name), Kind: tree.File, Size: 1, Content: &h}
	}
	outside := t.TempDir()
	for why, id := range map[string]object.Hash{
		"..":           raw(file("..")),
		"a slash":      raw(file("../x")),
		"absolute":     raw(file(outside + "/x")),
		"a name twice": raw(tree.Entry{Name: []byte("a"), Kind: tree.Link, Size: uint64(len(outside)), Target: []byte(outside)}, file("a")),
		"another size": raw(tree.Entry{Name: []byte("a"), Kind: tree.File, Size: 2, Content: &h}),
	} {
		dest := filepath.Join(t.TempDir(), "dest")
		if err := Unpack(ctx, s, id, dest, nil); err == nil {
			t.Errorf("%s: unpacked", why)
		}
		if _, err := os.Lstat(dest); err == nil {
			t.Errorf("%s: half of it is there", why)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Fatalf("written outside: %v %v", left, err)
	}
}

// TestGC: a tree keeps its files; once it is removed it does not, except those that others keep.
func TestGC(t *testing.T) {
	ctx, s, dir := context.Background(), newStore(), t.TempDir()
	write(t, dir, someFiles)
	one := stored(t, s, dir, PutOptions{})
	write(t, dir, map[string]string{"more": strings.Repeat("y", 20_000)})
	two := stored(t, s, dir, PutOptions{})
	collect := func() gc.Report {
		rep, err := gc.Run(ctx, s, gc.Options{Now: object.TimeOf(time.Now()), Grace: -1})
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	whole := func(id object.Hash) error { return Unpack(ctx, s, id, filepath.Join(t.TempDir(), "d"), nil) }
	if rep := collect(); rep.Chunks > 0 || rep.Nodes > 0 {
		t.Fatalf("freed %+v", rep)
	}
	if err := s.RemoveBlob(ctx, two.ID); err != nil {
		t.Fatal(err)
	}
	if rep := collect(); rep.Chunks == 0 || rep.Nodes == 0 {
		t.Fatalf("freed %+v", rep)
	}
	if err := whole(one.ID); err != nil {
		t.Fatal(err)
	}
	if err := whole(two.ID); err == nil {
		t.Fatal("what nothing reaches is still here")
	}
	if _, err := fsck.Run(ctx, s, func(f fsck.Finding) { t.Errorf("fsck: %s %s: %v", f.Kind, f.ID, f.Err) }, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Pin(ctx, one.ID, 0, ""), s.RemoveBlob(ctx, one.ID), s.Pin(ctx, one.ID, 0, "")); err != nil {
		t.Fatal(err)
	}
	if collect(); whole(one.ID) != nil {
		t.Fatal("a pin does not keep a tree")
	}
}
