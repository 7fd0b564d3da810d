package dataset

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"

	"github.com/mythos-project/mythos/object"
)

// Rank is the number by which HASH_N orders ids under a seed, the lowest first: the first 8 bytes of SHA-256(seed ||
// id), big-endian, where seed and id are the raw 32 bytes (spec/datasets.md#selection) [ds-13].
func Rank(seed, id object.Hash) uint64 { return rank(&seed, &id) }

func rank(seed, id *object.Hash) uint64 {
	var buf [64]byte
	copy(buf[:32], seed.Sum[:])
	copy(buf[32:], id.Sum[:])
	sum := sha256.Sum256(buf[:])
	return binary.BigEndian.Uint64(sum[:8])
}

// ranked is an id with its rank.
type ranked struct {
	rank uint64
	id   object.Hash
}

func (a *ranked) compare(b *ranked) int {
	if a.rank != b.rank {
		return cmp.Compare(a.rank, b.rank)
	}
	return a.id.Compare(b.id)
}

// smallest keeps the n smallest of the offered ids, ties by id ascending. The result does not depend on the order of
// the offers. An offer costs one comparison, and log n more if it is kept.
type smallest struct {
	n    uint64
	kept largestFirst
}

// full reports whether keeping another id would push one out.
func (s *smallest) full() bool { return uint64(len(s.kept)) >= s.n }

func (s *smallest) offer(r ranked) {
	switch {
	case !s.full():
		heap.Push(&s.kept, r)
	case s.n > 0 && r.compare(&s.kept[0]) < 0:
		s.kept[0] = r
		heap.Fix(&s.kept, 0)
	}
}

// largestFirst is a heap.Interface with the largest at the top.
type largestFirst []ranked

func (h largestFirst) Len() int           { return len(h) }
func (h largestFirst) Less(i, j int) bool { return h[i].compare(&h[j]) > 0 }
func (h largestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *largestFirst) Push(x any) { *h = append(*h, x.(ranked)) }

// Pop implements heap.Interface.
func (h *largestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (s *smallest) appendIDs(dst []object.Hash) []object.Hash {
	for i := range s.kept {
		dst = append(dst, s.kept[i].id)
	}
	return dst
}
