package why

import (
	"fmt"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
)

// node begins a walk at a node: of a tree of files, of a blob without a reference, such as a file in a tree, or of a
// list.
func (w *walker) node(n *Node, raw []byte, depth int) {
	switch tree.NodeKind(raw) {
	case "Tree":
		nodes{w}.folder(n, raw)
		return
	case "TreeEntry":
		e, err := object.Decode[tree.Entry](raw)
		if !n.check(err) || !n.check(sameID(object.Sum(raw), n.ID)) {
			return
		}
		n.Label = fmt.Sprintf("entry %q of a folder", e.Name)
		if e.Content != nil {
			kind := "BlobRef"
			if e.Kind == tree.Folder {
				kind = KindNode
			}
			nodes{w}.content(n.leaf(kind, *e.Content, "%s", e.Content.Short()), *e)
		}
		return
	}
	dag, err := merkle.OpenChunks(nodes{w}, n.ID)
	if err != nil {
		w.list(n, raw, depth)
		return
	}
	n.Label = fmt.Sprintf("blob %s, %s", n.ID.Short(), units.Count(int(dag.Size()), "byte"))
	w.blobNode(n, object.BlobRef{CID: n.ID, Size: dag.Size(), Chunks: uint32(dag.Len())})
}

// content verifies the target of an entry.
func (r nodes) content(n *Node, e tree.Entry) {
	if e.Kind != tree.Folder {
		n.Label = fmt.Sprintf("file %s, %s", n.ID.Short(), units.Count(int(e.Size), "byte"))
		r.w.blobNode(n, e.Blob())
		return
	}
	if raw, err := r.Node(n.ID); n.check(err) {
		r.folder(n, raw)
	}
}

// trees verifies a tool's input and output trees: those that its receipt names beside its capability and that are here.
func (r nodes) trees(n *Node, rec *ledger.Receipt) {
	if len(rec.Evidence) == 0 {
		return
	}
	for _, id := range rec.Evidence[1:] {
		if raw, err := r.Node(id); err == nil && tree.Is(raw) {
			r.folder(n.leaf(KindNode, id, "%s", id.Short()), raw)
		}
	}
}

// folder verifies every node and every file of a tree, and shows the first files.
func (r nodes) folder(n *Node, raw []byte) {
	w := r.w
	t, err := tree.Parse(raw, n.ID)
	if !n.check(err) {
		return
	}
	n.Label = fmt.Sprintf("tree %s: %s, %s", n.ID.Short(), units.Count(int(t.Files), "file"), units.Count(int(t.Size), "byte"))
	folders, files := map[object.Hash]bool{}, map[object.Hash]bool{}
	enter := func(id object.Hash) bool {
		was := folders[id]
		folders[id] = true
		return !was
	}
	n.check(tree.Parts(r, n.ID, enter, func(p tree.Part) error {
		if p.File == nil || files[p.ID] {
			return w.err
		}
		files[p.ID] = true
		w.nth(n, len(files)-1, w.o.Width, func() *Node {
			c := &Node{Kind: "BlobRef", ID: p.ID, Label: fmt.Sprintf("file %s, %s", p.ID.Short(), units.Count(int(p.File.Size), "byte")), Verified: true}
			w.blobNode(c, *p.File)
			return c
		})
		return w.err
	}))
}
