package why

import (
	"errors"
	"slices"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// vectors hangs the receipts of the embeddings that a state of an index holds below it: one for
// each of its episodes [learn-105].
func (r nodes) vectors(n *Node, s *model.IndexState, depth int) {
	w, e := r.w, s.Vectors.Embedder
	c := n.leaf("Vectors", s.Vectors.Receipts, "vectors of dimension %d by %s", e.Dimension, w.tool(e.Tool))
	episodes, err := merkle.OpenList(r, s.Manifest)
	if !c.check(err) {
		return
	}
	receipts, err := merkle.OpenList(r, s.Vectors.Receipts)
	if !c.check(err) {
		return
	}
	if receipts.Len() != episodes.Len() {
		c.fail("it has %s for %s", units.Count(int(receipts.Len()), "receipt"), units.Count(int(episodes.Len()), "episode"))
		return
	}
	c.check(receipts.Walk(0, min(receipts.Len(), maxSearch), func(i uint64, receipt merkle.Chunk) error {
		episode, err := episodes.At(i)
		if err != nil {
			return err
		}
		w.nth(c, int(i), w.o.Width, func() *Node {
			one := w.visit("Receipt", receipt.Hash, depth)
			one.check(r.embeds(e, receipt.Hash, episode.Hash))
			return one
		})
		return w.err
	}))
	if more := receipts.Len() - min(receipts.Len(), maxSearch); more > 0 {
		c.More, c.Checked = c.More+int(more), false
	}
}

var (
	errOtherTool = errors.New("it is not of the tool that embeds")
	errFailed    = errors.New("it is of a call that failed")
	errOtherText = errors.New("it is not of the request of its episode")
)

// embeds checks that a receipt signs a vector of an episode's request. Which text was embedded
// is not known where no request of the episode is here.
func (r nodes) embeds(e model.Embedder, receipt, episode object.Hash) error {
	w := r.w
	rec, effect, err := w.opened(receipt)
	switch {
	case err != nil:
		return err
	case rec.ToolID != e.Tool:
		return errOtherTool
	case rec.Status >= 300:
		return errFailed
	}
	if _, err := e.Vector(effect.Response); err != nil {
		return err
	}
	of, err := decoded[object.EpisodeRef](&w.source, "EpisodeRef", episode)
	if err != nil {
		return err
	}
	known := false
	for _, id := range slices.Backward(of.TraceRef.ReceiptIDs) {
		call, err := decoded[ledger.Receipt](&w.source, "Receipt", id)
		if err != nil {
			continue // it is told where the episode is
		}
		text, err := w.raw(KindBytes, call.RequestHash)
		if err != nil {
			continue
		}
		known = true
		if request, err := e.Request(string(text)); err == nil && object.Sum(request) == rec.RequestHash {
			return nil
		}
	}
	if known {
		return errOtherText
	}
	return nil
}
