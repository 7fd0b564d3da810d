package dataset

import (
	"math"
	"slices"
	"sync/atomic"

	"github.com/mythos-project/mythos/object"
)

// candidate is an id for which the predicate holds.
type candidate struct {
	ranked         // rank for HASH_N and strata
	at     int     // position in its block
	bucket *bucket // of strata
}

// bucket is a stratum: its key and the seed of its HASH_N.
type bucket struct {
	key  string // canonical encoding of the value
	seed object.Hash
}

// sampler takes candidates in streaming order. take reports whether no later candidate can change the result.
type sampler interface {
	take(c *candidate) (full bool)
	ids() []object.Hash // in any order
}

func (d *DatasetDef) sampler(cut *atomic.Uint64) sampler {
	switch {
	case d.Stratify != nil:
		return &strata{n: d.Stratify.PerBucketN, buckets: map[string]*smallest{}}
	case d.Sampling.Mode == SampleFirstN:
		return &firstN{n: *d.Sampling.N}
	case d.Sampling.Mode == SampleHashN:
		return &hashN{heap: smallest{n: *d.Sampling.N}, cut: cut}
	}
	return &firstN{n: math.MaxUint64}
}

// firstN takes the first n, or all.
type firstN struct {
	n    uint64
	list []object.Hash
}

func (f *firstN) take(c *candidate) bool {
	if uint64(len(f.list)) < f.n {
		f.list = append(f.list, c.id)
	}
	return uint64(len(f.list)) >= f.n
}

func (f *firstN) ids() []object.Hash { return f.list }

// hashN takes the n smallest. Ranks above cut need not be offered: n better ones are known already.
type hashN struct {
	heap smallest
	cut  *atomic.Uint64
}

func (h *hashN) take(c *candidate) bool {
	h.heap.offer(c.ranked)
	if h.heap.n > 0 && h.heap.full() {
		h.cut.Store(h.heap.kept[0].rank)
	}
	return false // count everything, even if n is 0
}

func (h *hashN) ids() []object.Hash { return h.heap.appendIDs(nil) }

// strata runs HASH_N in each bucket.
type strata struct {
	n       uint64
	buckets map[string]*smallest
}

func (s *strata) take(c *candidate) bool {
	b := s.buckets[c.bucket.key]
	if b == nil {
		b = &smallest{n: s.n}
		s.buckets[c.bucket.key] = b
	}
	b.offer(c.ranked)
	return false
}

func (s *strata) ids() []object.Hash {
	var out []object.Hash
	for _, b := range s.buckets {
		out = b.appendIDs(out)
	}
	return out
}

// newBucket is the stratum of a key under the seed of the strata.
func newBucket(seed object.Hash, key []byte) *bucket {
	return &bucket{string(key), object.Sum(slices.Concat(seed.Sum[:], key))}
}
