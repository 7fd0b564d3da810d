package indexes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/recall"
	"github.com/mythos-project/mythos/internal/vector"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// By is a measure of similarity.
type By uint8

// What a search can compare.
const (
	ByBoth    By = iota // if the index has vectors; otherwise words
	ByWords             // BM25
	ByVectors           // cosine similarity
)

// ErrNoVectors means that an index without vectors was searched by vectors.
var ErrNoVectors = errors.New("it has no vectors")

// Recalled is an episode that a search of an index found.
type Recalled struct {
	Episode object.Hash             `json:"episode"`
	Score   int64                   `json:"score_micro"` // in millionths, of BM25, the cosine, or the sum of reciprocal ranks; higher is more similar
	Excerpt string                  `json:"excerpt"`
	Signals []episodes.SampleSignal `json:"signals"` // its signals now
}

// Searcher is an open index of this repository, at its newest state.
type Searcher struct {
	State *model.IndexState

	n *Indexes
	x *recall.Index
	v *vector.File // nil: it has none
}

// Open opens an index for searches. Close it after use.
func (i *Indexes) Open(ctx context.Context, name string) (*Searcher, error) {
	s, err := i.Models.Index(ctx, name)
	if err != nil {
		return nil, err
	}
	x, err := i.openIndex(ctx, s)
	if err != nil {
		return nil, err
	}
	open := &Searcher{State: s, n: i, x: x}
	if s.Vectors != nil {
		if open.v, err = i.openVectors(ctx, s); err != nil {
			return nil, errors.Join(err, x.Close())
		}
	}
	return open, nil
}

// Close closes the index.
func (s *Searcher) Close() error {
	err := s.x.Close()
	if s.v != nil {
		err = errors.Join(err, s.v.Close())
	}
	return err
}

// found is an episode that a search found.
type found struct {
	id      object.Hash
	score   int64
	excerpt string // empty: not read yet
}

const (
	fused  = 100 // how many results of each search are fused, at least
	rrfK   = 60
	micros = 1_000_000
)

// Search finds the episodes most similar to a text, most similar first, at most limit.
func (s *Searcher) Search(ctx context.Context, text string, limit int, by By) ([]Recalled, error) {
	var hits []found
	var err error
	switch {
	case by == ByVectors && s.v == nil:
		err = ErrNoVectors
	case by == ByVectors:
		hits, err = s.byVectors(ctx, text, limit)
	case by == ByWords || s.v == nil:
		hits, err = s.byWords(ctx, text, limit)
	default:
		hits, err = s.byBoth(ctx, text, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", s.State.Name, err)
	}
	list := make([]Recalled, 0, len(hits))
	for _, h := range hits {
		sample, err := s.n.Episodes.Sample(ctx, h.id)
		if err != nil {
			return nil, err
		}
		if h.excerpt == "" {
			h.excerpt = beginning(sample.Request)
		}
		list = append(list, Recalled{h.id, h.score, h.excerpt, sample.Signals})
	}
	return list, nil
}

func (s *Searcher) byWords(ctx context.Context, text string, limit int) ([]found, error) {
	hits, err := s.x.Search(ctx, text, limit)
	if err != nil {
		return nil, err
	}
	list := make([]found, len(hits))
	for i, h := range hits {
		id, err := object.ParseHash(h.ID)
		if err != nil {
			return nil, err
		}
		list[i] = found{id, h.Score, h.Excerpt}
	}
	return list, nil
}

// byVectors embeds the text, as an effect, and finds the vectors with the smallest angle to its vector. Vectors at a
// right angle or more are left out: they have nothing in common with it.
func (s *Searcher) byVectors(ctx context.Context, text string, limit int) ([]found, error) {
	q, err := s.n.Embeds.Query(ctx, s.State.Vectors.Embedder, text)
	if err != nil {
		return nil, err
	}
	near, err := s.v.Search(q.Parts, limit)
	if err != nil {
		return nil, err
	}
	var list []found
	for _, n := range near {
		if n.Score > 0 {
			list = append(list, found{id: episodeOf(s.v.Key(n.Row)), score: int64(float64(n.Score) * micros)})
		}
	}
	return list, nil
}

// byBoth fuses both searches by reciprocal rank (Cormack and others, 2009): an episode's score
// is the sum, over the searches that found it, of 1/(60+rank), each rounded down to millionths.
func (s *Searcher) byBoth(ctx context.Context, text string, limit int) ([]found, error) {
	words, err := s.byWords(ctx, text, max(limit, fused))
	if err != nil {
		return nil, err
	}
	vectors, err := s.byVectors(ctx, text, max(limit, fused))
	if err != nil {
		return nil, err
	}
	at := map[object.Hash]int{}
	var all []found
	for _, list := range [][]found{words, vectors} {
		for rank, h := range list {
			n, known := at[h.id]
			if !known {
				n = len(all)
				at[h.id] = n
				all = append(all, found{id: h.id, excerpt: h.excerpt})
			}
			all[n].score += micros / int64(rrfK+rank+1)
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.score, a.score), a.id.Compare(b.id))
	})
	return all[:min(limit, len(all))], nil
}

const (
	excerptWords = 12
	excerptBytes = 200
)

// beginning returns the first words of a text, on one line.
func beginning(text string) string {
	cut := text[:min(len(text), 4096)]
	words := strings.Fields(strings.ToValidUTF8(cut, "\uFFFD"))
	out := strings.Join(words[:min(len(words), excerptWords)], " ")
	more := len(words) > excerptWords || len(cut) < len(text)
	if len(out) > excerptBytes {
		out, more = strings.ToValidUTF8(out[:excerptBytes], ""), true
	}
	if more {
		out += " …"
	}
	return out
}
