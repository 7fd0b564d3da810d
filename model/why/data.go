package why

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
)

// nodes reads Merkle nodes through the resolver; package merkle checks each of them.
type nodes struct{ w *walker }

// Node implements merkle.NodeReader.
func (r nodes) Node(cid object.Hash) ([]byte, error) { return r.w.raw(KindNode, cid) }

// blob adds a blob below n and proves its first chunk against the root.
func (w *walker) blob(n *Node, role string, ref object.BlobRef) {
	c := n.leaf("BlobRef", ref.CID, "%s %s, %s", role, ref.CID.Short(), units.Count(int(ref.Size), "byte"))
	w.blobNode(c, ref)
	if ref.Media == tree.Media && w.o.Blob == nil {
		c.Label = role + ", " + c.Label
	}
}

// blobNode verifies every chunk of a blob, and shows the first.
func (w *walker) blobNode(c *Node, ref object.BlobRef) {
	if w.o.Blob != nil {
		if err := w.o.Blob(ref); err != nil && w.err == nil {
			w.err = err
		}
		return
	}
	if ref.Chunks == 0 {
		data, err := w.raw(KindBytes, ref.CID)
		if errors.Is(err, errNotHere) {
			if raw, nodeErr := (nodes{w}).Node(ref.CID); nodeErr == nil && tree.Is(raw) {
				nodes{w}.folder(c, raw)
				return
			}
		}
		if c.check(err) && c.check(sameID(object.Sum(data), ref.CID)) && uint64(len(data)) != ref.Size {
			c.fail("it has %d bytes", len(data))
		}
		return
	}
	tree, err := merkle.OpenChunks(nodes{w}, ref.CID)
	if !c.check(err) {
		return
	}
	if tree.Len() != uint64(ref.Chunks) || tree.Size() != ref.Size {
		c.fail("the tree has %d bytes in %d chunks", tree.Size(), tree.Len())
		return
	}
	for i := range uint64(ref.Chunks) {
		if w.err != nil {
			return
		}
		w.nth(c, int(i), 1, func() *Node { return w.chunk(tree, i, ref.CID) })
	}
}

func (w *walker) blobRef(n *Node, raw []byte, depth int) {
	ref, err := object.Decode[object.BlobRef](raw)
	if !n.check(err) || !n.check(sameID(ref.CID, n.ID)) {
		return
	}
	if ref.Media == dataset.MediaManifest || ref.Media == dataset.MediaCorpus {
		w.list(n, nil, depth)
		return
	}
	n.Label = fmt.Sprintf("blob %s, %s, %s", ref.CID.Short(), units.Count(int(ref.Size), "byte"), ref.Media)
	w.blobNode(n, *ref)
}

// list begins a walk at the root of a corpus or a manifest.
func (w *walker) list(n *Node, _ []byte, depth int) {
	w.manifest(n, n.ID, nil, depth)
	n.Label = "list " + n.ID.Short()
}

// datasetRef shows how a dataset that was built here came about.
func (w *walker) datasetRef(n *Node, raw []byte, depth int) {
	ref, err := object.Decode[dataset.DatasetRef](raw)
	if !n.check(err) || !n.check(sameID(object.Sum(raw), n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("dataset %s: %s", ref.Manifest.CID.Short(), units.Count(int(ref.Count), "episode"))
	w.manifest(n, ref.Manifest.CID, &ref.DatasetDefID, depth)
	c := w.add(n, "Receipt", ref.BuildReceiptID, depth)
	r, effect, err := w.opened(ref.BuildReceiptID)
	if err != nil || r.ToolID != ir.BuiltinTool("dataset.build") {
		c.fail("it is not of a build")
		return
	}
	if built, err := can.Field(effect.Response, 1); err != nil || !sameManifest(built, ref.Manifest) {
		c.fail("it is of a build of another manifest")
	}
}

func sameManifest(raw []byte, want object.BlobRef) bool {
	have, err := object.Decode[object.BlobRef](raw)
	return err == nil && have.CID == want.CID
}

const maxSearch = 1 << 20 // number of a manifest's episodes that are read

// manifest adds a dataset below n: its manifest, its definition, the corpora, and its episodes, of which it shows the
// first.
func (w *walker) manifest(n *Node, root object.Hash, def *object.Hash, depth int) {
	old := w.seen["Manifest"+root.String()]
	if old != nil && def == nil && w.hidden[old] {
		w.show(old)
		n.Children = append(n.Children, old)
		return
	}
	c := n.leaf("Manifest", root, "manifest %s", root.Short())
	if old != nil && def == nil {
		c.Label, c.Verified, c.Problem, c.Seen = old.Label, old.Verified, old.Problem, true
		return
	}
	w.note("Manifest"+root.String(), c)
	tree, err := merkle.OpenList(nodes{w}, root)
	if !c.check(err) {
		return
	}
	c.Label = fmt.Sprintf("manifest %s: %s", root.Short(), units.Count(int(tree.Len()), "episode"))
	var ids []object.Hash
	if !c.check(tree.Walk(0, min(tree.Len(), maxSearch), func(_ uint64, item merkle.Chunk) error {
		ids = append(ids, item.Hash)
		return nil
	})) {
		return
	}
	if def != nil {
		d := w.add(c, "DatasetDef", *def, depth+1)
		if raw, err := w.raw("DatasetDef", *def); err == nil && FirstProblem(d) == nil {
			d.check(w.fromCorpora(raw, ids))
		}
	}
	for i, id := range ids {
		if w.err != nil {
			return
		}
		w.nth(c, i, 1, func() *Node { return w.visit("EpisodeRef", id, depth+1) })
	}
	if more := tree.Len() - uint64(len(ids)); more > 0 {
		c.More, c.Checked = c.More+int(more), false
	}
}

// fromCorpora checks that all episodes are in a definition's corpora.
func (w *walker) fromCorpora(defRaw []byte, episodes []object.Hash) error {
	d, err := dataset.OpenDef(defRaw)
	if err != nil {
		return err
	}
	missing := map[object.Hash]bool{}
	for _, id := range episodes {
		missing[id] = true
	}
	for _, root := range d.CorpusRoots {
		tree, err := merkle.OpenList(nodes{w}, root)
		if err == nil {
			err = tree.Walk(0, tree.Len(), func(_ uint64, c merkle.Chunk) error {
				delete(missing, c.Hash)
				return w.ctx.Err()
			})
		}
		if err != nil {
			return fmt.Errorf("corpus %s: %w", root.Short(), err)
		}
	}
	for _, id := range episodes {
		if missing[id] {
			return fmt.Errorf("episode %s of the manifest is in none of the definition's corpora", id.Short())
		}
	}
	return nil
}

func (w *walker) datasetDef(n *Node, raw []byte, _ int) {
	d, err := dataset.OpenDef(raw)
	if !n.check(err) || !n.check(sameID(d.DatasetDefID, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("dataset definition %s over %s", d.DatasetDefID.Short(), listOf(len(d.CorpusRoots)))
	for i, root := range d.CorpusRoots {
		if i == w.o.Width {
			n.More += len(d.CorpusRoots) - i
			break
		}
		c := n.leaf("Corpus", root, "corpus %s", root.Short())
		if tree, err := merkle.OpenList(nodes{w}, root); c.check(err) {
			c.Label += ": " + units.Count(int(tree.Len()), "episode")
		}
	}
}

func listOf(n int) string {
	if n == 1 {
		return "1 corpus"
	}
	return fmt.Sprintf("%d corpora", n)
}

func (w *walker) episode(n *Node, raw []byte, depth int) {
	e, id, err := object.Open[object.EpisodeRef](raw, object.EpisodeRule)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("episode %s, %s", id.Short(), minute(e.TimeObserved))
	w.blob(n, "trace", e.TraceRef.TraceBlob)
	w.some(n, "Receipt", e.TraceRef.ReceiptIDs, depth, nil)
	w.some(n, "Signal", w.related(id, "Signal"), depth, func(c *Node) {
		if raw, err := w.raw("Signal", c.ID); err == nil {
			if g, err := object.Decode[signal.Signal](raw); err == nil && g.EpisodeID != id {
				c.fail("it is about another episode, %s", g.EpisodeID.Short())
			}
		}
	})
}

func (w *walker) signal(n *Node, raw []byte, _ int) {
	s, id, err := signal.Open(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	value, err := can.Parse(s.ValueBytes)
	if !n.check(err) {
		return
	}
	text := fmt.Sprint(value.Uint)
	switch value.Tag {
	case can.TagText:
		text = string(value.Bytes)
	case can.TagInt:
		text = fmt.Sprint(value.Int)
	case can.TagBytes, can.TagMap, can.TagList:
		text = fmt.Sprintf("%x", s.ValueBytes)
	}
	names := [...]string{"signal", "reward", "label", "constraint"}
	n.Label = fmt.Sprintf("%s %s by %s", names[min(int(s.SignalType), 3)], text, who(s.Signer))
}
