package dataset

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"

	"github.com/mythos-project/mythos/object"
)

// Rank is the number by which HASH_N orders ids under a seed, the lowest first: the
// first 8 bytes of SHA-256(seed || id), big-endian, where seed and id are the raw 32
// bytes (spec/datasets.md#selection) [ds-13].
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
	return bytes.Compare(a.id.Sum[:], b.id.Sum[:])
}

// smallest keeps the n smallest of what is offered, ties by id ascending, in a
// max-heap: the largest kept is at the top. Which ids it keeps does not depend on
// the order of the offers. An offer costs one comparison, and log n where it is kept.
type smallest struct {
	n    uint64
	kept []ranked
}

// full reports whether another id is kept only by driving one out.
func (s *smallest) full() bool { return uint64(len(s.kept)) >= s.n }

func (s *smallest) offer(r ranked) {
	switch {
	case !s.full():
		s.kept = append(s.kept, r)
		s.up(len(s.kept) - 1)
	case s.n > 0 && r.compare(&s.kept[0]) < 0:
		s.kept[0] = r
		s.down()
	}
}

func (s *smallest) up(i int) {
	r := s.kept[i]
	for i > 0 {
		parent := (i - 1) / 2
		if s.kept[parent].compare(&r) >= 0 {
			break
		}
		s.kept[i] = s.kept[parent]
		i = parent
	}
	s.kept[i] = r
}

func (s *smallest) down() {
	r, i := s.kept[0], 0
	for {
		child := 2*i + 1
		if child >= len(s.kept) {
			break
		}
		if right := child + 1; right < len(s.kept) && s.kept[right].compare(&s.kept[child]) > 0 {
			child = right
		}
		if r.compare(&s.kept[child]) >= 0 {
			break
		}
		s.kept[i] = s.kept[child]
		i = child
	}
	s.kept[i] = r
}

func (s *smallest) appendIDs(dst []object.Hash) []object.Hash {
	for i := range s.kept {
		dst = append(dst, s.kept[i].id)
	}
	return dst
}
