package parts

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store/codec"
)

// queryPath is a path in a tree of files: its bytes in hex, since a query has no escapes [wire-153].
const queryPath = "path"

// ErrNotFile means that a path of a tree names a folder or a link.
var ErrNotFile = errors.New("no file stands there")

// place is an object, or the entry at a path of a tree of files.
type place struct {
	root object.Hash
	path []byte // names separated by slashes; empty: the object itself
}

// url returns the route of the place; other queries may follow after an ampersand.
func (p place) url() string {
	if len(p.path) == 0 {
		return "/v1/trees/" + p.root.String()
	}
	return "/v1/trees/" + p.root.String() + "?" + queryPath + "=" + hex.EncodeToString(p.path)
}

// placeOf returns the place at a path, with slashes in either direction.
func placeOf(root object.Hash, path []byte) (place, error) {
	names, err := tree.SplitPath(path)
	return place{root, bytes.Join(names, []byte("/"))}, err
}

// parsePlace reads the place that a request names. Each path has only one spelling.
func parsePlace(r *http.Request) (place, error) {
	root, err := peer.PathHash(r, "hash")
	q := r.URL.Query()
	if err != nil || !q.Has(queryPath) {
		return place{root: root}, err
	}
	text := q.Get(queryPath)
	path, err := hex.DecodeString(text)
	var p place
	if err == nil {
		p, err = placeOf(root, path)
	}
	if err == nil && (len(path) == 0 || hex.EncodeToString(p.path) != text) {
		err = errors.New("names with a slash between them are expected, in lower-case hex digits")
	}
	if err != nil {
		return place{}, fmt.Errorf("%w: the query %q: %w", peer.ErrMalformed, queryPath, err)
	}
	return p, nil
}

// descend goes from the root to a path below it, which anyone who may read the root may read. The answer begins with
// the proof of the entry there.
func (rd *reading) descend(path []byte) error {
	if len(path) == 0 {
		return nil
	}
	if err := rd.mayAll(); err != nil {
		return err
	}
	proof, err := tree.Prove(rd.s.Repo.Store.Nodes(rd.r.Context()), rd.root, path)
	if err != nil {
		return fmt.Errorf("path %q of tree %s: %w", path, rd.root.Short(), err)
	}
	if rd.proof, err = can.Marshal(proof); err != nil {
		return err
	}
	entry, err := object.Decode[tree.Entry](proof.Steps[len(proof.Steps)-1].Entry)
	if err != nil {
		return err
	}
	rd.entry, rd.top = *entry, transfer.Below(*entry)
	return nil
}

// file sends the chunks in a range of the file at a path, each after its proof.
func (rd *reading) file(sp span) {
	ctx := rd.r.Context()
	if rd.entry.Kind != tree.File {
		out, err := rd.begin(nil)
		rd.end(out, err)
		return
	}
	from, to, err := sp.within(rd.entry.Size)
	if err != nil {
		rd.close(err, false)
		return
	}
	b, err := rd.s.Repo.Store.OpenRef(ctx, rd.entry.Blob(), codec.Keys{})
	if err != nil {
		rd.close(err, false)
		return
	}
	dag, err := rd.chunksOf(ctx, b)
	if err != nil {
		rd.close(err, false)
		return
	}
	out, err := rd.begin(nil)
	if err == nil && from < to {
		err = rd.chunks(out, b, dag, from, to)
	}
	rd.end(out, err)
}

// opening checks the proof at the start of an answer for a place.
func (p place) opening(f transfer.Part) (tree.Entry, error) {
	if f.Kind != frameProof || f.ID != p.root {
		return tree.Entry{}, fmt.Errorf("the peer sent a part of kind %q before the proof of the path", f.Kind)
	}
	return tree.Verify(p.root, p.path, f.Data)
}

// FetchPath writes a range of the file at a path of a tree. Only the entries on the way and the chunks in the range are
// transferred, each with its proof. The error wraps ErrNotFile if the entry, which is returned, is not a file.
func FetchPath(ctx context.Context, c *peer.Client, root object.Hash, path []byte, offset, length uint64, chain caps.Chain, w io.Writer) (tree.Entry, Moved, error) {
	var got Moved
	var e tree.Entry
	at, err := placeOf(root, path)
	if err != nil {
		return e, got, err
	}
	sp := span{offset, length}
	res, err := c.Get(ctx, at.url()+"&"+sp.query(), chain)
	if err != nil {
		return e, got, err
	}
	defer res.Body.Close()
	var f *fetch
	err = readFrames(res.Body, func(p transfer.Part, _ func()) error {
		got.Parts++
		got.Bytes += int64(len(p.Data))
		if f != nil {
			return f.part(p)
		}
		if e, err = at.opening(p); err != nil {
			return err
		}
		if e.Kind != tree.File {
			return fmt.Errorf("%q of tree %s: %w", path, root.Short(), ErrNotFile)
		}
		from, to, err := sp.within(e.Size)
		f = &fetch{cid: *e.Content, span: sp, out: w, whole: err == nil && from == to}
		return err
	})
	if err == nil && (f == nil || !f.whole) {
		err = errors.New("the peer sent less than the range")
	}
	if err != nil {
		return e, got, fmt.Errorf("fetch %q of tree %s: %w", path, root.Short(), err)
	}
	return e, got, nil
}

// PullPath is Pull for the entry at a path of a tree. Only the entries on the way and what is missing here below the
// path are transferred. The entry of a link comes alone: the tree's proof has everything about it.
func PullPath(ctx context.Context, peers []*peer.Client, root object.Hash, path []byte, chain caps.Chain, progress Progress, dropped func(*peer.Client, error)) (tree.Entry, Moved, error) {
	at, err := placeOf(root, path)
	if err != nil {
		return tree.Entry{}, Moved{}, err
	}
	p := newPull(peers, at, chain, progress, dropped)
	err = p.run(ctx)
	return p.entry, p.moved, err
}
