package dataset

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Reason is how far an episode gets in a definition.
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

// Why says how far one episode gets in a definition: whether a corpus holds it, and
// which clause it fails. It reads the corpora through, which need not be ascending.
func Why(ctx context.Context, src Source, d *DatasetDef, id object.Hash) (Reason, error) {
	if err := can.Check(d); err != nil {
		return Reason{}, fmt.Errorf("dataset definition: %w", err)
	}
	var r Reason
	var err error
	for _, root := range d.CorpusRoots {
		if r.InCorpus, err = contains(ctx, src, root, id); err != nil {
			return r, err
		}
		if r.InCorpus {
			break
		}
	}
	if !r.InCorpus {
		return r, nil
	}
	run := &selecting{src: src, def: d, clauses: clausesOf(&d.Query.Predicate)}
	if run.reads(readsSignals) && d.SignalRoots != nil {
		if run.visible, err = signalSet(ctx, src, d.SignalRoots); err != nil {
			return r, err
		}
	}
	env := &episodeEnv{ctx: ctx, src: src, visible: run.visible}
	env.reset(id)
	for i := range run.clauses {
		if holds, err := ir.EvalExpr(&run.clauses[i], env); err != nil || !holds {
			r.Clause = DecompileQuery(&run.clauses[i])
			return r, err
		}
	}
	r.Holds = true
	if d.Stratify != nil {
		r.Stratum, err = env.stratum(d.Stratify.KeyPath.Segments)
	}
	return r, err
}

func contains(ctx context.Context, src Source, root, id object.Hash) (found bool, err error) {
	err = ReadList(ctx, src.Nodes(ctx), root, func(h object.Hash) error {
		if h == id {
			found = true
			return errStop
		}
		return nil
	})
	if isStop(err) {
		err = nil
	}
	return found, err
}
