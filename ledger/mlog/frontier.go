package mlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/mythos-project/mythos/store/kv"
)

// Frontier is the right edge of the log's Merkle tree: the roots of the complete subtrees, one for each bit set in the
// size. Appending needs nothing else. It has 62 hashes at most and is stored with the size.
type Frontier struct {
	Size  uint64
	roots [64]tlog.Hash // roots[i] has 2^i leaves; valid where bit i of size is set
}

// Add appends a leaf and returns the roots of the subtrees that it completes, from the leaf's own hash upwards: at most
// 1 + log₂ size, two on average.
func (f *Frontier) Add(leafHash tlog.Hash) []tlog.Hash {
	level := bits.TrailingZeros64(^f.Size)
	added := make([]tlog.Hash, 1, 1+level)
	added[0] = leafHash
	for i := range level {
		leafHash = tlog.NodeHash(f.roots[i], leafHash)
		added = append(added, leafHash)
	}
	f.roots[level] = leafHash
	f.Size++
	return added
}

// AddLeaf appends a leaf by its bytes.
func (f *Frontier) AddLeaf(leaf []byte) { f.Add(tlog.RecordHash(leaf)) }

// Root is the hash of the whole tree (RFC 6962 §2.1).
func (f *Frontier) Root() tlog.Hash {
	if f.Size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // no leaves: nothing is read
		return empty
	}
	low := bits.TrailingZeros64(f.Size)
	h := f.roots[low]
	for i := low + 1; i < 64; i++ {
		if f.Size>>i&1 != 0 {
			h = tlog.NodeHash(f.roots[i], h)
		}
	}
	return h
}

// Append encodes the frontier: the size, then the roots, the smallest subtree first.
func (f *Frontier) Append(value []byte) []byte {
	value = binary.BigEndian.AppendUint64(value, f.Size)
	for i := range f.roots {
		if f.Size>>i&1 != 0 {
			value = append(value, f.roots[i][:]...)
		}
	}
	return value
}

// parseFrontier decodes a frontier.
func parseFrontier(value []byte) (f Frontier, err error) {
	if len(value) < 8 {
		return f, fmt.Errorf("%w: %d bytes where the end of the log should be", ErrEntry, len(value))
	}
	f.Size, value = binary.BigEndian.Uint64(value), value[8:]
	if f.Size > 0 && len(value) == 0 {
		return f, fmt.Errorf("%w: an earlier build began this ledger and laid it out differently; export what is needed with that build, and begin a new repository", ErrEntry)
	}
	if f.Size == 0 || f.Size > MaxEntries || len(value) != bits.OnesCount64(f.Size)*tlog.HashSize {
		return f, fmt.Errorf("%w: the end of a log of %d entries in %d bytes", ErrEntry, f.Size, 8+len(value))
	}
	for i := range f.roots {
		if f.Size>>i&1 != 0 {
			f.roots[i], value = tlog.Hash(value), value[tlog.HashSize:]
		}
	}
	return f, nil
}

// loadFrontier reads the right edge of the stored log, and its stored bytes; nil for an empty log.
func loadFrontier(ctx context.Context, db kv.KV) (Frontier, []byte, error) {
	value, found, err := db.Get(ctx, endKey)
	if err != nil || !found {
		return Frontier{}, nil, err
	}
	f, err := parseFrontier(value)
	return f, value, err
}

func logSize(ctx context.Context, db kv.KV) (uint64, error) {
	f, _, err := loadFrontier(ctx, db)
	return f.Size, err
}

// EdgeStored is the right edge of the log, and its stored bytes; nil for an empty log.
func (l *Log) EdgeStored(ctx context.Context) (Frontier, []byte, error) {
	return loadFrontier(ctx, l.kv)
}

// Size is the number of leaves.
func (l *Log) Size(ctx context.Context) (uint64, error) { return logSize(ctx, l.kv) }
