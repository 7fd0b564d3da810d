package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is the right edge of the log's Merkle tree: the roots of the complete
// subtrees that its leaves fall into, one for each bit set in the size. It is all
// that appending needs to know, 62 hashes at most, and kept beside the size.
type frontier struct {
	size  uint64
	roots [64]tlog.Hash // roots[i] has 2^i leaves; valid where bit i of size is set
}

// add appends a leaf and returns the roots of the subtrees that it completes, from the
// leaf's own hash up: at most 1 + log₂ size, two on average.
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

// append encodes the frontier: the size, then the roots, the smallest subtree first.
func (f *frontier) append(value []byte) []byte {
	value = binary.BigEndian.AppendUint64(value, f.size)
	for i := range f.roots {
		if f.size>>i&1 != 0 {
			value = append(value, f.roots[i][:]...)
		}
	}
	return value
}

// parseFrontier is the reverse.
func parseFrontier(value []byte) (f frontier, err error) {
	if len(value) < 8 {
		return f, fmt.Errorf("%w: %d bytes where the end of the log should be", ErrEntry, len(value))
	}
	f.size, value = binary.BigEndian.Uint64(value), value[8:]
	if f.size > 0 && len(value) == 0 {
		return f, fmt.Errorf("%w: an earlier build began this ledger and laid it out differently; export what is needed with that build, and begin a new repository", ErrEntry)
	}
	if f.size == 0 || f.size > maxEntries || len(value) != bits.OnesCount64(f.size)*tlog.HashSize {
		return f, fmt.Errorf("%w: the end of a log of %d entries in %d bytes", ErrEntry, f.size, 8+len(value))
	}
	for i := range f.roots {
		if f.size>>i&1 != 0 {
			f.roots[i], value = tlog.Hash(value), value[tlog.HashSize:]
		}
	}
	return f, nil
}

// loadFrontier reads the right edge of the stored log, and how it is stored; an empty
// log's is nil.
func loadFrontier(ctx context.Context, kv KV) (frontier, []byte, error) {
	value, found, err := kv.Get(ctx, endKey)
	if err != nil || !found {
		return frontier{}, nil, err
	}
	f, err := parseFrontier(value)
	return f, value, err
}

func logSize(ctx context.Context, kv KV) (uint64, error) {
	f, _, err := loadFrontier(ctx, kv)
	return f.size, err
}
