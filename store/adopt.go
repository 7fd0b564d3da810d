package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store/codec"
)

// Adopt makes blobs visible whose parts arrived one by one (Intake), once all parts of all of them are here and
// durable. The error wraps ErrNotFound if a part is missing.
func (s *Store) Adopt(ctx context.Context, refs ...object.BlobRef) (err error) {
	a := &adoption{s: s}
	defer func() {
		if a.chunks != nil {
			err = errors.Join(err, a.chunks.Close())
		}
	}()
	items := make([]*staged, len(refs))
	for i, ref := range refs {
		if err := a.find(ctx, ref); err != nil {
			return fmt.Errorf("adopt blob %s: %w", ref.CID.Short(), err)
		}
		items[i] = &staged{ref: ref}
	}
	if a.chunks != nil {
		if err := a.chunks.Sync(ctx); err != nil {
			return err
		}
	}
	return s.commit(ctx, items)
}

// adoption finds the parts of blobs.
type adoption struct {
	s      *Store
	chunks ChunkPut // nil until there is a large chunk
}

func (a *adoption) find(ctx context.Context, ref object.BlobRef) error {
	b, err := a.s.OpenRef(ctx, ref, codec.Keys{})
	if err != nil {
		return err
	}
	if b.tree == nil {
		return a.s.unchunked(ctx, ref)
	}
	return b.tree.Walk(0, b.tree.Len(), func(i uint64, c merkle.Chunk) error {
		have, err := a.chunk(ctx, c)
		if err == nil && !have {
			err = fmt.Errorf("chunk %d: %w", i, ErrNotFound)
		}
		return err
	})
}

func (a *adoption) chunk(ctx context.Context, c merkle.Chunk) (have bool, err error) {
	if c.Len <= SmallChunk {
		return a.s.HasBytes(ctx, c.Hash)
	}
	if a.chunks == nil {
		if a.chunks, err = a.s.chunks.Begin(ctx, true); err != nil {
			return false, err
		}
	}
	return a.chunks.FindChunk(ctx, c.Hash, int64(c.Len))
}
