package export

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/mythos-project/mythos/dataset/imported"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
)

// Line is one episode of an export: a JSON object on a line (spec/datasets.md#export).
// The order of the members is that of the fields.
type Line struct {
	EpisodeID   object.Hash `json:"episode_id"`
	ContextHash object.Hash `json:"context_hash"` // of the task that ran
	OutcomeHash string      `json:"outcome_hash"` // of its result; keyed if the result was redacted
	Time        object.Time `json:"time_observed"`
	TraceCID    object.Hash `json:"trace_cid"`
	// Source is the form from which the episode was imported, such as "chat"; empty for evidence of our own executors.
	Source string `json:"source,omitempty"`
	// Outcome is the result in the JSON view of untyped MYTHOS-CAN, if its bytes are here; Withheld says why not, as in
	// a Payload. A result may contain any tool's answer, so it is always withheld if there is any redaction.
	Outcome  json.RawMessage `json:"outcome,omitempty"`
	Withheld string          `json:"outcome_withheld,omitempty"`
	Receipts []ReceiptLine   `json:"receipts"`
	Signals  []SignalLine    `json:"signals"`
}

// ReceiptLine is one receipt of an episode, in the order of its trace.
type ReceiptLine struct {
	ReceiptID    object.Hash `json:"receipt_id"`
	ToolID       object.Hash `json:"tool_id"`
	Tool         string      `json:"tool,omitempty"` // its name, if known
	Status       uint16      `json:"status"`
	Notes        string      `json:"notes,omitempty"` // such as the reason of a failure
	RequestHash  string      `json:"request_hash"`    // hex; "hmac-sha256:" + hex if the payload was redacted
	ResponseHash string      `json:"response_hash"`
	Time         object.Time `json:"time_observed"`
	Signer       string      `json:"signer"`            // public key in hex
	Request      *Payload    `json:"request,omitempty"` // if its bytes are here
	Response     *Payload    `json:"response,omitempty"`
	// Details are further data about the call in an imported record (spec/datasets.md#import): an object. They are left
	// out if there is any redaction.
	Details json.RawMessage `json:"details,omitempty"`

	model bool // a call of a model, in imported evidence
}

// Payload is captured bytes: text if they are UTF-8, otherwise base64; neither if they are withheld.
type Payload struct {
	Text     *string `json:"text,omitempty"`
	Base64   *string `json:"base64,omitempty"`
	Withheld string  `json:"withheld,omitempty"` // "redaction", or "size" if longer than MaxPayload
	Redacted bool    `json:"redacted,omitempty"`
}

// SignalLine is one signal of an episode, ascending by id.
type SignalLine struct {
	SignalID object.Hash `json:"signal_id"`
	Type     string      `json:"type"`  // reward, label or constraint
	Value    any         `json:"value"` // a number, a text, or hex
	Kind     string      `json:"kind"`  // i64, u64, bytes, text or hash
	Redacted bool        `json:"redacted,omitempty"`
	Time     object.Time `json:"time_observed"`
	Signer   string      `json:"signer"`
}

// size is the number of bytes of payloads.
func (l *Line) size() int {
	n := len(l.Outcome)
	for _, r := range l.Receipts {
		n += r.Request.size() + r.Response.size() + len(r.Details)
	}
	return n
}

func (p *Payload) size() int {
	switch {
	case p == nil:
		return 0
	case p.Text != nil:
		return len(*p.Text)
	case p.Base64 != nil:
		return len(*p.Base64)
	}
	return 0
}

// line collects everything about one episode.
func (x *exporter) line(ctx context.Context, id object.Hash) (*Line, error) {
	raw, err := x.src.Episode(ctx, id)
	if err != nil {
		return nil, err
	}
	e, err := object.Decode[object.EpisodeRef](raw)
	if err != nil {
		return nil, err
	}
	l := &Line{EpisodeID: id, ContextHash: e.ContextHash, OutcomeHash: e.OutcomeHash.String(), Time: e.TimeObserved,
		TraceCID: e.TraceRef.TraceBlob.CID, Source: imported.Form(e), Receipts: []ReceiptLine{}, Signals: []SignalLine{}}
	if err := x.outcome(ctx, l, e.OutcomeHash); err != nil {
		return nil, fmt.Errorf("outcome: %w", err)
	}
	if x.o.Tree != nil && (x.o.Redact != nil || e.TraceRef.TraceBlob.Media == redact.Media) {
		return nil, ErrRedactedFiles
	}
	for _, rid := range e.TraceRef.ReceiptIDs {
		r, err := x.src.Receipt(ctx, rid)
		if err != nil {
			return nil, fmt.Errorf("receipt %s: %w", rid.Short(), err)
		}
		rl, err := x.receipt(ctx, rid, r)
		if err != nil {
			return nil, fmt.Errorf("receipt %s: %w", rid.Short(), err)
		}
		l.Receipts = append(l.Receipts, rl)
		x.trees(id, r)
	}
	if err := x.told(ctx, l); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	l.Signals, err = x.signals(ctx, id)
	return l, err
}

// told adds data about the receipts from the trace of imported evidence.
func (x *exporter) told(ctx context.Context, l *Line) error {
	last := len(l.Receipts) - 1
	if l.Source == "" || last < 0 || x.o.Trace == nil {
		return nil
	}
	data, found, err := x.o.Trace(ctx, l.TraceCID)
	if err != nil || !found {
		return err
	}
	t, err := imported.OpenTrace(data)
	if err != nil {
		return err
	}
	if len(t.Calls) != last {
		return fmt.Errorf("%s tells of %d calls, the episode of %d: %w", l.TraceCID.Short(), len(t.Calls), last, store.ErrCorrupt)
	}
	for i, c := range t.Calls {
		r := &l.Receipts[i]
		if r.ToolID != imported.ToolNamed(c.Tool) {
			return fmt.Errorf("%s names another tool than receipt %s: %w", l.TraceCID.Short(), r.ReceiptID.Short(), store.ErrCorrupt)
		}
		r.Tool, r.model = c.Tool, c.Kind == imported.ModelCall
		if x.o.Redact == nil {
			r.Details = c.Details
		}
	}
	r := &l.Receipts[last]
	r.model = l.Source != formMCP && r.Request.size()+r.Response.size() > 0
	if x.o.Redact == nil {
		r.Details = t.Details
	}
	return nil
}

// formMCP is the form whose records contain only tool calls.
const formMCP = "mcp"

func (x *exporter) receipt(ctx context.Context, id object.Hash, r *ledger.Receipt) (l ReceiptLine, err error) {
	l = ReceiptLine{ReceiptID: id, ToolID: r.ToolID, Status: r.Status, Time: r.TimeObserved, Signer: r.Signer.KeyHex(), Notes: x.notes(r)}
	if x.o.Tool != nil {
		l.Tool = x.o.Tool(ctx, r.ToolID)
	}
	if l.Request, l.RequestHash, err = x.payload(ctx, "request", r.ToolID, r.RequestHash); err != nil {
		return l, err
	}
	l.Response, l.ResponseHash, err = x.payload(ctx, "response", r.ToolID, r.ResponseHash)
	return l, err
}

// notes are those of a receipt. Matches of a rule are replaced as in the request and the response, which the notes may
// quote.
func (x *exporter) notes(r *ledger.Receipt) string {
	if r.Notes == nil || x.o.Redact == nil {
		return deref(r.Notes)
	}
	text := []byte(*r.Notes)
	for _, of := range []string{"request", "response"} {
		var ok bool
		if text, _, ok = x.o.Redact.Apply(of, r.ToolID, text); !ok {
			return "[withheld]"
		}
	}
	return string(text)
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// outcome adds the result to the line.
func (x *exporter) outcome(ctx context.Context, l *Line, h object.Hash) error {
	if x.o.Redact != nil {
		l.OutcomeHash, l.Withheld = x.keyedHash(h), "redaction"
		return nil
	}
	data, err := x.captured(ctx, h)
	switch {
	case err != nil || data == nil:
		return err
	case len(data) > x.o.MaxPayload:
		l.Withheld = "size"
		return nil
	}
	if l.Outcome, err = object.ToJSON(nil, data); err != nil { // bytes that are not a value
		l.Outcome, err = json.Marshal(map[string]string{"$b": hex.EncodeToString(data)})
	}
	return err
}

// captured finds bytes by hash; nil if they are not here.
func (x *exporter) captured(ctx context.Context, h object.Hash) ([]byte, error) {
	if x.o.Payload == nil {
		return nil, nil
	}
	data, found, err := x.o.Payload(ctx, h)
	if err != nil || !found {
		return nil, err
	}
	if got := object.Sum(data); got != h {
		return nil, fmt.Errorf("%s: its bytes hash to %s: %w", h.Short(), got.Short(), store.ErrCorrupt)
	}
	if data == nil {
		data = []byte{}
	}
	return data, nil
}

// payload finds captured bytes and redacts them and their hash. Missing bytes cannot be examined, so if there is any
// redaction, their hash is redacted, too.
func (x *exporter) payload(ctx context.Context, of string, tool, h object.Hash) (*Payload, string, error) {
	data, err := x.captured(ctx, h)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", of, err)
	}
	if x.o.Redact == nil {
		return x.shown(data, false), h.String(), nil
	}
	if data == nil {
		return nil, x.keyedHash(h), nil
	}
	out, changed, ok := x.o.Redact.Apply(of, tool, data)
	switch {
	case !ok:
		return &Payload{Withheld: "redaction", Redacted: true}, x.keyedHash(h), nil
	case changed:
		return x.shown(out, true), x.keyedHash(h), nil
	}
	return x.shown(out, false), h.String(), nil
}

// shown is the form of bytes in a line; nil for none.
func (x *exporter) shown(data []byte, redacted bool) *Payload {
	p := &Payload{Redacted: redacted}
	switch text := string(data); {
	case data == nil:
		return nil
	case len(data) > x.o.MaxPayload:
		p.Withheld = "size"
	case utf8.ValidString(text):
		p.Text = &text
	default:
		coded := base64.StdEncoding.EncodeToString(data)
		p.Base64 = &coded
	}
	return p
}

// keyedHash replaces a hash that must not be revealed.
func (x *exporter) keyedHash(h object.Hash) string {
	return "hmac-sha256:" + x.o.Redact.KeyedHash(h.String())
}

func (x *exporter) signals(ctx context.Context, id object.Hash) ([]SignalLine, error) {
	raws, err := x.src.Signals(ctx, id)
	if err != nil {
		return nil, err
	}
	lines := []SignalLine{}
	for _, raw := range raws {
		var s signal.Signal
		if err := can.Unmarshal(raw, &s); err != nil {
			return nil, fmt.Errorf("signal: %w", err)
		}
		if s.EpisodeID != id || !x.visible.Has(s.SignalID) {
			continue
		}
		l, err := x.signal(&s)
		if err != nil {
			return nil, fmt.Errorf("signal %s: %w", s.SignalID.Short(), err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func (x *exporter) signal(s *signal.Signal) (SignalLine, error) {
	v, known, err := s.Value()
	if err != nil {
		return SignalLine{}, err
	}
	l := SignalLine{SignalID: s.SignalID, Type: signal.TypeName(s.SignalType), Kind: signal.ValueKindName(s.ValueKind), Time: s.TimeObserved, Signer: s.Signer.KeyHex()}
	if !known { // unknown bytes may contain anything to redact
		return l, nil
	}
	l.Value = jsonValue(v)
	if x.o.Redact != nil && v.Kind() == ir.KindText {
		out, changed, ok := x.o.Redact.Apply("signal", object.Hash{}, []byte(v.Data()))
		if l.Redacted = changed; !ok {
			out = []byte("[withheld]")
		}
		l.Value = string(out)
	}
	return l, nil
}

func jsonValue(v ir.Scalar) any {
	switch v.Kind() {
	case ir.KindI64:
		return v.Int()
	case ir.KindU64:
		return v.Uint()
	case ir.KindText:
		return v.Data()
	}
	return v.String()
}
