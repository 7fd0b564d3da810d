package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
)

// Redactor derives redacted episodes before a dataset is built: a reader of the redacted episodes and everything they
// name gets nothing that the rules remove. A redacted episode is an episode of its own, with receipts and signals
// signed by the redactor. The provenance of its trace names the original episode, the rules and the key. The same
// episode, rules, key and signer give the same redacted episode.
type Redactor struct {
	Store     *store.Store
	Source    dataset.Source
	Signer    sign.Signer
	Redaction *redact.Rules
	// Payload finds captured bytes, as in Options.
	Payload func(ctx context.Context, h object.Hash) (data []byte, found bool, err error)
}

// redactGroup is how many episodes are made durable together.
const redactGroup = 256

// Redact stores a redacted episode for each of ids, durably, and returns their ids in the same order.
func (r *Redactor) Redact(ctx context.Context, ids []object.Hash) ([]object.Hash, error) {
	var out []object.Hash
	for len(ids) > 0 {
		n := min(len(ids), redactGroup)
		list, err := r.group(ctx, ids[:n])
		if err != nil {
			return out, err
		}
		out, ids = append(out, list...), ids[n:]
	}
	return out, nil
}

// redacted is an unfinished redacted episode.
type redacted struct {
	episode  object.EpisodeRef
	trace    redactedTrace
	receipts []store.Object
	signals  []SignalLine
}

// redactedTrace is the trace of a redacted episode, in JSON.
type redactedTrace struct {
	Episode  object.Hash   `json:"episode"` // the original episode
	Rules    object.Hash   `json:"rules"`
	Key      string        `json:"key_id"`
	Receipts []object.Hash `json:"receipts"` // the original receipts
}

const sharing = 64 // concurrent callers of the store, which share its syncs

func (r *Redactor) group(ctx context.Context, ids []object.Hash) ([]object.Hash, error) {
	list := make([]redacted, len(ids))
	err := par.Each(ctx, len(ids), sharing, func(ctx context.Context, i int) error {
		if err := r.one(ctx, ids[i], &list[i]); err != nil {
			return fmt.Errorf("episode %s: %w", ids[i].Short(), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	batch := r.Store.NewBatch(false)
	defer batch.Close() //nolint:errcheck // Commit reports
	var receipts, episodes []store.Object
	var signals [][]byte
	for i := range list {
		d := &list[i]
		if err := r.finish(ctx, batch, d); err != nil {
			return nil, err
		}
		raw, err := can.Marshal(&d.episode)
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, d.receipts...)
		episodes = append(episodes, store.Object{ID: d.episode.EpisodeID, Kind: dataset.KindEpisode, Raw: raw})
		more, err := r.signals(d)
		if err != nil {
			return nil, err
		}
		signals = append(signals, more...)
	}
	if err := batch.Commit(ctx); err != nil {
		return nil, err
	}
	if err := r.Store.PutObjects(ctx, append(receipts, episodes...)...); err != nil {
		return nil, err
	}
	out := make([]object.Hash, len(episodes))
	for i, o := range episodes {
		out[i] = o.ID
	}
	return out, signal.Put(ctx, r.Store, signals...)
}

// one redacts the receipts and signals of an episode.
func (r *Redactor) one(ctx context.Context, id object.Hash, d *redacted) error {
	raw, err := r.Source.Episode(ctx, id)
	if err != nil {
		return err
	}
	e, err := object.Decode[object.EpisodeRef](raw)
	if err != nil {
		return err
	}
	x := &exporter{src: r.Source, o: Options{Redact: r.Redaction, Payload: r.Payload, MaxPayload: store.MaxBytes}}
	d.trace = redactedTrace{Episode: id, Rules: r.Redaction.ID(), Key: r.Redaction.KeyID(), Receipts: e.TraceRef.ReceiptIDs}
	for _, rid := range e.TraceRef.ReceiptIDs {
		if err := r.derive(ctx, x, d, rid); err != nil {
			return fmt.Errorf("receipt %s: %w", rid.Short(), err)
		}
	}
	d.episode = object.EpisodeRef{ContextHash: object.SumText(x.keyedHash(e.ContextHash)), OutcomeHash: object.SumText(x.keyedHash(e.OutcomeHash)), TimeObserved: e.TimeObserved}
	d.signals, err = x.signals(ctx, id)
	return err
}

// derive makes a redacted receipt from a receipt.
func (r *Redactor) derive(ctx context.Context, x *exporter, d *redacted, id object.Hash) error {
	from, err := r.Source.Receipt(ctx, id)
	if err != nil {
		return err
	}
	request, err := r.payload(ctx, x, "request", from.ToolID, from.RequestHash)
	if err != nil {
		return err
	}
	response, err := r.payload(ctx, x, "response", from.ToolID, from.ResponseHash)
	if err != nil {
		return err
	}
	return r.receipt(ctx, d, ledger.Receipt{ToolID: from.ToolID, Status: from.Status, TimeObserved: from.TimeObserved, Evidence: []object.Hash{id}}, request, response, "redacted from "+id.String())
}

func (r *Redactor) receipt(ctx context.Context, d *redacted, rec ledger.Receipt, request, response []byte, note string) (err error) {
	if rec.RequestHash, err = r.Store.PutBytes(ctx, request); err != nil {
		return err
	}
	if rec.ResponseHash, err = r.Store.PutBytes(ctx, response); err != nil {
		return err
	}
	rec.Notes = &note
	id, raw, err := ledger.NewReceipt(r.Signer, rec)
	d.receipts = append(d.receipts, store.Object{ID: id, Kind: dataset.KindReceipt, Raw: raw})
	return err
}

// payload returns the replacement of captured bytes: the redacted bytes or, if they are withheld or missing, a
// placeholder.
func (r *Redactor) payload(ctx context.Context, x *exporter, of string, tool, h object.Hash) ([]byte, error) {
	data, err := x.captured(ctx, h)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return []byte(r.Redaction.Replacement("not captured", h.String())), nil
	}
	out, _, ok := r.Redaction.Apply(of, tool, data)
	if !ok {
		return []byte(r.Redaction.Replacement("withheld", h.String())), nil
	}
	return out, nil
}

// finish stores the trace, and computes the id of the episode.
func (r *Redactor) finish(ctx context.Context, batch *store.Batch, d *redacted) error {
	trace, err := json.Marshal(d.trace)
	if err != nil {
		return err
	}
	e := &d.episode
	e.TraceRef.TraceBlob, err = batch.PutBlob(ctx, bytes.NewReader(trace), store.PutOptions{Media: redact.Media, Provenance: &object.ProvenanceRef{
		Parents: []object.Hash{d.trace.Episode}, Transform: redact.Transform, Params: map[string]string{"key_id": d.trace.Key}, CodeHash: d.trace.Rules}})
	if err != nil {
		return err
	}
	for _, o := range d.receipts {
		e.TraceRef.ReceiptIDs = append(e.TraceRef.ReceiptIDs, o.ID)
	}
	e.EpisodeID, err = object.EpisodeRule.IDOf(e)
	return err
}

// signals copies the signals of the original episode to the redacted one.
func (r *Redactor) signals(d *redacted) (list [][]byte, err error) {
	for _, s := range d.signals {
		kind, err := signal.ParseType(s.Type)
		if err != nil {
			return nil, err
		}
		var v ir.Scalar
		switch value := s.Value.(type) {
		case int64:
			v = ir.I64Scalar(value)
		case uint64:
			v = ir.U64Scalar(value)
		default:
			text := fmt.Sprint(value)
			if s.Kind != "text" { // bytes and hashes cannot be searched
				text = r.Redaction.Replacement("withheld", text)
			}
			v = ir.TextScalar(text)
		}
		_, raw, err := signal.New(r.Signer, d.episode.EpisodeID, kind, v, s.Time)
		if err != nil {
			return nil, err
		}
		list = append(list, raw)
	}
	return list, nil
}
