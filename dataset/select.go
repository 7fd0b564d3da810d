package dataset

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// Selection is the result of a definition.
type Selection struct {
	IDs      []object.Hash // ascending, unique
	Seen     uint64        // episodes of the corpora, each once; for FIRST_N those up to the Nth
	Kept     uint64        // those for which the predicate holds
	Clauses  []Clause      // number kept by each clause of the predicate
	Warnings []string
}

// Clause is one argument of the predicate's AND, or the whole of any other predicate. Clauses are evaluated in order;
// In counts the episodes for which all earlier ones held.
type Clause struct {
	Text     string // as Decompile writes it
	In, Kept uint64
}

// Options change how a build runs, never its result.
type Options struct {
	Workers int // goroutines that evaluate; 0: one per processor
	// Progress, which may be nil, receives the number of episodes in the corpora, and the number processed. It starts
	// again if a corpus has to be read a second time.
	Progress store.Progress
}

// Select evaluates a definition (spec/datasets.md#selection). If the predicate is TRUE and there are no strata, it
// loads no episode. It refuses a malformed definition before reading anything; the error wraps object.ErrInvalid.
// Missing or broken evidence is an error.
func Select(ctx context.Context, src Source, d *DatasetDef) (*Selection, error) {
	return SelectWith(ctx, src, d, Options{})
}

// SelectWith is Select with options.
func SelectWith(ctx context.Context, src Source, d *DatasetDef, o Options) (*Selection, error) {
	return choose(ctx, src, d, o, pathsOf(d))
}

// choose is SelectWith that believes pages for the fields at paths.
func choose(ctx context.Context, src Source, d *DatasetDef, o Options, paths []ir.Path) (*Selection, error) {
	if err := can.Check(d); err != nil {
		return nil, fmt.Errorf("dataset definition: %w", err)
	}
	run := &selecting{src: src, def: d, clauses: query.Clauses(&d.Query.Predicate), paths: paths, workers: par.Limit(o.Workers), progress: o.Progress}
	if run.reads()&query.ReadsSignals != 0 {
		var err error
		if run.visible, err = Pinned(ctx, src, d.SignalRoots); err != nil {
			return nil, err
		}
	}
	sel, err := run.once(ctx, false)
	var unsorted *unsortedError
	if errors.As(err, &unsorted) { // rare: start again, remembering ids
		sel, err = run.once(ctx, true)
	}
	return sel, err
}

// selecting evaluates one definition.
type selecting struct {
	src      Source
	def      *DatasetDef
	clauses  []ir.Expr
	paths    []ir.Path // fields that are read from pages
	workers  int
	progress store.Progress // nil: nobody asks
	visible  *query.Visible // the visible signals; nil: all
	envs     sync.Pool      // of *query.Env, so that reading ahead reuses memory
	cut      atomic.Uint64  // candidates of a higher rank are not wanted
}

// blind reports whether the ids alone decide.
func (s *selecting) blind() bool {
	return s.def.Query.Predicate.Op == ir.ExprTrue && s.def.Stratify == nil
}

func (s *selecting) once(ctx context.Context, loose bool) (*Selection, error) {
	s.cut.Store(math.MaxUint64)
	d := s.def
	c := &collecting{sampler: d.sampler(&s.cut), hist: make([]uint64, len(s.clauses)+1), sel: &Selection{}}
	roots := sorted(slices.Clone(d.CorpusRoots))
	in := &stream{nodes: s.src.Nodes(ctx), roots: roots, workers: s.workers, loose: loose,
		inOrder: d.Stratify == nil && d.Sampling.Mode == SampleFirstN}
	if in.inOrder && *d.Sampling.N == 0 {
		return c.finish(s.clauses), nil
	}
	produce := in.run
	if !s.blind() {
		produce = func(ctx context.Context, emit func(batch) error) error {
			return in.run(ctx, func(b batch) error { return b.pieces(pieceSize, emit) })
		}
	}
	add, err := s.counting(ctx, roots, c.add)
	if err != nil {
		return nil, err
	}
	err = par.Ordered(ctx, s.workers, produce, s.evaluate, add)
	if err != nil && !isStop(err) {
		return nil, err
	}
	return c.finish(s.clauses), nil
}

// counting is add; it also reports the progress of the selection.
func (s *selecting) counting(ctx context.Context, roots []object.Hash, add func(*verdict) error) (func(*verdict) error, error) {
	if s.progress == nil {
		return add, nil
	}
	for _, root := range roots {
		tree, err := merkle.OpenList(s.src.Nodes(ctx), root)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", root.Short(), err)
		}
		s.progress.Total(int64(tree.Len()))
	}
	return func(v *verdict) error {
		s.progress.Add(int64(len(v.ids)))
		return add(v)
	}, nil
}

// collecting adds up verdicts in streaming order.
type collecting struct {
	sampler sampler
	hist    []uint64 // [p]: number of episodes for which p leading clauses held
	sel     *Selection
}

// add adds a block's verdict; errStop when the sample is complete.
func (c *collecting) add(v *verdict) error {
	if v.unsorted != nil {
		c.sel.Warnings = append(c.sel.Warnings, fmt.Sprintf("corpus %s is not ascending; it is read in its own order", v.unsorted.Short()))
	}
	for i := range v.kept {
		if c.sampler.take(&v.kept[i]) {
			c.tally(v, v.kept[i].at+1)
			return errStop
		}
	}
	c.tally(v, len(v.ids))
	return v.err
}

func (c *collecting) tally(v *verdict, n int) {
	if v.held == nil { // every clause holds for every id
		c.hist[len(c.hist)-1] += uint64(n)
		return
	}
	for _, p := range v.held[:n] {
		c.hist[p]++
	}
}

func (c *collecting) finish(clauses []ir.Expr) *Selection {
	sel := c.sel
	sel.IDs = sorted(c.sampler.ids())
	for _, n := range c.hist {
		sel.Seen += n
	}
	in := sel.Seen
	for i := range clauses {
		kept := in - c.hist[i]
		sel.Clauses = append(sel.Clauses, Clause{query.Decompile(&clauses[i]), in, kept})
		in = kept
	}
	sel.Kept = in
	return sel
}
