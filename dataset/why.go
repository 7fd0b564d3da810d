package dataset

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Reason says how far an episode gets in a definition.
type Reason struct {
	InCorpus bool
	Holds    bool   // the predicate
	Clause   string // the first clause that does not hold
	Stratum  []byte // canonical key of its bucket; nil without strata
}

// String is the reason in words; selected says whether the dataset has the episode.
func (r Reason) String(selected bool) string {
	switch {
	case !r.InCorpus:
		return "in no corpus"
	case !r.Holds:
		return "it fails " + r.Clause
	case selected:
		return "selected"
	}
	return "not in the sample"
}

// Why returns how far one episode gets in a definition; see Reasons.
func Why(ctx context.Context, src Source, d *DatasetDef, id object.Hash) (Reason, error) {
	list, err := Reasons(ctx, src, d, []object.Hash{id})
	if err != nil {
		return Reason{}, err
	}
	return list[0], nil
}

// Reasons returns how far episodes get in a definition: whether a corpus has each one, and which clause it fails first.
// It reads the corpora once; they need not be ascending.
func Reasons(ctx context.Context, src Source, d *DatasetDef, ids []object.Hash) ([]Reason, error) {
	if err := can.Check(d); err != nil {
		return nil, fmt.Errorf("dataset definition: %w", err)
	}
	reasons := make([]Reason, len(ids))
	if err := inCorpora(ctx, src, d, ids, reasons); err != nil {
		return nil, err
	}
	run := &selecting{src: src, def: d, clauses: query.Clauses(&d.Query.Predicate)}
	var err error
	if run.reads()&query.ReadsSignals != 0 {
		if run.visible, err = Pinned(ctx, src, d.SignalRoots); err != nil {
			return nil, err
		}
	}
	env := query.NewEnv(src, run.visible)
	for i, id := range ids {
		if !reasons[i].InCorpus {
			continue
		}
		env.Reset(ctx, id)
		if err := run.reason(env, &reasons[i]); err != nil {
			return nil, fmt.Errorf("episode %s: %w", id.Short(), err)
		}
	}
	return reasons, nil
}

// reason evaluates one clause after the other for the current episode of env.
func (s *selecting) reason(env *query.Env, r *Reason) error {
	for i := range s.clauses {
		if holds, err := ir.EvalExpr(&s.clauses[i], env); err != nil || !holds {
			r.Clause = query.Decompile(&s.clauses[i])
			return err
		}
	}
	r.Holds = true
	if s.def.Stratify == nil {
		return nil
	}
	var err error
	r.Stratum, err = env.Stratum(s.def.Stratify.KeyPath.Segments)
	return err
}

// inCorpora marks the reasons of ids that are in a corpus.
func inCorpora(ctx context.Context, src Source, d *DatasetDef, ids []object.Hash, reasons []Reason) error {
	wanted := make(map[object.Hash]int, len(ids))
	for i, id := range ids {
		wanted[id] = i
	}
	for _, root := range d.CorpusRoots {
		err := ReadList(ctx, src.Nodes(ctx), root, func(h object.Hash) error {
			if i, ok := wanted[h]; ok {
				reasons[i].InCorpus = true
				delete(wanted, h)
			}
			if len(wanted) == 0 {
				return errStop
			}
			return nil
		})
		if isStop(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
