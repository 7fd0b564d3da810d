// Package ingest reads evidence that others recorded: chats, OpenTelemetry traces, MCP transcripts, and anything that a
// mapping describes (spec/datasets.md#import).
//
// No witness has signed such evidence. An imported episode therefore always differs from one of our own executors, in
// three ways that its id covers. Its trace has the media type [MediaTrace] and a provenance that names the form and the
// hash of the source record. Its last receipt is of the tool [ToolImport]. The calls in it are of tools whose ids are
// [ToolID] of their names, which no executor has. The importer signs its receipts, and thereby states what was read,
// not what was done: the note of each begins with "imported".
//
// The same record gives the same episode, however often it is read; only the signer depends on the importer.
package ingest

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset/imported"
	"github.com/mythos-project/mythos/dataset/ingest/foreign"
	"github.com/mythos-project/mythos/dataset/ingest/otel"
	"github.com/mythos-project/mythos/object"
)

// MediaTrace is the media type of an imported episode's trace.
const MediaTrace = imported.Media

// ToolImport is the tool in the last receipt of every imported episode: its request is the question, its response the
// answer.
var ToolImport = imported.Tool

// ToolID is the id of a tool that an imported record calls by this name.
func ToolID(name string) object.Hash { return imported.ToolNamed(name) }

// MaxRecord bounds a record, in bytes.
const MaxRecord = 64 << 20

// Form returns the reader of a built-in form: "chat", "otel" or "mcp".
func Form(name string) (foreign.Reader, error) {
	for _, r := range []foreign.Reader{chat{}, otel.Form{}, mcp{}} {
		if r.Name() == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("form %q is not known (chat, otel, mcp, or a mapping file)", name)
}
