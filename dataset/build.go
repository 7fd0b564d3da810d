package dataset

import (
	"context"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// Selection is what a definition selects.
type Selection struct {
	IDs      []object.Hash // ascending, unique
	Seen     uint64        // episodes of the corpora, each once
	Kept     uint64        // of them, those for which the predicate holds
	Warnings []string
}

// Select evaluates a definition (spec/datasets.md#build). The corpora are streamed
// in ascending order of their roots; an episode that stands in several counts
// once. When the predicate is TRUE and there are no strata, no episode is loaded.
func Select(ctx context.Context, src Source, d *DatasetDef) (*Selection, error) {
	if err := object.CheckAll(d); err != nil {
		return nil, fmt.Errorf("dataset definition: %w", err)
	}
	visible, err := signalSet(ctx, src, d)
	if err != nil {
		return nil, err
	}
	roots := slices.Clone(d.CorpusRoots)
	slices.SortFunc(roots, object.Hash.Compare)
	roots = slices.Compact(roots)
	sel := &Selection{}
	run := &selecting{src: src, def: d, sel: sel, sample: d.sampler(), visible: visible}
	if len(roots) > 1 {
		run.seen = map[object.Hash]struct{}{}
	}
	for _, root := range roots {
		if err := run.corpus(ctx, root); err != nil {
			return nil, err
		}
	}
	sel.IDs = run.sample.ids()
	slices.SortFunc(sel.IDs, object.Hash.Compare)
	sel.IDs = slices.Compact(sel.IDs)
	return sel, nil
}

// signalSet reads the pinned signal log; nil means that every signal is seen.
func signalSet(ctx context.Context, src Source, d *DatasetDef) (map[object.Hash]struct{}, error) {
	if d.SignalRoots == nil {
		return nil, nil
	}
	set := map[object.Hash]struct{}{}
	for _, root := range d.SignalRoots {
		err := ReadList(ctx, src.Nodes(ctx), root, func(id object.Hash) error {
			set[id] = struct{}{}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("signal log: %w", err)
		}
	}
	return set, nil
}

// selecting is one evaluation under way.
type selecting struct {
	src     Source
	def     *DatasetDef
	sel     *Selection
	sample  sampler
	visible map[object.Hash]struct{}
	seen    map[object.Hash]struct{} // with several corpora: ids that were counted
}

func (s *selecting) corpus(ctx context.Context, root object.Hash) error {
	tree, err := merkle.OpenList(s.src.Nodes(ctx), root)
	if err != nil {
		return fmt.Errorf("corpus %s: %w", root.Short(), err)
	}
	var last object.Hash
	ordered := true
	err = tree.Walk(0, tree.Len(), func(i uint64, c merkle.Chunk) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i > 0 && last.Compare(c.Hash) >= 0 && ordered {
			ordered = false
			if s.seen == nil { // an unsorted corpus may repeat an id anywhere
				s.seen = map[object.Hash]struct{}{}
				if err := s.remember(ctx, tree, i); err != nil {
					return err
				}
			}
		}
		last = c.Hash
		return s.episode(ctx, c.Hash)
	})
	if !ordered {
		s.sel.Warnings = append(s.sel.Warnings, fmt.Sprintf("corpus %s is not ascending; it is read in its own order", root.Short()))
	}
	return err
}

// remember notes the first n ids of a corpus as seen.
func (s *selecting) remember(ctx context.Context, tree *merkle.Tree, n uint64) error {
	return tree.Walk(0, n, func(_ uint64, c merkle.Chunk) error {
		s.seen[c.Hash] = struct{}{}
		return ctx.Err()
	})
}

func (s *selecting) episode(ctx context.Context, id object.Hash) error {
	if s.seen != nil {
		if _, twice := s.seen[id]; twice {
			return nil
		}
		s.seen[id] = struct{}{}
	}
	s.sel.Seen++
	if s.def.Query.Predicate.Op == ir.ExprTrue && s.def.Stratify == nil {
		s.sel.Kept++
		s.sample.take(id, nil)
		return nil
	}
	env := &episodeEnv{ctx: ctx, run: s, id: id}
	holds, err := ir.EvalExpr(&s.def.Query.Predicate, env)
	if err != nil {
		return fmt.Errorf("episode %s: %w", id.Short(), err)
	}
	if !holds {
		return nil
	}
	s.sel.Kept++
	key, err := s.stratum(env)
	if err != nil {
		return fmt.Errorf("episode %s: %w", id.Short(), err)
	}
	s.sample.take(id, key)
	return nil
}

// stratum is the canonical key of an episode's bucket; a missing key is the empty
// byte string.
func (s *selecting) stratum(env *episodeEnv) ([]byte, error) {
	if s.def.Stratify == nil {
		return nil, nil
	}
	values, err := env.Lookup(ir.RootEpisode, s.def.Stratify.KeyPath.Segments)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return ir.BytesScalar(nil).Encode()
	}
	return values[0].Encode()
}

// Built is a built dataset: what was selected, and its manifest.
type Built struct {
	Selection
	Manifest object.BlobRef
}

// Build selects and stores the manifest, durably.
func Build(ctx context.Context, s *store.Store, src Source, d *DatasetDef) (*Built, error) {
	sel, err := Select(ctx, src, d)
	if err != nil {
		return nil, err
	}
	ref, _, err := Snapshot(ctx, s, MediaManifest, sel.IDs)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return &Built{*sel, ref}, nil
}
