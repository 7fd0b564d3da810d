package node

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Names of the built-in effects that the node adds; their ids are
// SHA-256("tool:mythos." + name).
const (
	effectIssue    = "cap.issue"
	effectPolicy   = "cap.policy"
	effectRevoke   = "cap.revoke"
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
	effectAppend = "cell.append"
	effectRead   = "cell.read"
	effectState  = "cell.snapshot"
	effectEvery  = "cell.policy"
	effectSpawn  = "compute.spawn"

	effectCodebook  = "codebook.train"
	effectPolicySet = "policy.set"
	effectFreeze    = "ring.freeze"
	effectThaw      = "ring.thaw"

	effectIndexUpdate   = "index.update"
	effectIndexRollback = "index.rollback"
)

const kindDatasetRef = "DatasetRef"

// recorded are the effects that nobody calls: the repository's key does them, and
// they leave receipts.
var recorded = []string{effectIssue, effectPolicy, effectRevoke, effectImport}

// builtins registers the built-in effects. All are safe to repeat: they store by
// content, and rings change by compare-and-set.
func (n *Node) builtins() {
	n.Gate.Builtin(effectDataset, exec.Builtin{
		Use: func(request []byte) (caps.Use, error) {
			return caps.Use{Kind: caps.KindToolCall, Tool: exec.BuiltinID(effectDataset), Request: request}, nil
		},
		Run: n.runDataset, RetrySafe: true, Writes: true, Limits: exec.Limits{Timeout: 24 * time.Hour},
	})
	n.Gate.Builtin(effectExport, exec.Builtin{
		Use: func(request []byte) (caps.Use, error) {
			return caps.Use{Kind: caps.KindToolCall, Tool: exec.BuiltinID(effectExport), Request: request}, nil
		},
		Run: n.runExport, RetrySafe: true, Writes: true, Limits: exec.Limits{Timeout: 24 * time.Hour},
	})
	n.learningBuiltins()
	n.decisionBuiltins()
	n.trainBuiltin()
	n.indexBuiltins()
	n.keepBuiltins()
	n.cellBuiltins()
	n.spawnBuiltin()
}

// Source is where datasets find evidence in this repository.
func (n *Node) Source() *dataset.StoreSource {
	return &dataset.StoreSource{Store: n.Store, Ledger: n.Ledger}
}

// datasetBuilt is the response of dataset.build.
type datasetBuilt struct {
	Manifest object.BlobRef `can:"1,manifest"`
	Count    uint64         `can:"2,count"` // episodes in the manifest
	Seen     uint64         `can:"3,seen"`  // in the corpora
	Kept     uint64         `can:"4,kept"`  // by the predicate
	Warnings []string       `can:"5,warnings"`
}

// runDataset is the built-in effect dataset.build: the request is a canonical
// DatasetDef, the response a canonical datasetBuilt.
func (n *Node) runDataset(ctx context.Context, call exec.Call) (exec.Response, error) {
	def, err := dataset.OpenDef(call.Request)
	if err != nil {
		return failed(err), nil
	}
	built, err := dataset.BuildWith(ctx, n.Store, n.Source(), def, dataset.Options{Progress: progressOf(ctx)})
	if err != nil {
		return failed(err), nil
	}
	warnings := built.Warnings
	if warnings == nil {
		warnings = []string{}
	}
	raw, err := can.Marshal(&datasetBuilt{built.Manifest, uint64(len(built.IDs)), built.Seen, built.Kept, warnings})
	if err != nil {
		return exec.Response{}, err
	}
	return exec.Response{Body: raw, Status: exec.StatusOK, Evidence: []object.Hash{def.DatasetDefID, built.Manifest.CID}}, nil
}

// failed is the response of an effect that did not come about; the reason is the body.
func failed(err error) exec.Response {
	return exec.Response{Body: []byte(err.Error()), Status: exec.StatusFailed, Notes: err.Error()}
}

// BuiltDataset is a dataset as `dataset build` reports it.
type BuiltDataset struct {
	Ref      dataset.DatasetRef
	Raw      []byte // canonical DatasetRef
	Seen     uint64
	Kept     uint64
	Warnings []string
}

// BuildDataset keeps a definition and builds it, as an effect with a receipt. given is
// the authority for it; nil: what is held, or the owner's own.
func (n *Node) BuildDataset(ctx context.Context, data []byte, given []caps.Chain) (*BuiltDataset, error) {
	def, raw, err := dataset.ParseDef(data, n.datasetNames(ctx))
	if err != nil {
		return nil, err
	}
	if err := n.putObject(ctx, "DatasetDef", def.DatasetDefID, raw); err != nil {
		return nil, err
	}
	chains, err := n.dataCaps(ctx, effectDataset, raw, given)
	if err != nil {
		return nil, err
	}
	called, err := n.builtinCall(ctx, effectDataset, raw, nil, chains)
	if err != nil {
		return nil, err
	}
	built, err := object.Decode[datasetBuilt](called.Body)
	if err != nil {
		return nil, fmt.Errorf("dataset.build: %w", err)
	}
	b := &BuiltDataset{Seen: built.Seen, Kept: built.Kept, Warnings: built.Warnings, Ref: dataset.DatasetRef{
		DatasetDefID: def.DatasetDefID, Manifest: built.Manifest, Count: built.Count, BuildReceiptID: called.ReceiptID}}
	if b.Raw, err = can.Marshal(&b.Ref); err != nil {
		return nil, err
	}
	id := object.Sum(b.Raw)
	if err := n.putObject(ctx, kindDatasetRef, id, b.Raw); err != nil {
		return nil, err
	}
	return b, n.Store.SetRef(ctx, DatasetRefName(built.Manifest.CID), id, nil)
}

// datasetNames resolves what the text of a definition names.
func (n *Node) datasetNames(ctx context.Context) dataset.Names {
	return dataset.Names{
		Tool: func(name string) (object.Hash, error) { return n.ToolID(ctx, name) },
		Hash: func(text string) (object.Hash, error) { return n.Resolve(ctx, text) },
	}
}

// DatasetRefs begins the names of the refs to datasets.
const DatasetRefs = "dataset/"

// DatasetRefName is the ref that leads from a manifest to the DatasetRef that says
// how it came about.
func DatasetRefName(manifest object.Hash) string { return DatasetRefs + manifest.String() }

// DatasetRef returns how the dataset with this manifest came about here.
func (n *Node) DatasetRef(ctx context.Context, manifest object.Hash) (*dataset.DatasetRef, []byte, error) {
	id, err := n.Store.Ref(ctx, DatasetRefName(manifest))
	if err != nil {
		return nil, nil, fmt.Errorf("no dataset with manifest %s was built here: %w", manifest.Short(), err)
	}
	raw, err := n.load(ctx, kindDatasetRef, id)
	if err != nil {
		return nil, nil, err
	}
	ref, err := object.Decode[dataset.DatasetRef](raw)
	return ref, raw, err
}

// DatasetDef returns a definition that is here.
func (n *Node) DatasetDef(ctx context.Context, id object.Hash) (*dataset.DatasetDef, error) {
	raw, err := n.load(ctx, "DatasetDef", id)
	if err != nil {
		return nil, err
	}
	return dataset.OpenDef(raw)
}
