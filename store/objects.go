package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// Object is a canonical object under its id. Whoever puts one has verified it.
type Object struct {
	ID   object.Hash
	Kind string // the struct's name in the protocol, "Receipt"
	Raw  []byte
}

// PutObjects keeps objects in one durable update. An object that is there
// already stays as it is.
func (s *Store) PutObjects(ctx context.Context, objs ...Object) error {
	s.running.RLock()
	defer s.running.RUnlock()
	put := make(map[string][]byte, 2*len(objs))
	for _, o := range objs {
		id := o.ID.String()
		put["o/"+id] = append(append([]byte(o.Kind), 0), o.Raw...)
		put["k/"+o.Kind+"/"+id] = []byte{}
	}
	return s.putAbsent(ctx, put)
}

// Object returns the object with this id. The error wraps ErrNotFound.
func (s *Store) Object(ctx context.Context, id object.Hash) (Object, error) {
	value, found, err := s.kv.Get(ctx, "o/"+id.String())
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

// Objects calls fn for every object of a kind, ascending by id. fn may use the store.
func (s *Store) Objects(ctx context.Context, kind string, fn func(Object) error) error {
	const page = 1024
	prefix := "k/" + kind + "/"
	from := prefix
	for {
		var ids []object.Hash
		err := s.kv.Scan(ctx, from, after(prefix), func(key string, _ []byte) error {
			id, err := parseKeyHash(key, prefix)
			if err != nil {
				return err
			}
			if ids = append(ids, id); len(ids) == page {
				return errPage
			}
			return nil
		})
		if err != nil && err != errPage {
			return err
		}
		for _, id := range ids {
			o, err := s.Object(ctx, id)
			if err != nil {
				return err
			}
			if err := fn(o); err != nil {
				return err
			}
		}
		if len(ids) < page {
			return nil
		}
		from = prefix + ids[page-1].String() + "\x00"
	}
}

// errPage ends a scan at the end of a page.
var errPage = fmt.Errorf("page is full")

// SetRef points the ref name to h. With old it does so only if the ref points
// there now (the zero hash: only if there is no such ref); else the error wraps
// ErrChanged.
func (s *Store) SetRef(ctx context.Context, name string, h object.Hash, old *object.Hash) error {
	key := "r/" + name
	for {
		have, found, err := s.kv.Get(ctx, key)
		if err != nil {
			return err
		}
		if old != nil && (found == old.IsZero() || (found && !bytes.Equal(have, old.Sum[:]))) {
			return fmt.Errorf("ref %s %w", name, ErrChanged)
		}
		if !found {
			have = nil
		}
		ok, err := s.kv.Update(ctx, map[string][]byte{key: have}, map[string][]byte{key: h.Sum[:]})
		if err != nil || ok {
			return err
		}
	}
}

// Ref returns what a ref points to. The error wraps ErrNotFound.
func (s *Store) Ref(ctx context.Context, name string) (object.Hash, error) {
	value, found, err := s.kv.Get(ctx, "r/"+name)
	if err != nil {
		return object.Hash{}, err
	}
	if !found {
		return object.Hash{}, fmt.Errorf("ref @%s: %w", name, ErrNotFound)
	}
	return digest(value)
}

// Refs calls fn for every ref, ascending by name.
func (s *Store) Refs(ctx context.Context, fn func(name string, h object.Hash) error) error {
	return s.kv.Scan(ctx, "r/", after("r/"), func(key string, value []byte) error {
		h, err := digest(value)
		if err != nil {
			return err
		}
		return fn(strings.TrimPrefix(key, "r/"), h)
	})
}

// MinPrefix is the number of hex digits that an abbreviated hash must have.
const MinPrefix = 6

// Resolve finds the one object, blob, node or byte string whose hash starts with
// prefix. Errors wrap ErrNotFound or ErrAmbiguous.
func (s *Store) Resolve(ctx context.Context, prefix string) (object.Hash, error) {
	prefix = strings.ToLower(strings.TrimPrefix(prefix, "sha256:"))
	if len(prefix) < MinPrefix || strings.Trim(prefix, "0123456789abcdef") != "" {
		return object.Hash{}, fmt.Errorf("%q: %w: a hash, a prefix of at least %d hex digits or a @ref is expected", prefix, ErrNotFound, MinPrefix)
	}
	matches := map[object.Hash]bool{}
	for _, space := range []string{"o/", "b/", "n/", "c/"} {
		err := s.kv.Scan(ctx, space+prefix, after(space+prefix), func(key string, _ []byte) error {
			h, err := parseKeyHash(key, space)
			matches[h] = true
			if err == nil && len(matches) > 8 {
				err = errPage
			}
			return err
		})
		if err != nil && err != errPage {
			return object.Hash{}, err
		}
	}
	switch len(matches) {
	case 0:
		return object.Hash{}, fmt.Errorf("%s: %w", prefix, ErrNotFound)
	case 1:
		for h := range matches {
			return h, nil
		}
	}
	return object.Hash{}, fmt.Errorf("%s: %w: give more digits", prefix, ErrAmbiguous)
}
