package model

import (
	"context"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// Blobs stores weights and configurations; *store.Store is one.
type Blobs interface {
	PutBlob(ctx context.Context, r io.Reader, o store.PutOptions) (object.BlobRef, error)
	OpenRef(ctx context.Context, ref object.BlobRef, o codec.Keys) (*store.Blob, error)
	Nodes(ctx context.Context) merkle.NodeReader
}

// Objects stores verified canonical objects; *store.Store is one.
type Objects interface {
	PutObjects(ctx context.Context, objs ...store.Object) error
	Object(ctx context.Context, id object.Hash) (store.Object, error)
	Objects(ctx context.Context, kind string, fn func(store.Object) error) error
}

// Store is the store that training, evaluation and the registry need.
type Store interface {
	Blobs
	Objects
}

// Load finds an object of a kind and opens it.
func Load[T any](ctx context.Context, s Objects, id object.Hash, kind string, rule object.Rule,
	open func([]byte, object.Rule) (*T, object.Hash, error)) (*T, error) {
	o, err := s.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	v, got, err := open(o.Raw, rule)
	if err == nil && (got != id || o.Kind != kind) {
		err = fmt.Errorf("%w: it is a %s with id %s", object.ErrID, o.Kind, got)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, id.Short(), err)
	}
	return v, nil
}
