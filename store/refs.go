package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// SetRef points the ref name to h. With old it does so only if the ref points to old now (the zero hash: only if there
// is no such ref); otherwise the error wraps ErrChanged. The error for an invalid name wraps ErrRefName.
func (r *refs) SetRef(ctx context.Context, name string, h object.Hash, old *object.Hash) error {
	if err := CheckRefName(name); err != nil {
		return err
	}
	key := kv.Refs + name
	for {
		have, found, err := r.kv.Get(ctx, key)
		if err != nil {
			return err
		}
		if old != nil && (found == old.IsZero() || (found && !bytes.Equal(have, old.Sum[:]))) {
			return fmt.Errorf("ref %s %w", name, ErrChanged)
		}
		if !found {
			have = nil
		}
		ok, err := r.kv.Update(ctx, map[string][]byte{key: have}, map[string][]byte{key: h.Sum[:]})
		if err != nil || ok {
			return err
		}
	}
}

// ErrRefName means that a text cannot name a ref.
var ErrRefName = errors.New("not a name for a ref")

// CheckRefName accepts 1 to 255 bytes of UTF-8 without spaces and control characters. The error wraps ErrRefName.
func CheckRefName(name string) error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) }
	if name == "" || len(name) > 255 || !utf8.ValidString(name) || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%q: %w: 1 to 255 bytes without spaces are expected", name, ErrRefName)
	}
	return nil
}

// Ref returns the target of a ref. The error wraps ErrNotFound.
func (r *refs) Ref(ctx context.Context, name string) (object.Hash, error) {
	value, found, err := r.kv.Get(ctx, kv.Refs+name)
	if err != nil {
		return object.Hash{}, err
	}
	if !found {
		return object.Hash{}, fmt.Errorf("ref @%s: %w", name, ErrNotFound)
	}
	return digest(value)
}

// Refs calls fn for every ref, ascending by name.
func (r *refs) Refs(ctx context.Context, fn func(name string, h object.Hash) error) error {
	return r.kv.Scan(ctx, kv.Refs, kv.End(kv.Refs), func(key string, value []byte) error {
		h, err := digest(value)
		if err != nil {
			return err
		}
		return fn(strings.TrimPrefix(key, kv.Refs), h)
	})
}

// RemoveRef removes a ref. With old it does so only if the ref points to old now; otherwise the error wraps ErrChanged.
// If there is no such ref, the error wraps ErrNotFound.
func (r *refs) RemoveRef(ctx context.Context, name string, old *object.Hash) error {
	key := kv.Refs + name
	for {
		h, err := r.Ref(ctx, name)
		if err != nil {
			return err
		}
		if old != nil && h != *old {
			return fmt.Errorf("ref %s %w", name, ErrChanged)
		}
		ok, err := r.kv.Update(MakingRoom(ctx), map[string][]byte{key: h.Sum[:]}, map[string][]byte{key: nil})
		if err != nil || ok {
			return err
		}
	}
}
