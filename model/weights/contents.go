package weights

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store/codec"
)

// Each calls fn for each file of a blob of a model under a name: for the blob itself, or,
// where it is a tree, for all that is in it, as NAME/PATH.
func Each(ctx context.Context, s model.Blobs, name string, ref object.BlobRef, fn func(name string, e tree.Entry, ref object.BlobRef) error) error {
	if ref.Media != tree.Media {
		return fn(name, tree.Entry{Kind: tree.File}, ref)
	}
	raw, err := s.Nodes(ctx).Node(ref.CID)
	if err != nil {
		return fmt.Errorf("tree %s: %w", ref.CID.Short(), err)
	}
	if uint64(len(raw)) != ref.Size {
		return fmt.Errorf("tree %s has %d bytes, its reference says %d", ref.CID.Short(), len(raw), ref.Size)
	}
	if err := fn(name, tree.Entry{Kind: tree.Folder}, ref); err != nil {
		return err
	}
	return Walk(ctx, s.Nodes(ctx), ref.CID, func(path string, e tree.Entry) error {
		if e.Kind == tree.Folder {
			return fn(name+"/"+path, e, object.BlobRef{})
		}
		return fn(name+"/"+path, e, e.Blob())
	})
}

// Verify reads every stored chunk of a blob, or of each file of a tree; the store checks their
// hashes.
func Verify(ctx context.Context, s model.Blobs, ref object.BlobRef) error {
	return Each(ctx, s, "", ref, func(name string, e tree.Entry, ref object.BlobRef) error {
		if e.Kind == tree.Folder {
			return nil
		}
		err := verifyBlob(ctx, s, ref)
		if err != nil && name != "" {
			err = fmt.Errorf("%s: %w", name[1:], err)
		}
		return err
	})
}

func verifyBlob(ctx context.Context, s model.Blobs, ref object.BlobRef) error {
	b, err := s.OpenRef(ctx, ref, codec.Keys{})
	if err != nil {
		return err
	}
	defer b.Close()
	size := uint64(0)
	for i := range max(1, uint64(ref.Chunks)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		chunk, err := b.Chunk(ctx, i)
		if err != nil {
			return err
		}
		size += uint64(len(chunk))
	}
	if size != ref.Size {
		return fmt.Errorf("blob %s has %d bytes, its reference says %d", ref.CID.Short(), size, ref.Size)
	}
	return nil
}
