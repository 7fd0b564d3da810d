package openlineage

import (
	"context"
	"errors"
	"fmt"

	datasets "github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// Evidence finds receipts.
type Evidence interface {
	Receipt(ctx context.Context, id object.Hash) (*ledger.Receipt, error)
}

// History finds when an effect began.
type History interface {
	Read(ctx context.Context, idem object.Hash) (ledger.State, error)
}

// Emitter reports what was done to a sink. It decides nothing: what cannot be reported is noted.
type Emitter struct {
	Sink     Sink
	Evidence Evidence
	History  History
	Note     func(format string, args ...any)
}

// Built reports a dataset that was built.
func (e *Emitter) Built(ctx context.Context, def *datasets.DatasetDef, ref *datasets.DatasetRef) {
	w := work{job: "dataset.build/" + def.DatasetDefID.String()}
	for _, root := range def.CorpusRoots {
		w.inputs = append(w.inputs, thing("corpus", root))
	}
	for _, root := range def.SignalRoots {
		w.inputs = append(w.inputs, thing("signals", root))
	}
	out := thing("dataset", ref.Manifest.CID)
	out.Facets = &outputFacets{statistics{facet{Producer, statisticsFacet}, ref.Count}}
	w.outputs = []dataset{out}
	e.tell(ctx, w, ref.BuildReceiptID)
}

// Trained reports a training; a zero model: it failed.
func (e *Emitter) Trained(ctx context.Context, recipe object.Hash, ref *datasets.DatasetRef, trained, receipt object.Hash) {
	w := work{job: "train/" + recipe.String(), inputs: []dataset{thing("dataset", ref.Manifest.CID)}}
	if !trained.IsZero() {
		w.outputs = []dataset{thing("model", trained)}
	}
	e.tell(ctx, w, receipt)
}

// Promoted reports a promotion or a rollback, with its receipts: the first one stands for it.
func (e *Emitter) Promoted(ctx context.Context, p *model.PromotionRecord, receipts []object.Hash) {
	if len(receipts) == 0 {
		return
	}
	ring := dataset{name: name{owned(p.Signer), fmt.Sprintf("ring/%d", p.RingID)}}
	e.tell(ctx, work{fmt.Sprintf("%s/ring/%d", p.ActionName(), p.RingID), []dataset{thing("model", p.ModelID)}, []dataset{ring}}, receipts[0])
}

// tell sends the events of a run, or notes why it does not.
func (e *Emitter) tell(ctx context.Context, w work, receipt object.Hash) {
	if e.Sink.To == "" || receipt.IsZero() {
		return
	}
	lines, err := e.events(ctx, w, receipt)
	if err == nil {
		err = e.Sink.send(ctx, lines)
	}
	if err != nil {
		e.Note("OpenLineage: run %s was not told: %v", runID(receipt), err)
	}
}

func (e *Emitter) events(ctx context.Context, w work, id object.Hash) ([]byte, error) {
	r, err := e.Evidence.Receipt(ctx, id)
	if err != nil {
		return nil, err
	}
	began, err := e.began(ctx, id, r)
	if err != nil {
		return nil, err
	}
	return events(w, id, r, began)
}

// began returns when the attempt of a receipt was registered; without a registration, the receipt's time.
func (e *Emitter) began(ctx context.Context, id object.Hash, r *ledger.Receipt) (object.Time, error) {
	if len(r.IdempotencyKey) == 0 {
		return r.TimeObserved, nil
	}
	s, err := e.History.Read(ctx, ledger.IdemID(r.ToolID, r.IdempotencyKey))
	if errors.Is(err, ledger.ErrNotFound) {
		return r.TimeObserved, nil
	}
	if err != nil {
		return 0, err
	}
	began := r.TimeObserved
	for _, entry := range s.History {
		switch {
		case entry.Register != nil:
			began = entry.Register.TimeObserved
		case entry.Commit != nil && entry.Commit.ReceiptID == id:
			return began, nil
		}
	}
	return r.TimeObserved, nil
}
