package dataset

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// Change is an id that is in only one of two manifests.
type Change struct {
	ID    object.Hash
	Added bool // it is in the second; otherwise it was removed
}

// DiffStats counts the results of a comparison.
type DiffStats struct{ Same, Added, Removed uint64 }

// ErrUnsorted means that a manifest is not strictly ascending.
var ErrUnsorted = errors.New("the manifest is not ascending")

// Diff calls fn for every id that is in only one of the manifests a and b, ascending. It holds a few blocks of each.
func Diff(ctx context.Context, nodes merkle.NodeReader, a, b object.Hash, fn func(Change) error) (stats DiffStats, err error) {
	s := stream{nodes: nodes}
	sides, err := s.open(ctx, []object.Hash{a, b})
	defer closeAll(sides)
	for err == nil && (sides[0].ok || sides[1].ok) {
		err = diffStep(sides[0], sides[1], &stats, fn)
	}
	var unsorted *unsortedError
	if errors.As(err, &unsorted) {
		err = fmt.Errorf("%s: %w", unsorted.root.Short(), ErrUnsorted)
	}
	return stats, err
}

func diffStep(a, b *cursor, stats *DiffStats, fn func(Change) error) error {
	order := 0
	switch {
	case !a.ok:
		order = 1
	case !b.ok:
		order = -1
	default:
		order = a.id().Compare(*b.id())
	}
	switch {
	case order < 0:
		stats.Removed++
		return errors.Join(fn(Change{ID: *a.id()}), a.next())
	case order > 0:
		stats.Added++
		return errors.Join(fn(Change{ID: *b.id(), Added: true}), b.next())
	}
	stats.Same++
	return errors.Join(a.next(), b.next())
}
