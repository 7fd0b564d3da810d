package why

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Local is the Resolver over a registry and its stores.
type Local struct {
	Registry *registry.Registry
	Nodes    func(ctx context.Context) merkle.NodeReader // *store.Store has it
	// BlobRef finds the reference of a blob; its error wraps store.ErrNotFound. *store.Store has it. Without it, walks
	// do not start at blobs.
	BlobRef func(ctx context.Context, cid object.Hash) (object.BlobRef, error)
}

var _ Resolver = (*Local)(nil)

// Raw implements Resolver. It looks for receipts in the ledger and then, for those of another executor, among the
// objects.
func (l *Local) Raw(ctx context.Context, kind string, id object.Hash) ([]byte, error) {
	switch kind {
	case KindBytes:
		return l.Registry.Responses.Bytes(ctx, id)
	case KindNode:
		return l.Nodes(ctx).Node(id)
	case "BlobRef":
		return l.blobRef(ctx, id)
	case "Receipt":
		raw, err := l.Registry.Receipts.Receipt(ctx, id)
		if !errors.Is(err, ledger.ErrNotFound) {
			return raw, err
		}
	case "PromotionRecord":
		_, raw, err := l.Registry.Record(ctx, id)
		if !errors.Is(err, model.ErrNotFound) {
			return raw, err
		}
	}
	o, err := l.Registry.Store.Object(ctx, id)
	if err != nil {
		return nil, err
	}
	if o.Kind != kind {
		return nil, fmt.Errorf("%s: %w: it is a %s, not a %s", id.Short(), object.ErrID, o.Kind, kind)
	}
	return o.Raw, nil
}

func (l *Local) blobRef(ctx context.Context, cid object.Hash) ([]byte, error) {
	if l.BlobRef == nil {
		return nil, fmt.Errorf("blob %s: %w", cid.Short(), store.ErrNotFound)
	}
	ref, err := l.BlobRef(ctx, cid)
	if err != nil {
		return nil, err
	}
	return can.Marshal(&ref)
}

// Kind implements Resolver.
func (l *Local) Kind(ctx context.Context, id object.Hash) (string, error) {
	o, err := l.Registry.Store.Object(ctx, id)
	if err == nil {
		return o.Kind, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	for _, kind := range []string{"Receipt", "PromotionRecord", "BlobRef", KindNode, KindBytes} {
		_, err := l.Raw(ctx, kind, id)
		if err == nil {
			return kind, nil
		}
		if !model.NotHere(err) {
			return "", err
		}
	}
	return "", nil
}

// Related implements Resolver.
func (l *Local) Related(ctx context.Context, id object.Hash, kind string) ([]object.Hash, error) {
	if kind != "Signal" {
		return l.Registry.About(ctx, id, kind)
	}
	prefix := kv.Signals + id.String() + "/" // the index of package dataset
	var list []object.Hash
	err := l.Registry.KV.Scan(ctx, prefix, kv.End(prefix), func(key string, _ []byte) error {
		if len(list) == registry.MaxIndexed {
			return nil
		}
		h, err := object.ParseHash(strings.TrimPrefix(key, prefix))
		list = append(list, h)
		return err
	})
	return list, err
}

// Ring implements Resolver.
func (l *Local) Ring(ctx context.Context, ring uint8) (*Standing, error) {
	state, err := l.Registry.State(ctx, ring)
	if err != nil {
		return nil, err
	}
	s := &Standing{RingState: *state}
	if s.Hold, err = l.Registry.HoldID(ctx, ring); err != nil {
		return nil, err
	}
	s.Policy, err = l.Registry.PolicyID(ctx, ring)
	return s, err
}
