package store

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store/codec"
)

// Whole reports whether every part of the blob is here, without reading the
// chunks. The error wraps ErrNotFound or merkle.ErrNode.
func (b *Blob) Whole(ctx context.Context) error {
	if b.tree == nil {
		return b.s.unchunked(ctx, b.ref)
	}
	return b.tree.Walk(0, b.tree.Len(), func(i uint64, c merkle.Chunk) error {
		have, err := b.s.HasBytes(ctx, c.Hash)
		if err == nil && !have {
			err = fmt.Errorf("chunk %d: %w", i, ErrNotFound)
		}
		return err
	})
}

// unchunked checks an unchunked blob, which is a byte string, a MerkleList or a tree of files.
func (s *Store) unchunked(ctx context.Context, ref object.BlobRef) error {
	have, err := s.HasBytes(ctx, ref.CID)
	if err != nil || have {
		return err
	}
	if raw, err := s.Nodes(ctx).Node(ref.CID); err == nil && tree.Is(raw) {
		return WholeTree(ctx, s, ref.CID, map[object.Hash]bool{})
	}
	list, err := merkle.OpenList(s.Nodes(ctx), ref.CID)
	if err != nil {
		return err
	}
	return list.Nodes(func(object.Hash, []byte) error { return ctx.Err() })
}

// WholeTree checks that every node and every file of a tree is here. It does not check hashes in seen.
func WholeTree(ctx context.Context, s *Store, id object.Hash, seen map[object.Hash]bool) error {
	enter := func(id object.Hash) bool {
		was := seen[id]
		seen[id] = true
		return !was
	}
	return tree.Parts(s.Nodes(ctx), id, enter, func(p tree.Part) error {
		if p.File == nil || !enter(p.ID) {
			return ctx.Err()
		}
		b, err := s.OpenRef(ctx, *p.File, codec.Keys{})
		if err == nil {
			err = b.Whole(ctx)
		}
		if err != nil {
			return fmt.Errorf("file %s: %w", p.ID.Short(), err)
		}
		return ctx.Err()
	})
}
