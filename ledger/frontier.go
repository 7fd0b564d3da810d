package ledger

import (
	"context"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is the right edge of the log's Merkle tree: the roots of the complete
// subtrees that its leaves fall into, one for each bit set in the size. It is all
// that appending needs to know, 64 hashes at most.
type frontier struct {
	size  uint64
	roots [64]tlog.Hash // roots[i] has 2^i leaves; valid where bit i of size is set
}

// add appends a leaf and returns the hashes to be stored, from the leaf's own up;
// they are those of tlog.StoredHashes, at most 1 + log₂ size.
func (f *frontier) add(leafHash tlog.Hash) []tlog.Hash {
	level := bits.TrailingZeros64(^f.size)
	added := make([]tlog.Hash, 1, 1+level)
	added[0] = leafHash
	for i := range level {
		leafHash = tlog.NodeHash(f.roots[i], leafHash)
		added = append(added, leafHash)
	}
	f.roots[level] = leafHash
	f.size++
	return added
}

// root is the hash of the whole tree (RFC 6962 §2.1).
func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // of no leaves: nothing is read
		return empty
	}
	low := bits.TrailingZeros64(f.size)
	h := f.roots[low]
	for i := low + 1; i < 64; i++ {
		if f.size>>i&1 != 0 {
			h = tlog.NodeHash(f.roots[i], h)
		}
	}
	return h
}

// loadFrontier reads the right edge of the stored log.
func loadFrontier(ctx context.Context, kv KV) (frontier, error) {
	size, err := logSize(ctx, kv)
	if err != nil {
		return frontier{}, err
	}
	f := frontier{size: size}
	for i := range 63 {
		if size>>i&1 == 0 {
			continue
		}
		if f.roots[i], err = storedHash(ctx, kv, tlog.StoredHashIndex(i, int64(size>>i)-1)); err != nil {
			return frontier{}, err
		}
	}
	return f, nil
}

func storedHash(ctx context.Context, kv KV, index int64) (h tlog.Hash, err error) {
	value, found, err := kv.Get(ctx, hashKey(index))
	if err != nil {
		return h, err
	}
	if !found || len(value) != tlog.HashSize {
		return h, fmt.Errorf("%w: hash %d of the log is missing", ErrEntry, index)
	}
	return tlog.Hash(value), nil
}

// hashReader reads the stored hashes of the log.
func hashReader(ctx context.Context, kv KV) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			h, err := storedHash(ctx, kv, index)
			if err != nil {
				return nil, err
			}
			out[i] = h
		}
		return out, nil
	})
}
