package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/imported"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Importer stores the records of a foreign.Reader as evidence.
type Importer struct {
	Store  *store.Store
	Signer sign.Signer // the importer
	Time   object.Time // of records without a time
	// Bad decides about records that cannot be understood; nil: the first one ends the import.
	Bad func(*foreign.RecordError) error
	// Strict ends the import if something is lost.
	Strict bool
}

// Imported is the result of an import: what it stored, and what it did not.
type Imported struct {
	Episodes []object.Hash // in the order of the records
	Calls    int           // of tools, and of models before the answering one
	Signals  int
	Bad      int            // records left out
	Lost     []foreign.Loss // what was not understood, in order of first occurrence
	Passed   []foreign.Loss // what does not belong to the form
}

// ErrNothing means that nothing was understood.
var ErrNothing = errors.New("nothing in it was understood")

// ErrLost means that something was not understood, which Strict does not allow.
var ErrLost = errors.New("something in it was not understood")

// groupSize is how many records become durable together.
const groupSize = 1024

// Import reads all records and stores an episode for each, durably. Records stored before an error stay; the next
// import finds them again. The error wraps ErrNothing if there is no episode, foreign.ErrRecord, ErrLost or
// foreign.ErrEncoding.
func (im *Importer) Import(ctx context.Context, form foreign.Reader, r io.Reader) (*Imported, error) {
	in := &intake{im: im, ctx: ctx, form: form, out: &Imported{}}
	err := form.Read(r, in)
	if err = errors.Join(err, in.flush()); err != nil {
		return in.out, err
	}
	if len(in.out.Episodes) == 0 {
		return in.out, in.nothing()
	}
	return in.out, nil
}

// intake is a running import: the foreign.Handler of its form.
type intake struct {
	im    *Importer
	ctx   context.Context
	form  foreign.Reader
	out   *Imported
	group []*foreign.Record
	size  int // bytes in group
}

// Record implements foreign.Handler.
func (in *intake) Record(rec *foreign.Record) error {
	in.group, in.size = append(in.group, rec), in.size+len(rec.Source)
	if len(in.group) < groupSize && in.size < MaxRecord {
		return in.ctx.Err()
	}
	return in.flush()
}

// Bad implements foreign.Handler.
func (in *intake) Bad(e *foreign.RecordError) error {
	in.out.Bad++
	if in.im.Bad == nil {
		return e
	}
	return in.im.Bad(e)
}

// Lost implements foreign.Handler.
func (in *intake) Lost(what, why string) error {
	in.out.Lost = foreign.AddLosses(in.out.Lost, []foreign.Loss{{What: what, Why: why, Count: 1}})
	if in.im.Strict {
		return fmt.Errorf("%w: %s: %s", ErrLost, what, why)
	}
	return nil
}

// Passed implements foreign.Handler.
func (in *intake) Passed(what string) {
	in.out.Passed = foreign.AddLosses(in.out.Passed, []foreign.Loss{{What: what, Count: 1}})
}

// nothing describes what there was instead.
func (in *intake) nothing() error {
	list := slices.Concat(in.out.Lost, in.out.Passed)
	if in.out.Bad > 0 {
		list = append(list, foreign.Loss{What: "records", Why: "not understood", Count: in.out.Bad})
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: it has no records of the form %s", ErrNothing, in.form.Name())
	}
	var texts []string
	for _, l := range list {
		texts = append(texts, l.String())
	}
	return fmt.Errorf("%w as %s: %s", ErrNothing, in.form.Name(), strings.Join(texts, "; "))
}

func (in *intake) flush() error {
	if len(in.group) == 0 {
		return nil
	}
	ids, err := in.im.keep(in.ctx, in.form, in.group)
	if err != nil {
		return err
	}
	for _, rec := range in.group {
		in.out.Calls += len(rec.Calls)
		in.out.Signals += len(rec.Signals)
	}
	in.out.Episodes = append(in.out.Episodes, ids...)
	in.group, in.size = nil, 0
	return nil
}

// kept is a record that is being stored.
type kept struct {
	rec      *foreign.Record
	receipts []store.Object
	ids      []object.Hash // of the receipts
	trace    []byte
	signals  [][]byte
	episode  object.Hash
}

// keep stores a group: payloads first, then receipts and traces, then episodes and signals, so that no reference comes
// before its target.
func (im *Importer) keep(ctx context.Context, form foreign.Reader, group []*foreign.Record) ([]object.Hash, error) {
	list := make([]*kept, len(group))
	const sharing = 256 // concurrent callers of the store, which share a sync
	err := par.Each(ctx, len(group), sharing, func(ctx context.Context, i int) error {
		list[i] = &kept{rec: group[i]}
		return im.receipts(ctx, form, list[i])
	})
	if err != nil {
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
	return ids, signal.Put(ctx, im.Store, signals...)
}

// receipts stores the payloads of a record and signs the statement of what was read.
func (im *Importer) receipts(ctx context.Context, form foreign.Reader, k *kept) error {
	rec := k.rec
	if rec.Time == 0 {
		rec.Time = im.Time
	}
	if rec.Answered == 0 {
		rec.Answered = rec.Time
	}
	t := imported.Trace{Form: form.Name(), Source: object.Sum(rec.Source), Model: rec.Model, Status: rec.Status, Calls: []imported.Call{}, Details: rec.Details}
	for _, c := range rec.Calls {
		at := c.Time
		if at == 0 {
			at = rec.Time
		}
		r, err := im.receipt(ctx, k, ledger.Receipt{ToolID: ToolID(c.Tool), Status: c.Status, TimeObserved: at, Notes: note(form, c.Note)}, c.Request, c.Response, t.Source)
		if err != nil {
			return err
		}
		kind := ""
		if c.Model {
			kind = imported.ModelCall
		}
		t.Calls = append(t.Calls, imported.Call{Tool: c.Tool, Kind: kind, Request: r.RequestHash, Response: r.ResponseHash, Status: c.Status, Time: at, Details: c.Details})
	}
	r, err := im.receipt(ctx, k, ledger.Receipt{ToolID: ToolImport, Status: rec.Status, TimeObserved: rec.Answered, Notes: note(form, rec.Note)}, rec.Input, rec.Output, t.Source)
	if err != nil {
		return err
	}
	t.Input, t.Output = r.RequestHash, r.ResponseHash
	k.trace, err = t.JSON()
	return err
}

// maxNote bounds the reason of a failure in a note, in bytes.
const maxNote = 2000

// note states the origin of a receipt and the record's reason of a failure.
func note(form foreign.Reader, more string) *string {
	text := imported.Note(form.Name())
	if len(more) > maxNote {
		more = strings.ToValidUTF8(more[:maxNote], "") + "..."
	}
	if more != "" {
		text += "; " + more
	}
	return &text
}

func (im *Importer) receipt(ctx context.Context, k *kept, r ledger.Receipt, request, response []byte, source object.Hash) (*ledger.Receipt, error) {
	var err error
	if r.RequestHash, err = im.Store.PutBytes(ctx, request); err != nil {
		return nil, err
	}
	if r.ResponseHash, err = im.Store.PutBytes(ctx, response); err != nil {
		return nil, err
	}
	r.Evidence = []object.Hash{source}
	id, raw, err := ledger.NewReceipt(im.Signer, r)
	if err != nil {
		return nil, err
	}
	k.ids = append(k.ids, id)
	k.receipts = append(k.receipts, store.Object{ID: id, Kind: dataset.KindReceipt, Raw: raw})
	return &r, nil
}

// episode stores the trace and makes the episode and its signals.
func (im *Importer) episode(ctx context.Context, batch *store.Batch, form foreign.Reader, k *kept) (store.Object, error) {
	rec := k.rec
	source := object.Sum(rec.Source)
	ref, err := batch.PutBlob(ctx, bytes.NewReader(k.trace), store.PutOptions{Media: MediaTrace, Provenance: &object.ProvenanceRef{
		Parents: []object.Hash{source}, Transform: imported.Transform + form.Name(), Params: map[string]string{}, CodeHash: form.Code()}})
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
		_, signal, err := signal.New(im.Signer, e.EpisodeID, s.Type, s.Value, rec.Time)
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
