package dataset

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// rank is the key by which HASH_N orders ids: the first 8 bytes of
// SHA-256(seed || id), big-endian. Seed and id are the raw 32 bytes.
func rank(seed, id object.Hash) uint64 {
	var buf [64]byte
	copy(buf[:32], seed.Sum[:])
	copy(buf[32:], id.Sum[:])
	sum := sha256.Sum256(buf[:])
	return binary.BigEndian.Uint64(sum[:8])
}

type ranked struct {
	rank uint64
	id   object.Hash
}

func (a ranked) compare(b ranked) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), a.id.Compare(b.id))
}

// smallest keeps the n smallest of what is offered, ties by id ascending. It is a
// max-heap: the largest kept is on top. Which ids it keeps does not depend on the
// order of the offers.
type smallest struct {
	n    uint64
	kept []ranked
}

func (s *smallest) Len() int           { return len(s.kept) }
func (s *smallest) Less(i, j int) bool { return s.kept[i].compare(s.kept[j]) > 0 }
func (s *smallest) Swap(i, j int)      { s.kept[i], s.kept[j] = s.kept[j], s.kept[i] }
func (s *smallest) Push(x any)         { s.kept = append(s.kept, x.(ranked)) }
func (s *smallest) Pop() any {
	last := s.kept[len(s.kept)-1]
	s.kept = s.kept[:len(s.kept)-1]
	return last
}

func (s *smallest) offer(r ranked) {
	switch {
	case uint64(len(s.kept)) < s.n:
		heap.Push(s, r)
	case s.n > 0 && r.compare(s.kept[0]) < 0:
		s.kept[0] = r
		heap.Fix(s, 0)
	}
}

// sampler takes the ids that pass the predicate, in streaming order.
type sampler interface {
	take(id object.Hash, key []byte)
	full() bool // nothing that comes can change the result
	ids() []object.Hash
}

func (d *DatasetDef) sampler() sampler {
	switch {
	case d.Stratify != nil:
		return &strata{n: d.Stratify.PerBucketN, seed: d.Stratify.Seed, buckets: map[string]*smallest{}, seeds: map[string]object.Hash{}}
	case d.Sampling.Mode == SampleFirstN:
		return &firstN{n: *d.Sampling.N}
	case d.Sampling.Mode == SampleHashN:
		return &hashN{seed: d.Sampling.Seed, heap: smallest{n: *d.Sampling.N}}
	}
	return &firstN{n: 1<<64 - 1}
}

type firstN struct {
	n    uint64
	list []object.Hash
}

func (f *firstN) take(id object.Hash, _ []byte) {
	if uint64(len(f.list)) < f.n {
		f.list = append(f.list, id)
	}
}
func (f *firstN) full() bool         { return uint64(len(f.list)) >= f.n }
func (f *firstN) ids() []object.Hash { return f.list }

type hashN struct {
	seed object.Hash
	heap smallest
}

func (h *hashN) take(id object.Hash, _ []byte) { h.heap.offer(ranked{rank(h.seed, id), id}) }
func (h *hashN) full() bool                    { return h.heap.n == 0 }
func (h *hashN) ids() []object.Hash            { return h.heap.ids() }

func (s *smallest) ids() []object.Hash {
	out := make([]object.Hash, len(s.kept))
	for i, r := range s.kept {
		out[i] = r.id
	}
	return out
}

// strata runs HASH_N in each bucket with the seed SHA-256(seed || canonical(key)).
type strata struct {
	n       uint64
	seed    object.Hash
	buckets map[string]*smallest
	seeds   map[string]object.Hash
}

func (s *strata) take(id object.Hash, key []byte) {
	b := s.buckets[string(key)]
	if b == nil {
		b = &smallest{n: s.n}
		s.buckets[string(key)] = b
		s.seeds[string(key)] = object.Sum(slices.Concat(s.seed.Sum[:], key))
	}
	b.offer(ranked{rank(s.seeds[string(key)], id), id})
}
func (s *strata) full() bool { return s.n == 0 }
func (s *strata) ids() []object.Hash {
	var out []object.Hash
	for _, b := range s.buckets {
		out = append(out, b.ids()...)
	}
	return out
}
