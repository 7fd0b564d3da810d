// Package ingest reads evidence that others recorded: chats, OpenTelemetry traces, MCP
// transcripts, and anything that a mapping describes (spec/datasets.md#import).
//
// What comes in was signed by nobody who saw it happen. An imported episode can
// therefore always be told from one of our own executors, in three ways that its id
// covers: its trace has the media type [MediaTrace] and a provenance that names the form
// and the hash of the source record; its last receipt is of the tool [ToolImport]; and
// the calls in it are of tools whose ids are [ToolID] of their names, which no executor
// has. Its receipts are signed by the importer, who says with them what was read, not
// what was done: the note of each begins with "imported".
//
// The same record gives the same episode, no matter who reads it or how often, up to the signer.
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

// ToolImport is the tool of the receipt that every imported episode ends with: its
// request is what was asked, its response the answer.
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
