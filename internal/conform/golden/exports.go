package golden

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/dataset/ingest"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// exportIn is evidence and the form of its export. Payloads are found by hash.
type exportIn struct {
	IDs      []object.Hash     `json:"ids"`
	Episodes []input.Hex       `json:"episodes"`
	Receipts []input.Hex       `json:"receipts,omitempty"`
	Signals  []input.Hex       `json:"signals,omitempty"`
	Payloads []input.Hex       `json:"payloads,omitempty"` // and traces
	Tools    map[string]string `json:"tools,omitempty"`    // id: name
	Rows     string            `json:"rows,omitempty"`     // raw, messages, prompt-completion or preference
	Redact   json.RawMessage   `json:"redact,omitempty"`   // rules
	Key      input.Hex         `json:"key,omitempty"`      // of the rules
}

type exportOut struct {
	Text string `json:"jsonl"`
	Left uint64 `json:"left"` // episodes without a row
}

// exportOf writes JSON lines.
func exportOf(in json.RawMessage) (any, error) {
	var v exportIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	src, err := datasetIn{Corpora: [][]object.Hash{v.IDs}, Episodes: v.Episodes, Receipts: v.Receipts, Signals: v.Signals}.source()
	if err != nil {
		return nil, err
	}
	manifest, err := merkle.ListRoot(v.IDs)
	if err != nil {
		return nil, err
	}
	payloads := map[object.Hash][]byte{}
	for _, p := range v.Payloads {
		payloads[object.Sum(p)] = p
	}
	find := func(_ context.Context, h object.Hash) ([]byte, bool, error) {
		data, found := payloads[h]
		return data, found, nil
	}
	o := export.Options{Format: export.JSONL, Payload: find, Trace: find, Tool: func(_ context.Context, id object.Hash) string { return v.Tools[id.String()] }}
	if v.Rows != "" {
		if o.Rows, err = export.ParseRows(v.Rows); err != nil {
			return nil, err
		}
	}
	if v.Redact != nil {
		if o.Redact, err = redact.Parse(v.Redact, v.Key); err != nil {
			return nil, err
		}
	}
	var text bytes.Buffer
	file, err := export.To(context.Background(), src, manifest.CID, &text, o)
	return exportOut{text.String(), file.Left}, err
}

// redactionIn is a payload and the rules to apply to it.
type redactionIn struct {
	Rules   json.RawMessage `json:"rules"`
	Key     input.Hex       `json:"key"`
	Of      string          `json:"of"` // request, response or signal
	Tool    object.Hash     `json:"tool_id"`
	Payload input.Hex       `json:"payload"`
}

type redactionOut struct {
	RulesID object.Hash `json:"rules_id"`
	KeyID   string      `json:"key_id"`
	Payload *input.Hex  `json:"payload,omitempty"` // absent: withheld
	Changed bool        `json:"changed"`
}

func redactionOf(in json.RawMessage) (any, error) {
	var v redactionIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	r, err := redact.Parse(v.Rules, v.Key)
	if err != nil {
		return refusal{Refused: "redaction rules"}, nil
	}
	out := redactionOut{RulesID: r.ID(), KeyID: r.KeyID()}
	payload, changed, ok := r.Apply(v.Of, v.Tool, v.Payload)
	if ok {
		redacted := input.Hex(payload)
		out.Payload, out.Changed = &redacted, changed
	}
	return out, nil
}

// importIn is a file of foreign evidence.
type importIn struct {
	Form    string `json:"form,omitempty"`    // chat, otel or mcp
	Mapping string `json:"mapping,omitempty"` // of a form of its own, as YAML
	Text    string `json:"text"`
	As      string `json:"as"`    // the golden key of the importer
	At      int64  `json:"at_us"` // of records without a time
	Strict  bool   `json:"strict,omitempty"`
}

type importOut struct {
	Episodes []object.Hash `json:"episodes"`
	Traces   []string      `json:"traces"`   // their bytes, which are JSON
	Receipts [][]input.Hex `json:"receipts"` // of each episode, in order
	Bad      int           `json:"bad"`      // records that were left out
	Lost     int           `json:"lost"`     // parts that belong to the form and were not understood
}

func importOf(in json.RawMessage) (any, error) {
	var v importIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	form, err := v.form()
	if err != nil {
		return refusal{Refused: "mapping"}, nil
	}
	ctx, db := context.Background(), memory.New()
	s := store.New(db, db)
	im := ingest.Importer{Store: s, Signer: input.Key(v.As), Time: object.Time(v.At), Strict: v.Strict, Bad: func(*foreign.RecordError) error { return nil }}
	if v.Strict {
		im.Bad = nil
	}
	got, err := im.Import(ctx, form, strings.NewReader(v.Text))
	if err != nil {
		return refusal{Refused: "import"}, nil
	}
	out := importOut{Episodes: append([]object.Hash{}, got.Episodes...), Traces: []string{}, Receipts: [][]input.Hex{}, Bad: got.Bad}
	for _, l := range got.Lost {
		out.Lost += l.Count
	}
	for _, id := range got.Episodes {
		o, err := s.Object(ctx, id)
		if err != nil {
			return nil, err
		}
		e, err := object.Decode[object.EpisodeRef](o.Raw)
		if err != nil {
			return nil, err
		}
		trace, err := s.Bytes(ctx, e.TraceRef.TraceBlob.CID)
		if err != nil {
			return nil, err
		}
		var receipts []input.Hex
		for _, r := range e.TraceRef.ReceiptIDs {
			kept, err := s.Object(ctx, r)
			if err != nil {
				return nil, err
			}
			receipts = append(receipts, kept.Raw)
		}
		out.Traces, out.Receipts = append(out.Traces, string(trace)), append(out.Receipts, receipts)
	}
	return out, nil
}

func (v importIn) form() (foreign.Reader, error) {
	if v.Mapping != "" {
		return ingest.ParseMapping([]byte(v.Mapping))
	}
	return ingest.Form(v.Form)
}
