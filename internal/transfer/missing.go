package transfer

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Has reports whether a part is stored. With deep, its bytes are read and verified: a damaged one counts as missing.
func (tr *Transfer) Has(ctx context.Context, it Item, deep bool) (bool, error) {
	var err error
	switch it.Kind {
	case partNode:
		var raw []byte
		if raw, err = tr.Store.Nodes(ctx).Node(it.ID); err == nil && object.Sum(raw) != it.ID {
			return false, nil
		}
	case partBytes:
		if !deep {
			return tr.Store.HasBytes(ctx, it.ID)
		}
		_, err = tr.Store.Bytes(ctx, it.ID)
	case partBlob:
		_, err = tr.Store.BlobRef(ctx, it.ID)
	default:
		_, _, err = tr.Find.Object(ctx, it.ID)
	}
	if errors.Is(err, store.ErrNotFound) || (deep && errors.Is(err, store.ErrCorrupt)) {
		return false, nil
	}
	return err == nil, err
}

// Key names a part. A blob that is a single byte string has the id of its bytes.
type Key struct {
	Rank uint8 // order of storing: 0 nodes and bytes, 1 blobs made of them, 2 objects
	ID   object.Hash
}

// Key returns the name of the item.
func (it Item) Key() Key {
	switch it.Kind {
	case partNode, partBytes:
		return Key{0, it.ID}
	case partBlob:
		return Key{1, it.ID}
	}
	return Key{2, it.ID}
}

// Key returns the name of the part.
func (p Part) Key() Key { return Item{Kind: p.Kind, ID: p.ID}.Key() }
