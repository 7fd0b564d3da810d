package parts_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/parts"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/trees"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// putTree puts a folder of 500 files, a large one and a link, below "deep".
func putTree(t *testing.T, n *repo.Repo) (object.Hash, []byte) {
	t.Helper()
	dir := t.TempDir()
	deep := filepath.Join(dir, "deep")
	if err := os.Mkdir(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		if err := os.WriteFile(filepath.Join(deep, fmt.Sprintf("f%03d", i)), fmt.Appendf(nil, "file %d", i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	large := bytes.Repeat([]byte("0123456789abcde\n"), 50_000)
	for name, data := range map[string][]byte{"large": large, "small": []byte("some words"), "none": {}} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := trees.Put(t.Context(), n.Store, dir, trees.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return got.ID, large
}

// TestPathOfATree: only what is on the way to a path and below it is transferred, each part is proved by the id of the
// tree, and a byte that was changed on the way is detected.
func TestPathOfATree(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	root, large := putTree(t, far)
	at := serve(t, far)
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: root})
	for _, r := range []struct {
		path          string
		offset, bytes uint64
		want          string
		parts         int
	}{
		{"small", 0, parts.ToEnd, "some words", 2}, {"deep/f123", 0, parts.ToEnd, "file 123", 2}, {"deep//f123/", 5, 3, "123", 2},
		{"large", 300_000, 40, string(large[300_000:300_040]), 3}, {"none", 0, parts.ToEnd, "", 1}, {"small", 10, parts.ToEnd, "", 1}, {"small", 3, 0, "", 1},
	} {
		var out bytes.Buffer
		_, moved, err := parts.FetchPath(t.Context(), &peer.Client{Repo: near, URL: at}, root, []byte(r.path), r.offset, r.bytes, chain, &out)
		if err != nil || out.String() != r.want || moved.Parts != r.parts {
			t.Errorf("%s: %q, %d parts, %v", r.path, out.String(), moved.Parts, err)
		}
	}
	var status *peer.StatusError
	for path, want := range map[string]int{"nothing": http.StatusNotFound, "small/below": http.StatusNotFound} {
		_, _, err := parts.FetchPath(t.Context(), &peer.Client{Repo: near, URL: at}, root, []byte(path), 0, parts.ToEnd, chain, io.Discard)
		if !errors.As(err, &status) || status.Status != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, _, err := parts.FetchPath(t.Context(), &peer.Client{Repo: near, URL: at}, root, []byte("deep"), 0, parts.ToEnd, chain, io.Discard); !errors.Is(err, parts.ErrNotFile) {
		t.Errorf("a folder: %v", err)
	}
	e, moved, err := parts.PullPath(t.Context(), []*peer.Client{{Repo: near, URL: at}}, root, []byte("deep"), chain, nil, nil)
	if err != nil || e.Kind != tree.Folder {
		t.Fatal(e, err)
	}
	if _, err := near.Store.Nodes(t.Context()).Node(root); err == nil {
		t.Error("the tree around the folder moved, too")
	}
	if _, again, err := parts.PullPath(t.Context(), []*peer.Client{{Repo: near, URL: at}}, root, []byte("deep"), chain, nil, nil); err != nil || again.Parts != 0 || moved.Parts < 1000 {
		t.Errorf("first %d parts, then %d, %v", moved.Parts, again.Parts, err)
	}
}

// TestPathOfALyingPeer changes one byte anywhere in the answer: what is written is the file or nothing.
func TestPathOfALyingPeer(t *testing.T) {
	far, near := peertest.Repo(t, "far"), peertest.Repo(t, "near")
	root, _ := putTree(t, far)
	at := serve(t, far)
	chain := peertest.Grant(t, far, near.Self(), &scope.BlobRead{CID: root})
	for i := 0; ; i += 97 {
		changed := false
		liar := through(t, at, func(res *http.Response) {
			body, err := io.ReadAll(res.Body)
			if err == nil && i < len(body) {
				body[i] ^= 4
				changed = true
			}
			res.Body = io.NopCloser(bytes.NewReader(body))
		})
		var out bytes.Buffer
		_, _, err := parts.FetchPath(t.Context(), &peer.Client{Repo: near, URL: liar}, root, []byte("deep/f123"), 0, parts.ToEnd, chain, &out)
		if !changed {
			if err != nil || out.String() != "file 123" {
				t.Fatal(err)
			}
			return
		}
		if got := out.String(); got != "" && got != "file 123" {
			t.Fatalf("byte %d changed: %q was written, %v", i, got, err)
		}
	}
}
