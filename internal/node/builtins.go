package node

import (
	"github.com/mythos-project/mythos/internal/recording"
)

// Names of the built-in effects that the node adds; their ids are
// SHA-256("tool:mythos." + name).
const (
	effectIssue    = "cap.issue"
	effectPolicy   = "cap.policy"
	effectRevoke   = "cap.revoke"
	effectRequire  = "cap.require" // a refusal only
	effectImport   = "episode.import"
	effectRedact   = "episode.redact" // recorded with a receipt
	effectDataset  = "dataset.build"
	effectExport   = "dataset.export"
	effectTrain    = "train"
	effectEval     = "eval"
	effectPromote  = "promote"
	effectRollback = "rollback"

	effectPin    = "blob.pin"
	effectDelete = "blob.delete"
	effectSpawn  = "compute.spawn"
	effectOnce   = "once"

	effectCodebook  = "codebook.train"
	effectPolicySet = "policy.set"
	effectFreeze    = "ring.freeze"
	effectThaw      = "ring.thaw"

	effectIndexUpdate   = "index.update"
	effectIndexRollback = "index.rollback"
)

// recorded are the effects that nobody calls: the repository's key does them, and
// they leave receipts.
var recorded = []string{effectIssue, effectPolicy, effectRevoke, effectRequire, effectImport}

// builtins registers the built-in effects.
func (n *Node) builtins() {
	n.Datasets.Register()
	n.Learn.Register()
	n.Codebooks.Register()
	n.Indexes.Register()
	(&Pins{ID: n.Identity, Gate: n.Gate, Store: n.Store}).Register()
	n.Cells.Register(n.Gate)
	(&Spawner{Gate: n.Gate, Store: n.Store, Caller: n.Caller}).Register()
	n.Gate.Builtin(effectOnce, (&recording.Runner{Programs: n.programs, Tools: n.Tools, Blobs: n.Store}).Builtin())
}
