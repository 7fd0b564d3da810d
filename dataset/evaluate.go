package dataset

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// verdict is the result of the predicate for a block.
type verdict struct {
	ids  []object.Hash // the evaluated ids
	held []uint32      // for each, how many leading clauses held; nil: all
	kept []candidate   // the ids that the sampler may want
	err  error         // the error of the episode after ids

	unsorted *object.Hash // see batch
}

// evaluate evaluates the predicate over a block of ids. An error is part of the verdict, because a sample may be
// complete before it.
func (s *selecting) evaluate(ctx context.Context, b batch) (*verdict, error) {
	ids := b.ids
	v := &verdict{ids: ids, unsorted: b.unsorted}
	if s.blind() {
		for i := range ids {
			s.keep(v, i, nil)
		}
		return v, nil
	}
	v.held = make([]uint32, len(ids))
	env, _ := s.envs.Get().(*query.Env)
	if env == nil {
		env = query.NewEnv(s.src, s.visible)
	}
	defer s.envs.Put(env)
	env.ReadAhead(ctx, ids, s.reads(), s.paths)
	buckets := map[string]*bucket{}
	for i := range ids {
		env.ResetTo(i)
		b, err := s.judge(ctx, env, v, i, buckets)
		if err != nil {
			v.ids, v.held, v.err = ids[:i], v.held[:i], fmt.Errorf("episode %s: %w", ids[i].Short(), err)
			return v, nil
		}
		if int(v.held[i]) == len(s.clauses) {
			s.keep(v, i, b)
		}
	}
	return v, nil
}

// judge counts the leading clauses that hold for an episode, and finds its stratum.
func (s *selecting) judge(ctx context.Context, env *query.Env, v *verdict, i int, buckets map[string]*bucket) (*bucket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for c := range s.clauses {
		holds, err := ir.EvalExpr(&s.clauses[c], env)
		if err != nil || !holds {
			return nil, err
		}
		v.held[i]++
	}
	if s.def.Stratify == nil {
		return nil, nil
	}
	key, err := env.Stratum(s.def.Stratify.KeyPath.Segments)
	if err != nil {
		return nil, err
	}
	b := buckets[string(key)]
	if b == nil {
		b = newBucket(s.def.Stratify.Seed, key)
		buckets[b.key] = b
	}
	return b, nil
}

// keep makes a candidate of an id, unless its rank is too high.
func (s *selecting) keep(v *verdict, i int, b *bucket) {
	c := candidate{ranked: ranked{id: v.ids[i]}, at: i, bucket: b}
	switch {
	case b != nil:
		c.rank = rank(&b.seed, &c.id)
	case s.def.Sampling.Mode == SampleHashN:
		if c.rank = rank(&s.def.Sampling.Seed, &c.id); c.rank > s.cut.Load() {
			return
		}
	}
	v.kept = append(v.kept, c)
}

// reads is the data that the predicate and the strata read.
func (s *selecting) reads() query.Reads {
	all := query.ReadsOf(&s.def.Query.Predicate)
	if s.def.Stratify != nil {
		all |= query.ReadsEpisode
	}
	return all
}

// pathsOf are the fields that the predicate and the strata compare.
func pathsOf(d *DatasetDef) []ir.Path {
	if d.Stratify != nil {
		return query.PathsOf(&d.Query.Predicate, d.Stratify.KeyPath)
	}
	return query.PathsOf(&d.Query.Predicate)
}
