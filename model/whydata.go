package model

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// nodes reads Merkle nodes through the resolver; package merkle checks each.
type nodes struct{ w *walker }

// Node implements merkle.NodeReader.
func (r nodes) Node(cid object.Hash) ([]byte, error) { return r.w.raw(KindNode, cid) }

// blob hangs a blob below n and proves its first chunk against the root.
func (w *walker) blob(n *Node, role string, ref object.BlobRef) {
	c := n.leaf("BlobRef", ref.CID, "%s %s, %d bytes", role, ref.CID.Short(), ref.Size)
	if ref.Chunks == 0 {
		data, err := w.raw(KindBytes, ref.CID)
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
	c.check(w.chunk(c, tree, ref.CID))
	c.More += int(ref.Chunks) - 1
}

// chunk proves chunk 0.
func (w *walker) chunk(n *Node, tree *merkle.Tree, root object.Hash) error {
	first, err := tree.At(0)
	if err != nil {
		return err
	}
	leaf := n.leaf("Chunk", first.Hash, "chunk 0 of %d, %d bytes, proven against the root", tree.Len(), first.Len)
	proof, err := tree.ProveChunk(0)
	if err != nil {
		return err
	}
	raw, err := can.Marshal(proof)
	if err != nil {
		return err
	}
	data, err := w.raw(KindBytes, first.Hash)
	if leaf.check(err) {
		leaf.check(merkle.VerifyChunk(root, 0, raw, data))
	}
	return nil
}

const maxSearch = 1 << 20 // episodes of a corpus that are looked through for one

// manifest hangs a dataset below n: its manifest, the definition it was selected by,
// the corpora, and the first of its episodes.
func (w *walker) manifest(n *Node, root object.Hash, def *object.Hash, depth int) {
	c := n.leaf("Manifest", root, "manifest %s", root.Short())
	if old := w.seen["Manifest"+root.String()]; old != nil && def == nil {
		c.Label, c.Verified, c.Problem, c.Seen = old.Label, old.Verified, old.Problem, true
		return
	}
	w.seen["Manifest"+root.String()] = c
	tree, err := merkle.OpenList(nodes{w}, root)
	if !c.check(err) {
		return
	}
	c.Label = fmt.Sprintf("manifest %s: %s", root.Short(), count(int(tree.Len()), "episode"))
	var first object.Hash
	if tree.Len() > 0 {
		item, err := tree.At(0)
		if !c.check(err) {
			return
		}
		first = item.Hash
	}
	if def != nil {
		d := w.add(c, "DatasetDef", *def, depth+1)
		if raw, err := w.raw("DatasetDef", *def); err == nil && tree.Len() > 0 {
			d.check(w.fromCorpora(raw, first))
		}
	}
	if tree.Len() > 0 {
		w.add(c, "EpisodeRef", first, depth+1)
		c.More += int(tree.Len()) - 1
	}
}

// fromCorpora checks that an episode is in one of a definition's corpora.
func (w *walker) fromCorpora(defRaw []byte, episode object.Hash) error {
	d, err := dataset.OpenDef(defRaw)
	if err != nil {
		return err
	}
	for _, root := range d.CorpusRoots {
		found, err := w.inList(root, episode)
		if err != nil {
			return fmt.Errorf("corpus %s: %w", root.Short(), err)
		}
		if found {
			return nil
		}
	}
	return fmt.Errorf("episode %s of the manifest is in none of the definition's corpora", episode.Short())
}

var errFound = errors.New("found")

func (w *walker) inList(root, value object.Hash) (bool, error) {
	tree, err := merkle.OpenList(nodes{w}, root)
	if err != nil {
		return false, err
	}
	err = tree.Walk(0, min(tree.Len(), maxSearch), func(_ uint64, c merkle.Chunk) error {
		if c.Hash == value {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	if err == nil && tree.Len() > maxSearch {
		err = fmt.Errorf("not among the first %d episodes", maxSearch)
	}
	return false, err
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
			c.Label += ": " + count(int(tree.Len()), "episode")
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
	n.Label = fmt.Sprintf("episode %s of %s, %s", id.Short(), e.TimeObserved, count(len(e.TraceRef.ReceiptIDs), "receipt"))
	w.blob(n, "trace", e.TraceRef.TraceBlob)
	w.some(n, "Receipt", e.TraceRef.ReceiptIDs, depth)
	signals := w.related(id, "Signal")
	for i, s := range signals {
		if i == w.o.Width {
			n.More += len(signals) - i
			break
		}
		c := w.add(n, "Signal", s, depth)
		if raw, err := w.raw("Signal", s); err == nil {
			if g, err := object.Decode[dataset.Signal](raw); err == nil && g.EpisodeID != id {
				c.fail("it is about another episode, %s", g.EpisodeID.Short())
			}
		}
	}
}

func (w *walker) signal(n *Node, raw []byte, _ int) {
	s, id, err := dataset.OpenSignal(raw)
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
