package lookup

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// ErrReservedRef means that a ref is managed by the repository itself.
var ErrReservedRef = errors.New("the repository keeps this ref itself")

// CheckRef reports whether people may use this name for a ref. It refuses the names of rings, which promotions move,
// and of datasets, which builds set, with an error that wraps ErrReservedRef; the error for an invalid name is
// store.ErrRefName.
func CheckRef(name string) error {
	if _, ring := RingOf(name); ring || strings.HasPrefix(name, DatasetRefs) {
		return fmt.Errorf("ref %s: %w", name, ErrReservedRef)
	}
	return store.CheckRefName(name)
}

// PointRef points a ref to h. With old it does so only if the ref points there now (the zero hash: only if there is
// none); otherwise the error wraps store.ErrChanged. CheckRef says which names are allowed.
func (f *Finder) PointRef(ctx context.Context, name string, h object.Hash, old *object.Hash) error {
	if err := CheckRef(name); err != nil {
		return err
	}
	return f.Store.SetRef(ctx, name, h, old)
}

// RemoveRef removes a ref. CheckRef says which names are allowed; errors are those of store.RemoveRef.
func (f *Finder) RemoveRef(ctx context.Context, name string, old *object.Hash) error {
	if err := CheckRef(name); err != nil {
		return err
	}
	return f.Store.RemoveRef(ctx, name, old)
}

// Named is a ref and its target.
type Named struct {
	Ref    string      `json:"ref"` // without the @
	Target object.Hash `json:"target"`
	Kind   string      `json:"kind"` // of the target; empty: it is not stored
}

// Refs calls fn for the refs whose names begin with prefix, ascending.
func (f *Finder) Refs(ctx context.Context, prefix string, fn func(Named) error) error {
	return f.Store.Refs(ctx, func(name string, h object.Hash) error {
		if !strings.HasPrefix(name, prefix) {
			return nil
		}
		kind, _, err := f.Object(ctx, h)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return fn(Named{name, h, kind})
	})
}

// RingRef returns the ref that names the model now in a ring.
func RingRef(ring uint8) string { return fmt.Sprintf("ring%d", ring) }

// RingOf is the reverse of RingRef.
func RingOf(ref string) (uint8, bool) {
	digits, ok := strings.CutPrefix(ref, "ring")
	ring, err := strconv.ParseUint(digits, 10, 8)
	return uint8(ring), ok && err == nil && RingRef(uint8(ring)) == ref
}

// DatasetRefs is the prefix of the names of refs to datasets.
const DatasetRefs = "dataset/"

// DatasetRefName returns the ref from a manifest to the DatasetRef that says how it was made.
func DatasetRefName(manifest object.Hash) string { return DatasetRefs + manifest.String() }
