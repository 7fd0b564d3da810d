package dataset

import (
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
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

// ImportForm is the form from which an episode was imported; empty for one that was not.
func ImportForm(e *object.EpisodeRef) string {
	p := e.TraceRef.TraceBlob.Provenance
	if e.TraceRef.TraceBlob.Media != MediaImport || p == nil {
		return ""
	}
	return strings.TrimPrefix(p.Transform, TransformImport)
}
