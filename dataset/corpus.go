package dataset

import (
	"context"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// Media types of the lists that this package writes.
const (
	MediaCorpus   = "application/mythos.episode.corpus"
	MediaManifest = "application/mythos.episode.manifest"
	MediaSignals  = "application/mythos.signal.log"
)

// Snapshot stores the MerkleList over ids, sorted and without repetitions, and
// returns its reference and count. It holds all ids.
func Snapshot(ctx context.Context, s *store.Store, media string, ids []object.Hash) (object.BlobRef, uint64, error) {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, object.Hash.Compare)
	ids = slices.Compact(ids)
	return s.PutList(ctx, media, func(b *merkle.ListBuilder) error {
		for _, id := range ids {
			if err := b.Add(id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReadList calls fn for each hash of a stored MerkleList, in its order.
func ReadList(ctx context.Context, nodes merkle.NodeReader, root object.Hash, fn func(object.Hash) error) error {
	tree, err := merkle.OpenList(nodes, root)
	if err != nil {
		return fmt.Errorf("list %s: %w", root.Short(), err)
	}
	return tree.Walk(0, tree.Len(), func(_ uint64, c merkle.Chunk) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return fn(c.Hash)
	})
}

// Part says which part of a split an id falls into: the parts' weights add up to
// any number, and the choice depends on the id alone, so that an episode never
// leaks from one part into another.
func Part(id object.Hash, weights []uint64) int {
	var total uint64
	for _, w := range weights {
		total += w
	}
	if total == 0 {
		return 0
	}
	at := rank(splitSeed, id) % total
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	return len(weights) - 1
}

var splitSeed = object.SumText("mythos.dataset.split")
