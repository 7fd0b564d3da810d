package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Object is a canonical object with its id. The caller has verified it.
type Object struct {
	ID   object.Hash
	Kind string // the struct's name in the protocol, "Receipt"
	Raw  []byte
}

// PutObjects stores objects in one durable update; more than 2 MiB or 4096 objects take several, in order. An object
// that is already here stays unchanged.
func (r *records) PutObjects(ctx context.Context, objs ...Object) error {
	const most = 4096
	put, size := map[string][]byte{}, 0
	for i, o := range objs {
		more, err := r.ObjectUpdate(ctx, o)
		if err != nil {
			return err
		}
		maps.Copy(put, more)
		if more != nil {
			size += 2*len(o.Raw) + 256
		}
		last := i == len(objs)-1
		if len(put) == 0 || (!last && size < maxPending && len(put) < 2*most) {
			continue
		}
		if _, err := r.kv.Update(ctx, nil, put); err != nil {
			return fmt.Errorf("put objects: %w", err)
		}
		put, size = map[string][]byte{}, 0
	}
	return nil
}

// ObjectUpdate is PutObjects for an object that is stored in one update of the KV together with something else, such as
// its receipt. It returns what that update must put; nil: the object is already here.
func (r *records) ObjectUpdate(ctx context.Context, o Object) (put map[string][]byte, err error) {
	id := o.ID.String()
	if _, found, err := r.kv.Get(ctx, kv.Objects+id); err != nil || found {
		return nil, err
	}
	return map[string][]byte{kv.Objects + id: append(append([]byte(o.Kind), 0), o.Raw...), kv.Kinds + o.Kind + "/" + id: indexed(o.Raw)}, nil
}

// Object returns the object with this id. The error wraps ErrNotFound.
func (r *records) Object(ctx context.Context, id object.Hash) (Object, error) {
	value, found, err := r.kv.Get(ctx, kv.Objects+id.String())
	if err != nil {
		return Object{}, err
	}
	if !found {
		return Object{}, fmt.Errorf("object %s: %w", id, ErrNotFound)
	}
	kind, raw, ok := bytes.Cut(value, []byte{0})
	if !ok {
		return Object{}, fmt.Errorf("object %s: %w: no kind", id.Short(), ErrCorrupt)
	}
	return Object{id, string(kind), raw}, nil
}

// maxIndexed is the largest object, in bytes, that the index of its kind copies. A scan over many such objects needs no
// further lookups.
const maxIndexed = 1 << 10

func indexed(raw []byte) []byte {
	if len(raw) > maxIndexed {
		return []byte{}
	}
	return raw
}

// Objects calls fn for every object of a kind, ascending by id. fn may use the store.
func (r *records) Objects(ctx context.Context, kind string, fn func(Object) error) error {
	prefix := kv.Kinds + kind + "/"
	return r.objects(ctx, kind, prefix, kv.End(prefix), func(o Object) error {
		o.Raw = bytes.Clone(o.Raw)
		return fn(o)
	})
}

// ObjectsBetween is Objects for the ids from first to last, both included. The object's
// bytes are valid during fn only.
func (r *records) ObjectsBetween(ctx context.Context, kind string, first, last object.Hash, fn func(Object) error) error {
	prefix := kv.Kinds + kind + "/"
	return r.objects(ctx, kind, prefix+first.String(), prefix+last.String()+"\x00", fn)
}

func (r *records) objects(ctx context.Context, kind, from, to string, fn func(Object) error) error {
	prefix := kv.Kinds + kind + "/"
	return r.kv.Scan(ctx, from, to, func(key string, raw []byte) error {
		id, err := parseKeyHash(key, prefix)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
		}
		if len(raw) > 0 {
			return fn(Object{id, kind, raw})
		}
		o, err := r.Object(ctx, id)
		if err != nil {
			return err
		}
		return fn(o)
	})
}

// Prefixed calls fn with the ids of objects of a kind whose hex digits begin with
// prefix, ascending, until fn returns an error. With the empty kind it lists blobs.
func (r *records) Prefixed(ctx context.Context, kind, prefix string, fn func(object.Hash) error) error {
	space := kv.Kinds + kind + "/"
	if kind == "" {
		space = kv.Blobs
	}
	return r.kv.Scan(ctx, space+prefix, kv.End(space+prefix), func(key string, _ []byte) error {
		id, err := parseKeyHash(key, space)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", key, ErrCorrupt, err)
		}
		return fn(id)
	})
}
