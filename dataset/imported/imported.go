// Package imported defines how imported evidence differs from that of our own executors: its tools, notes and traces
// (spec/datasets.md#import). Package ingest makes it.
package imported

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

const (
	// Media is the media type of an imported episode's trace.
	Media = "application/mythos.trace.import+json"
	// Transform begins the transform in its provenance; the form's name follows.
	Transform = "mythos.import/"
	// Prefix begins the name of an imported tool in a query.
	Prefix = "imported:"
)

// Tool is the tool in the last receipt of every imported episode.
var Tool = ir.BuiltinTool("episode.import")

// ToolNamed is the id of a tool that imported evidence calls by a name: SHA-256("tool:imported:" + name). No executor
// has such a tool.
func ToolNamed(name string) object.Hash { return object.SumText("tool:" + Prefix + name) }

// The notes in receipts of imported evidence: the form stands between the two, and the reason of a failure after them.
const (
	note    = "imported from "
	noteEnd = ": nobody who saw it signed it"
)

// Note is the note in receipts of evidence imported from a form.
func Note(form string) string { return note + form + noteEnd }

// IsReceipt reports whether a receipt is of imported evidence: the importer states what a record said, and its only
// evidence is the hash of that record, which is not stored. No capability allowed it.
func IsReceipt(r *ledger.Receipt) bool {
	if r.Notes == nil || len(r.Evidence) != 1 {
		return false
	}
	return strings.HasPrefix(*r.Notes, note) && strings.Contains(*r.Notes, noteEnd)
}

// Form is the form from which an episode was imported; empty if it was not.
func Form(e *object.EpisodeRef) string {
	p := e.TraceRef.TraceBlob.Provenance
	if e.TraceRef.TraceBlob.Media != Media || p == nil {
		return ""
	}
	return strings.TrimPrefix(p.Transform, Transform)
}

// Trace is the trace of an imported episode, in JSON (spec/datasets.md#import). It has the data that receipts have no
// field for.
type Trace struct {
	Form    string          `json:"form"`
	Source  object.Hash     `json:"source_hash"` // of the record's bytes
	Model   string          `json:"model,omitempty"`
	Input   object.Hash     `json:"input_hash"`
	Output  object.Hash     `json:"output_hash"`
	Status  uint16          `json:"status"`
	Details json.RawMessage `json:"details,omitempty"` // of the answer: an object
	Calls   []Call          `json:"calls"`             // in the order of the receipts; the last receipt is the answer's
}

// Call is a call in the trace of an imported episode.
type Call struct {
	Tool     string          `json:"tool"`
	Kind     string          `json:"kind,omitempty"` // ModelCall for a call of a model; empty: a call of a tool
	Request  object.Hash     `json:"request_hash"`
	Response object.Hash     `json:"response_hash"`
	Status   uint16          `json:"status"`
	Time     object.Time     `json:"time_observed"`
	Details  json.RawMessage `json:"details,omitempty"` // an object
}

// ModelCall is the kind of a call of a model.
const ModelCall = "model"

// OpenTrace reads a trace.
func OpenTrace(data []byte) (*Trace, error) {
	t := &Trace{}
	if err := json.Unmarshal(data, t); err != nil {
		return nil, fmt.Errorf("trace of an import: %w", err)
	}
	return t, nil
}

// JSON is the trace's bytes. Details stay unchanged.
func (t *Trace) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(t); err != nil {
		return nil, fmt.Errorf("trace of an import: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}
