package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/internal/recording"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
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

// builtins registers the built-in effects. All are safe to repeat: they store by
// content, and rings change by compare-and-set.
func (n *Node) builtins() {
	n.Gate.Builtin(effectDataset, exec.Builtin{
		Use: func(request []byte) (scope.Use, error) {
			return scope.Use{Kind: scope.KindToolCall, Tool: exec.BuiltinID(effectDataset), Request: request}, nil
		},
		Run: n.runDataset, RetrySafe: true, Writes: true, Limits: exec.Limits{Timeout: 24 * time.Hour},
	})
	n.Gate.Builtin(effectExport, exec.Builtin{
		Use: func(request []byte) (scope.Use, error) {
			return scope.Use{Kind: scope.KindToolCall, Tool: exec.BuiltinID(effectExport), Request: request}, nil
		},
		Run: n.runExport, RetrySafe: true, Writes: true, Limits: exec.Limits{Timeout: 24 * time.Hour},
	})
	n.learningBuiltins()
	n.decisionBuiltins()
	n.trainBuiltin()
	n.indexBuiltins()
	n.keepBuiltins()
	n.Cells.Register(n.Gate)
	n.spawnBuiltin()
	n.Gate.Builtin(effectOnce, (&recording.Runner{Programs: n.programs, Tools: n.Tools, Blobs: n.Store}).Builtin())
}

// Source is where datasets find evidence in this repository.
func (n *Node) Source() *dataset.StoreSource {
	return &dataset.StoreSource{Store: n.Store, Ledger: n.Ledger}
}

// runDataset is the built-in effect dataset.build: the request is a canonical
// DatasetDef, the response a canonical dataset.BuildAnswer.
func (n *Node) runDataset(ctx context.Context, call exec.Call) (exec.Response, error) {
	def, err := dataset.OpenDef(call.Request)
	if err != nil {
		return exec.Failed(err), nil
	}
	built, err := dataset.BuildWith(ctx, n.Store, n.Source(), def, dataset.Options{Progress: progressOf(call)})
	if err != nil {
		return exec.Failed(err), nil
	}
	warnings := built.Warnings
	if warnings == nil {
		warnings = []string{}
	}
	raw, err := can.Marshal(&dataset.BuildAnswer{Manifest: built.Manifest, Count: uint64(len(built.IDs)), Seen: built.Seen, Kept: built.Kept, Warnings: warnings})
	if err != nil {
		return exec.Response{}, err
	}
	return exec.Response{Body: raw, Status: exec.StatusOK, Evidence: []object.Hash{def.DatasetDefID, built.Manifest.CID}}, nil
}

// progressOf is who the caller in this process wants told how far a built-in effect is; nil
// for nobody.
func progressOf(call exec.Call) store.Progress {
	p, _ := call.Local.(store.Progress)
	return p
}

// BuiltDataset is a dataset as `dataset build` reports it.
type BuiltDataset struct {
	ID       object.Hash // of Ref
	Ref      dataset.DatasetRef
	Raw      []byte // canonical DatasetRef
	Seen     uint64
	Kept     uint64
	Warnings []string
}

// BuildDataset keeps a definition and builds it, as an effect with a receipt. given is
// the authority for it; nil: what is held, or the owner's own. p is told how far it is.
func (n *Node) BuildDataset(ctx context.Context, data []byte, given []caps.Chain, p store.Progress) (*BuiltDataset, error) {
	names, missing := n.datasetNames(ctx), []string(nil)
	tool := names.Tool
	names.Tool = func(name string) (object.Hash, error) {
		id, err := tool(name)
		if errors.Is(err, dataset.ErrNoTool) {
			missing = append(missing, fmt.Sprintf("no tool %q is registered here: has_tool finds it in imported evidence only", name))
		}
		return id, err
	}
	def, raw, err := dataset.ParseDef(data, names)
	if err != nil {
		return nil, err
	}
	if err := objects.Put(ctx, n.Store, "DatasetDef", def.DatasetDefID, raw); err != nil {
		return nil, err
	}
	chains, err := n.dataCaps(ctx, effectDataset, raw, given)
	if err != nil {
		return nil, err
	}
	key, err := n.nextKey(ctx, effectDataset, raw)
	if err != nil {
		return nil, err
	}
	called, err := n.builtinCall(ctx, effectDataset, CallSpec{Request: raw, Key: key, Caps: chains, Manner: exec.Manner{Local: p}})
	if err != nil {
		return nil, err
	}
	built, err := object.Decode[dataset.BuildAnswer](called.Body)
	if err != nil {
		return nil, fmt.Errorf("dataset.build: %w", err)
	}
	b := &BuiltDataset{Seen: built.Seen, Kept: built.Kept, Warnings: append(missing, built.Warnings...), Ref: dataset.DatasetRef{
		DatasetDefID: def.DatasetDefID, Manifest: built.Manifest, Count: built.Count, BuildReceiptID: called.ReceiptID}}
	if b.Raw, err = can.Marshal(&b.Ref); err != nil {
		return nil, err
	}
	id := object.Sum(b.Raw)
	if err := objects.Put(ctx, n.Store, objects.KindDatasetRef, id, b.Raw); err != nil {
		return nil, err
	}
	b.ID = id
	first, err := n.firstDataset(ctx, b)
	if first != nil && *first != def.DatasetDefID {
		b.Warnings = append(b.Warnings, fmt.Sprintf("the definition %s gave the same episodes before: the manifest names that dataset; --ref names this one", first.Short()))
	}
	return b, err
}

// firstDataset makes a manifest name the dataset, unless it names one already: what a name
// stands for does not change because another definition selects the same episodes. It
// returns the definition that the manifest named before; nil for none.
func (n *Node) firstDataset(ctx context.Context, b *BuiltDataset) (*object.Hash, error) {
	err := n.Store.SetRef(ctx, DatasetRefName(b.Ref.Manifest.CID), b.ID, new(object.Hash))
	if !errors.Is(err, store.ErrChanged) {
		return nil, err
	}
	first, _, err := n.DatasetRef(ctx, b.Ref.Manifest.CID)
	if errors.Is(err, store.ErrNotFound) { // the ref is left of what was collected
		return nil, n.Store.SetRef(ctx, DatasetRefName(b.Ref.Manifest.CID), b.ID, nil)
	}
	if err != nil {
		return nil, err
	}
	return &first.DatasetDefID, nil
}

// datasetNames resolves what the text of a definition names.
func (n *Node) datasetNames(ctx context.Context) dataset.Names {
	return dataset.Names{
		Tool: func(name string) (object.Hash, error) {
			id, err := n.ToolID(ctx, name)
			if errors.Is(err, exec.ErrNoTool) {
				err = fmt.Errorf("%w: %w", dataset.ErrNoTool, err)
			}
			return id, err
		},
		Hash: func(text string) (object.Hash, error) { return n.List(ctx, text) },
	}
}

// DatasetRefs begins the names of the refs to datasets.
const DatasetRefs = "dataset/"

// DatasetRefName is the ref that leads from a manifest to the DatasetRef that says
// how it came about.
func DatasetRefName(manifest object.Hash) string { return DatasetRefs + manifest.String() }

// DatasetRef returns how a dataset came about, here or where it was pulled from. id is that
// of its DatasetRef, or its manifest: then it is the first dataset here that has this
// manifest.
func (n *Node) DatasetRef(ctx context.Context, id object.Hash) (*dataset.DatasetRef, []byte, error) {
	if is, err := n.isDatasetRef(ctx, id); err != nil {
		return nil, nil, err
	} else if !is {
		manifest := id
		id, err = n.Store.Ref(ctx, DatasetRefName(manifest))
		if errors.Is(err, store.ErrNotFound) {
			id, err = n.datasetRefOf(ctx, manifest)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	raw, err := objects.Load(ctx, n.Store, objects.KindDatasetRef, id)
	if err != nil {
		return nil, nil, err
	}
	ref, err := object.Decode[dataset.DatasetRef](raw)
	return ref, raw, err
}

// isDatasetRef reports whether an object that is here is a DatasetRef.
func (n *Node) isDatasetRef(ctx context.Context, id object.Hash) (bool, error) {
	o, err := n.Store.Object(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && o.Kind == objects.KindDatasetRef, err
}

// List is the list of episodes that a text names: a corpus, or a dataset.
func (n *Node) List(ctx context.Context, text string) (object.Hash, error) {
	id, err := n.Resolve(ctx, text)
	if err != nil {
		return id, err
	}
	return n.Manifest(ctx, id)
}

// Manifest is the list of a dataset that is named by its DatasetRef, and any other id as
// it is: a manifest, a corpus.
func (n *Node) Manifest(ctx context.Context, id object.Hash) (object.Hash, error) {
	if is, err := n.isDatasetRef(ctx, id); err != nil || !is {
		return id, err
	}
	ref, _, err := n.DatasetRef(ctx, id)
	if err != nil {
		return id, err
	}
	return ref.Manifest.CID, nil
}

// DatasetDef returns a definition that is here.
func (n *Node) DatasetDef(ctx context.Context, id object.Hash) (*dataset.DatasetDef, error) {
	raw, err := objects.Load(ctx, n.Store, "DatasetDef", id)
	if err != nil {
		return nil, err
	}
	return dataset.OpenDef(raw)
}
