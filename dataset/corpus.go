package dataset

import (
	"context"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/dataset/signal"
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

// Snapshot stores the MerkleList over ids, sorted and without repeats, durably. It returns its reference
// (spec/datasets.md#manifest: cid the root, codec raw, no chunks, size that of the root node) and the number of ids in
// it. It does not change ids.
func Snapshot(ctx context.Context, s *store.Store, media string, ids []object.Hash) (object.BlobRef, uint64, error) {
	ids = sorted(slices.Clone(ids))
	return s.PutList(ctx, media, func(b *merkle.ListBuilder) error {
		for i, id := range ids {
			if i%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := b.Add(id); err != nil {
				return err
			}
		}
		return nil
	})
}

// SnapshotCorpus is Snapshot over episode ids.
func SnapshotCorpus(ctx context.Context, s *store.Store, ids []object.Hash) (object.BlobRef, uint64, error) {
	return Snapshot(ctx, s, MediaCorpus, ids)
}

// SnapshotEpisodes makes a corpus of all episodes in a store.
func SnapshotEpisodes(ctx context.Context, s *store.Store) (object.BlobRef, uint64, error) {
	var ids []object.Hash
	err := s.Objects(ctx, KindEpisode, func(o store.Object) error {
		ids = append(ids, o.ID)
		return ctx.Err()
	})
	if err != nil {
		return object.BlobRef{}, 0, fmt.Errorf("episodes: %w", err)
	}
	return SnapshotCorpus(ctx, s, ids)
}

// SnapshotSignals makes a signal log: the MerkleList over the ids, ascending, of the indexed signals for which keep is
// true (nil: all). A definition names the log by its root.
func SnapshotSignals(ctx context.Context, s *store.Store, keep func(*signal.Signal) bool) (object.BlobRef, uint64, error) {
	ids, err := signal.IDs(ctx, s, keep)
	if err != nil {
		return object.BlobRef{}, 0, err
	}
	return Snapshot(ctx, s, MediaSignals, ids)
}

// sorted sorts ids in place and removes repeats.
func sorted(ids []object.Hash) []object.Hash {
	if !slices.IsSortedFunc(ids, object.Hash.Compare) {
		slices.SortFunc(ids, object.Hash.Compare)
	}
	return slices.Compact(ids)
}

// ReadList calls fn for each hash of a stored MerkleList, in its order. It holds one leaf. Errors wrap merkle.ErrNode
// or those of the reader and of fn.
func ReadList(ctx context.Context, nodes merkle.NodeReader, root object.Hash, fn func(object.Hash) error) error {
	tree, err := merkle.OpenList(nodes, root)
	if err != nil {
		return fmt.Errorf("list %s: %w", root.Short(), err)
	}
	return tree.Walk(0, tree.Len(), func(i uint64, c merkle.Chunk) error {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return fn(c.Hash)
	})
}

// ReadCorpus calls fn for each id of a corpus or manifest, in its own order, and reports whether the order is strictly
// ascending, as it should be.
func ReadCorpus(ctx context.Context, nodes merkle.NodeReader, root object.Hash, fn func(object.Hash) error) (strict bool, err error) {
	strict = true
	var last object.Hash
	err = ReadList(ctx, nodes, root, func(id object.Hash) error {
		strict = strict && last.Compare(id) < 0 // the zero Hash is less than any other
		last = id
		return fn(id)
	})
	return strict, err
}
