package transfer

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// Whole reads everything below top except the byte strings that were verified, and returns the first missing or damaged
// part.
func (tr *Transfer) Whole(ctx context.Context, top Top, verified func(Key) bool) error {
	if _, err := tr.Store.BlobRef(ctx, top.ID); errors.Is(err, store.ErrCorrupt) {
		return err
	}
	return tr.walk(ctx, top, nil, func(it Item, load func() ([]byte, error)) error {
		if it.Kind == partBytes && verified(it.Key()) {
			return ctx.Err()
		}
		if _, err := load(); err != nil {
			return err
		}
		return ctx.Err()
	})
}

// ChunksOf returns the range of whole chunks, in bytes, that contains a capability's range. aligned reports that the
// two are the same, or that the blob is not stored.
func (tr *Transfer) ChunksOf(ctx context.Context, read *scope.BlobRead) (start, length uint64, aligned bool) {
	b, err := tr.Store.OpenBlob(ctx, read.CID, codec.Keys{})
	if err != nil {
		return 0, 0, true
	}
	size := b.Ref().Size
	step := size
	if b.Ref().Chunks > 0 {
		tree, err := merkle.OpenChunks(tr.Store.Nodes(ctx), read.CID)
		if err != nil {
			return 0, 0, true
		}
		step = uint64(tree.ChunkSize())
	}
	from, to := uint64(0), size
	if read.RangeStart != nil {
		from = *read.RangeStart
	}
	if read.RangeLen != nil && from < size {
		to = from + min(*read.RangeLen, size-from)
	}
	if from >= to {
		return 0, 0, true
	}
	start, end := from/step*step, min((to+step-1)/step*step, size)
	return start, end - start, start == from && end == to
}
