package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Importer keeps what a Reader reads as evidence.
type Importer struct {
	Store  *store.Store
	Signer sign.Signer // the importer
	Time   object.Time // of records that have none
	// Bad decides about records that cannot be understood; nil: the first ends the import.
	Bad func(*RecordError) error
}

// Imported is what an import kept.
type Imported struct {
	Episodes []object.Hash // in the order of the records
	Calls    int
	Signals  int
}

// groupSize is how many records are made durable together.
const groupSize = 1024

// Import reads all records and keeps an episode of each, durably. What was kept before an
// error stays, and is found again by the next import.
func (im *Importer) Import(ctx context.Context, form Reader, r io.Reader) (*Imported, error) {
	out := &Imported{}
	var group []*Record
	flush := func() error {
		ids, err := im.keep(ctx, form, group)
		if err != nil {
			return err
		}
		for _, rec := range group {
			out.Calls += len(rec.Calls)
			out.Signals += len(rec.Signals)
		}
		out.Episodes = append(out.Episodes, ids...)
		group = group[:0]
		return nil
	}
	size := 0
	add := func(rec *Record) error {
		group, size = append(group, rec), size+len(rec.Source)
		if len(group) < groupSize && size < MaxRecord {
			return ctx.Err()
		}
		size = 0
		return flush()
	}
	bad := im.Bad
	if bad == nil {
		bad = func(e *RecordError) error { return e }
	}
	if err := form.Read(r, add, bad); err != nil {
		return out, errors.Join(err, flush())
	}
	return out, flush()
}

// kept is a record on its way into the store.
type kept struct {
	rec      *Record
	receipts []store.Object
	ids      []object.Hash // of the receipts
	trace    []byte
	signals  [][]byte
	episode  object.Hash
}

// keep stores a group: payloads first, then receipts and traces, then episodes and signals,
// so that nothing names what is not there.
func (im *Importer) keep(ctx context.Context, form Reader, group []*Record) ([]object.Hash, error) {
	list := make([]*kept, len(group))
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(256) // callers of the store share a sync
	for i, rec := range group {
		list[i] = &kept{rec: rec}
		g.Go(func() error { return im.receipts(inner, form, list[i]) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	batch := im.Store.NewBatch(false)
	defer batch.Close() //nolint:errcheck // Commit reports
	var receipts, episodes []store.Object
	var signals [][]byte
	ids := make([]object.Hash, len(list))
	for i, k := range list {
		o, err := im.episode(ctx, batch, form, k)
		if err != nil {
			return nil, err
		}
		receipts, episodes, ids[i] = append(receipts, k.receipts...), append(episodes, o), k.episode
		signals = append(signals, k.signals...)
	}
	if err := batch.Commit(ctx); err != nil {
		return nil, err
	}
	if err := im.Store.PutObjects(ctx, receipts...); err != nil {
		return nil, err
	}
	if err := im.Store.PutObjects(ctx, episodes...); err != nil {
		return nil, err
	}
	return ids, dataset.PutSignals(ctx, im.Store, signals...)
}

// traceCall is a call in the trace of an imported episode.
type traceCall struct {
	Tool     string      `json:"tool"`
	Request  object.Hash `json:"request_hash"`
	Response object.Hash `json:"response_hash"`
	Status   uint16      `json:"status"`
	Time     object.Time `json:"time_observed"`
}

// trace is the trace of an imported episode, in JSON.
type trace struct {
	Form   string      `json:"form"`
	Source object.Hash `json:"source_hash"` // of the record's bytes
	Model  string      `json:"model,omitempty"`
	Input  object.Hash `json:"input_hash"`
	Output object.Hash `json:"output_hash"`
	Status uint16      `json:"status"`
	Calls  []traceCall `json:"calls"`
}

// receipts keeps the payloads of a record and signs what was read.
func (im *Importer) receipts(ctx context.Context, form Reader, k *kept) error {
	rec := k.rec
	if rec.Time == 0 {
		rec.Time = im.Time
	}
	t := trace{Form: form.Name(), Source: object.Sum(rec.Source), Model: rec.Model, Status: rec.Status, Calls: []traceCall{}}
	for _, c := range rec.Calls {
		at := c.Time
		if at == 0 {
			at = rec.Time
		}
		r, err := im.receipt(ctx, k, ledger.Receipt{ToolID: ToolID(c.Tool), Status: c.Status, TimeObserved: at}, c.Request, c.Response, t.Source, form)
		if err != nil {
			return err
		}
		t.Calls = append(t.Calls, traceCall{c.Tool, r.RequestHash, r.ResponseHash, c.Status, at})
	}
	r, err := im.receipt(ctx, k, ledger.Receipt{ToolID: ToolImport, Status: rec.Status, TimeObserved: rec.Time}, rec.Input, rec.Output, t.Source, form)
	if err != nil {
		return err
	}
	t.Input, t.Output = r.RequestHash, r.ResponseHash
	k.trace, err = json.Marshal(t)
	return err
}

func (im *Importer) receipt(ctx context.Context, k *kept, r ledger.Receipt, request, response []byte, source object.Hash, form Reader) (*ledger.Receipt, error) {
	var err error
	if r.RequestHash, err = im.Store.PutBytes(ctx, request); err != nil {
		return nil, err
	}
	if r.ResponseHash, err = im.Store.PutBytes(ctx, response); err != nil {
		return nil, err
	}
	note := "imported from " + form.Name() + ": nobody who saw it signed it"
	r.Evidence, r.Notes = []object.Hash{source}, &note
	id, raw, err := ledger.NewReceipt(im.Signer, r)
	if err != nil {
		return nil, err
	}
	k.ids = append(k.ids, id)
	k.receipts = append(k.receipts, store.Object{ID: id, Kind: dataset.KindReceipt, Raw: raw})
	return &r, nil
}

// episode keeps the trace and makes the episode and its signals.
func (im *Importer) episode(ctx context.Context, batch *store.Batch, form Reader, k *kept) (store.Object, error) {
	rec := k.rec
	source := object.Sum(rec.Source)
	ref, err := batch.PutBlob(ctx, bytes.NewReader(k.trace), store.PutOptions{Media: MediaTrace, Provenance: &object.ProvenanceRef{
		Parents: []object.Hash{source}, Transform: dataset.TransformImport + form.Name(), Params: map[string]string{}, CodeHash: form.Code()}})
	if err != nil {
		return store.Object{}, fmt.Errorf("trace: %w", err)
	}
	out, err := outcome(rec.Output)
	if err != nil {
		return store.Object{}, err
	}
	e := object.EpisodeRef{TraceRef: object.TraceRef{TraceBlob: ref, ReceiptIDs: k.ids}, TimeObserved: rec.Time,
		ContextHash: object.SumText("mythos.import.model:" + rec.Model), OutcomeHash: object.Sum(out)}
	if e.EpisodeID, err = object.EpisodeRule.IDOf(&e); err != nil {
		return store.Object{}, err
	}
	raw, err := can.Marshal(&e)
	if err != nil {
		return store.Object{}, err
	}
	k.episode = e.EpisodeID
	for _, s := range rec.Signals {
		_, signal, err := dataset.NewSignal(im.Signer, e.EpisodeID, s.Type, s.Value, rec.Time)
		if err != nil {
			return store.Object{}, err
		}
		k.signals = append(k.signals, signal)
	}
	return store.Object{ID: e.EpisodeID, Kind: dataset.KindEpisode, Raw: raw}, nil
}

// outcome is the answer as a value: a text, or bytes.
func outcome(output []byte) ([]byte, error) {
	if utf8.Valid(output) {
		return can.AppendText(nil, string(output))
	}
	return can.AppendBytes(nil, output), nil
}
