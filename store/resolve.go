package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// MinPrefix is the number of hex digits that an abbreviated hash must have.
const MinPrefix = 6

// Resolve finds the one object, blob, node or small byte string whose hash starts
// with prefix. Errors wrap ErrNotFound or are an *AmbiguousError.
func (r *records) Resolve(ctx context.Context, prefix string) (object.Hash, error) {
	prefix = strings.ToLower(strings.TrimPrefix(prefix, "sha256:"))
	if len(prefix) < MinPrefix || strings.Trim(prefix, "0123456789abcdef") != "" {
		return object.Hash{}, fmt.Errorf("%q: %w: a hash, a prefix of at least %d hex digits or a @ref is expected", prefix, ErrNotFound, MinPrefix)
	}
	var matches []object.Hash
	for _, space := range []string{kv.Objects, kv.Blobs, kv.Nodes, kv.Bytes, kv.Packed} {
		found, err := r.withPrefix(ctx, space, prefix)
		if err != nil {
			return object.Hash{}, err
		}
		matches = append(matches, found...)
	}
	slices.SortFunc(matches, object.Hash.Compare)
	matches = slices.Compact(matches)
	switch len(matches) {
	case 0:
		return object.Hash{}, fmt.Errorf("%s: %w", prefix, ErrNotFound)
	case 1:
		return matches[0], nil
	}
	return object.Hash{}, &AmbiguousError{prefix, matches[:min(len(matches), MaxCandidates)]}
}

// errPage ends a scan that has found enough.
var errPage = errors.New("page is full")

// withPrefix returns the first few hashes in a key space.
func (r *records) withPrefix(ctx context.Context, space, prefix string) (found []object.Hash, err error) {
	err = r.kv.Scan(ctx, space+prefix, kv.End(space+prefix), func(key string, _ []byte) error {
		h, err := parseKeyHash(key, space)
		if err != nil {
			return err
		}
		if found = append(found, h); len(found) > MaxCandidates {
			return errPage
		}
		return nil
	})
	if errors.Is(err, errPage) {
		err = nil
	}
	return found, err
}
