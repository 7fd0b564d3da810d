package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// How imported evidence is told from that of our own executors (spec/datasets.md#import);
// package ingest makes it.
const (
	// MediaImport is the media type of an imported episode's trace.
	MediaImport = "application/mythos.trace.import+json"
	// TransformImport begins the transform in its provenance; the form's name follows.
	TransformImport = "mythos.import/"
	// importedPrefix begins the name of an imported tool in a query.
	importedPrefix = "imported:"
)

// ToolImport is the tool of the receipt that every imported episode ends with.
var ToolImport = ir.BuiltinTool("episode.import")

// ImportedTool is the id of a tool that imported evidence calls by a name:
// SHA-256("tool:imported:" + name). No executor has such a tool.
func ImportedTool(name string) object.Hash { return object.SumText("tool:" + importedPrefix + name) }

// The notes of the receipts of imported evidence: between the two stands the form, and
// after them what the record tells of a failure.
const (
	importNote    = "imported from "
	importNoteEnd = ": nobody who saw it signed it"
)

// ImportNote is what the receipts of evidence that was imported from a form say.
func ImportNote(form string) string { return importNote + form + importNoteEnd }

// Imported reports whether a receipt is of imported evidence: the importer says
// what a record said, and its only evidence is the hash of that record, which is not
// kept. No capability allowed it.
func Imported(r *ledger.Receipt) bool {
	if r.Notes == nil || len(r.Evidence) != 1 {
		return false
	}
	return strings.HasPrefix(*r.Notes, importNote) && strings.Contains(*r.Notes, importNoteEnd)
}

// ImportForm is the form from which an episode was imported; empty for one that was not.
func ImportForm(e *object.EpisodeRef) string {
	p := e.TraceRef.TraceBlob.Provenance
	if e.TraceRef.TraceBlob.Media != MediaImport || p == nil {
		return ""
	}
	return strings.TrimPrefix(p.Transform, TransformImport)
}

// ImportTrace is the trace of an imported episode, in JSON (spec/datasets.md#import). It
// says what the receipts have no field for.
type ImportTrace struct {
	Form    string          `json:"form"`
	Source  object.Hash     `json:"source_hash"` // of the record's bytes
	Model   string          `json:"model,omitempty"`
	Input   object.Hash     `json:"input_hash"`
	Output  object.Hash     `json:"output_hash"`
	Status  uint16          `json:"status"`
	Details json.RawMessage `json:"details,omitempty"` // of the answer: an object
	Calls   []ImportCall    `json:"calls"`             // in the order of the receipts, of which the last is the answer's
}

// ImportCall is a call in the trace of an imported episode.
type ImportCall struct {
	Tool     string          `json:"tool"`
	Kind     string          `json:"kind,omitempty"` // KindModelCall for a call of a model; empty: of a tool
	Request  object.Hash     `json:"request_hash"`
	Response object.Hash     `json:"response_hash"`
	Status   uint16          `json:"status"`
	Time     object.Time     `json:"time_observed"`
	Details  json.RawMessage `json:"details,omitempty"` // an object
}

// KindModelCall is the kind of a call of a model.
const KindModelCall = "model"

// OpenImportTrace reads a trace.
func OpenImportTrace(data []byte) (*ImportTrace, error) {
	t := &ImportTrace{}
	if err := json.Unmarshal(data, t); err != nil {
		return nil, fmt.Errorf("trace of an import: %w", err)
	}
	return t, nil
}

// JSON is the trace's bytes. Details stand in it as they are.
func (t *ImportTrace) JSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(t); err != nil {
		return nil, fmt.Errorf("trace of an import: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}
