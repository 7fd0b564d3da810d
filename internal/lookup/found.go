package lookup

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// Object returns the thing with this hash, and its kind: an object, a receipt of the ledger, a blob's reference, a
// Merkle node, or plain bytes.
func (f *Finder) Object(ctx context.Context, id object.Hash) (kind string, raw []byte, err error) {
	o, err := f.Store.Object(ctx, id)
	if err == nil {
		return o.Kind, o.Raw, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", nil, err
	}
	if raw, err := f.Ledger.Receipt(ctx, id); err == nil {
		return dataset.KindReceipt, raw, nil
	}
	if r, err := f.Exec.RunRecord(ctx, id); err == nil {
		raw, err := can.Marshal(r)
		return "RunRecord", raw, err
	}
	node, nodeErr := f.Store.Nodes(ctx).Node(id)
	if nodeErr == nil && tree.Is(node) {
		return tree.NodeKind(node), node, nil
	}
	if ref, err := f.Store.BlobRef(ctx, id); err == nil {
		raw, err := can.Marshal(&ref)
		return "BlobRef", raw, err
	}
	if nodeErr == nil {
		return tree.NodeKind(node), node, nil
	}
	return "", nil, fmt.Errorf("%s: %w", id, store.ErrNotFound)
}
