// Package datasets builds and exports datasets as effects, and finds how they were made.
package datasets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

const (
	effectDataset = "dataset.build"
	effectExport  = "dataset.export"
)

// Datasets builds and exports datasets, as effects.
type Datasets struct {
	ID       *identity.Identity
	Gate     *exec.Gate
	Store    *store.Store
	Source   *dataset.StoreSource
	Auth     *authority.Authority
	Caller   *calls.Caller
	Episodes *episodes.Episodes
	Toolbox  *toolbox.Toolbox
	Find     *lookup.Finder
}

// Register registers dataset.build and dataset.export. Both are retry-safe: they store by content.
func (d *Datasets) Register() {
	d.Gate.Builtin(effectDataset, exec.Builtin{Use: calls.ToolUse(effectDataset), Run: d.runDataset, RetrySafe: true, Writes: true,
		Limits: exec.Limits{Timeout: 24 * time.Hour}})
	d.Gate.Builtin(effectExport, exec.Builtin{Use: calls.ToolUse(effectExport), Run: d.runExport, RetrySafe: true, Writes: true,
		Limits: exec.Limits{Timeout: 24 * time.Hour}})
}

// runDataset is the built-in effect dataset.build: the request is a canonical
// DatasetDef, the response a canonical dataset.BuildAnswer.
func (d *Datasets) runDataset(ctx context.Context, call exec.Call) (exec.Response, error) {
	def, err := dataset.OpenDef(call.Request)
	if err != nil {
		return exec.Failed(err), nil
	}
	built, err := dataset.BuildWith(ctx, d.Store, d.Source, def, dataset.Options{Progress: progressOf(call)})
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

// progressOf returns the progress that the caller in this process wants to receive about a built-in effect; nil: none.
func progressOf(call exec.Call) store.Progress {
	p, _ := call.Local.(store.Progress)
	return p
}

// Built is a dataset as `dataset build` reports it.
type Built struct {
	ID       object.Hash // of Ref
	Ref      dataset.DatasetRef
	Raw      []byte // canonical DatasetRef
	Seen     uint64
	Kept     uint64
	Warnings []string
}

// Build stores a definition and builds it, as an effect with a receipt. given is the authority for it; nil: the held
// capabilities, or the owner's own. p is told how far the build has come.
func (d *Datasets) Build(ctx context.Context, data []byte, given []caps.Chain, p store.Progress) (*Built, error) {
	names, missing := d.datasetNames(ctx), []string(nil)
	tool := names.Tool
	names.Tool = func(name string) (object.Hash, error) {
		id, err := tool(name)
		if errors.Is(err, query.ErrNoTool) {
			missing = append(missing, fmt.Sprintf("no tool %q is registered here: has_tool finds it in imported evidence only", name))
		}
		return id, err
	}
	def, raw, err := dataset.ParseDef(data, names)
	if err != nil {
		return nil, err
	}
	if err := objects.Put(ctx, d.Store, "DatasetDef", def.DatasetDefID, raw); err != nil {
		return nil, err
	}
	chains, err := d.Auth.ForTool(ctx, effectDataset, raw, given)
	if err != nil {
		return nil, err
	}
	key, err := d.Caller.NextKey(ctx, effectDataset, raw)
	if err != nil {
		return nil, err
	}
	called, err := d.Caller.Builtin(ctx, effectDataset, calls.Spec{Request: raw, Key: key, Caps: chains, Manner: exec.Manner{Local: p}})
	if err != nil {
		return nil, err
	}
	built, err := object.Decode[dataset.BuildAnswer](called.Body)
	if err != nil {
		return nil, fmt.Errorf("dataset.build: %w", err)
	}
	b := &Built{Seen: built.Seen, Kept: built.Kept, Warnings: append(missing, built.Warnings...), Ref: dataset.DatasetRef{
		DatasetDefID: def.DatasetDefID, Manifest: built.Manifest, Count: built.Count, BuildReceiptID: called.ReceiptID}}
	if b.Raw, err = can.Marshal(&b.Ref); err != nil {
		return nil, err
	}
	id := object.Sum(b.Raw)
	if err := objects.Put(ctx, d.Store, objects.KindDatasetRef, id, b.Raw); err != nil {
		return nil, err
	}
	b.ID = id
	first, err := d.firstDataset(ctx, b)
	if first != nil && *first != def.DatasetDefID {
		b.Warnings = append(b.Warnings, fmt.Sprintf("the definition %s gave the same episodes before: the manifest names that dataset; --ref names this one", first.Short()))
	}
	return b, err
}

// firstDataset makes a manifest name the dataset, unless it already names one: the meaning of a name does not change
// because another definition selects the same episodes. It returns the definition that the manifest named before; nil:
// none.
func (d *Datasets) firstDataset(ctx context.Context, b *Built) (*object.Hash, error) {
	err := d.Store.SetRef(ctx, lookup.DatasetRefName(b.Ref.Manifest.CID), b.ID, new(object.Hash))
	if !errors.Is(err, store.ErrChanged) {
		return nil, err
	}
	first, _, err := d.Ref(ctx, b.Ref.Manifest.CID)
	if errors.Is(err, store.ErrNotFound) { // the ref remains of something that was collected
		return nil, d.Store.SetRef(ctx, lookup.DatasetRefName(b.Ref.Manifest.CID), b.ID, nil)
	}
	if err != nil {
		return nil, err
	}
	return &first.DatasetDefID, nil
}

// datasetNames resolves the names in the text of a definition.
func (d *Datasets) datasetNames(ctx context.Context) dataset.Names {
	return dataset.Names{
		Tool: func(name string) (object.Hash, error) {
			id, err := d.Toolbox.ID(ctx, name)
			if errors.Is(err, exec.ErrNoTool) {
				err = fmt.Errorf("%w: %w", query.ErrNoTool, err)
			}
			return id, err
		},
		Hash: func(text string) (object.Hash, error) { return d.List(ctx, text) },
	}
}

// Ref returns how a dataset was made, here or where it was pulled from. id is that of its DatasetRef, or its manifest:
// then it is the first dataset here that has this manifest.
func (d *Datasets) Ref(ctx context.Context, id object.Hash) (*dataset.DatasetRef, []byte, error) {
	if is, err := d.isDatasetRef(ctx, id); err != nil {
		return nil, nil, err
	} else if !is {
		manifest := id
		id, err = d.Store.Ref(ctx, lookup.DatasetRefName(manifest))
		if errors.Is(err, store.ErrNotFound) {
			id, err = d.datasetRefOf(ctx, manifest)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	raw, err := objects.Load(ctx, d.Store, objects.KindDatasetRef, id)
	if err != nil {
		return nil, nil, err
	}
	ref, err := object.Decode[dataset.DatasetRef](raw)
	return ref, raw, err
}

// isDatasetRef reports whether a stored object is a DatasetRef.
func (d *Datasets) isDatasetRef(ctx context.Context, id object.Hash) (bool, error) {
	o, err := d.Store.Object(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && o.Kind == objects.KindDatasetRef, err
}

// List returns the list of episodes that a text names: a corpus, or a dataset.
func (d *Datasets) List(ctx context.Context, text string) (object.Hash, error) {
	id, err := d.Find.Resolve(ctx, text)
	if err != nil {
		return id, err
	}
	return d.Manifest(ctx, id)
}

// Manifest returns the list of a dataset that is named by its DatasetRef, and any other id unchanged: a manifest, a
// corpus.
func (d *Datasets) Manifest(ctx context.Context, id object.Hash) (object.Hash, error) {
	if is, err := d.isDatasetRef(ctx, id); err != nil || !is {
		return id, err
	}
	ref, _, err := d.Ref(ctx, id)
	if err != nil {
		return id, err
	}
	return ref.Manifest.CID, nil
}

// Def returns a stored definition.
func (d *Datasets) Def(ctx context.Context, id object.Hash) (*dataset.DatasetDef, error) {
	raw, err := objects.Load(ctx, d.Store, "DatasetDef", id)
	if err != nil {
		return nil, err
	}
	return dataset.OpenDef(raw)
}

// CheckDatasetRef checks that what a DatasetRef names is stored and matches it.
func (d *Datasets) CheckDatasetRef(ctx context.Context, ref *dataset.DatasetRef) error {
	if _, err := d.Def(ctx, ref.DatasetDefID); err != nil {
		return err
	}
	tree, err := merkle.OpenList(d.Store.Nodes(ctx), ref.Manifest.CID)
	if err == nil && tree.Len() != ref.Count {
		err = fmt.Errorf("manifest %s: %w: it lists %d episodes, the DatasetRef says %d", ref.Manifest.CID.Short(), store.ErrCorrupt, tree.Len(), ref.Count)
	}
	return err
}

// datasetRefOf finds a stored DatasetRef by its own id or by its manifest, if no build or pull registered it: it came
// in a push, or as an object.
func (d *Datasets) datasetRefOf(ctx context.Context, id object.Hash) (object.Hash, error) {
	var found []object.Hash
	err := d.Store.Objects(ctx, objects.KindDatasetRef, func(o store.Object) error {
		ref, err := object.Decode[dataset.DatasetRef](o.Raw)
		if err == nil && ref.Manifest.CID == id {
			found = append(found, o.ID)
		}
		return err
	})
	switch {
	case err != nil:
		return object.Hash{}, err
	case len(found) == 0:
		return object.Hash{}, fmt.Errorf("no dataset with manifest %s was built or pulled here, where a pull of the manifest alone is none of its DatasetRef: %w", id.Short(), store.ErrNotFound)
	case len(found) > 1:
		return object.Hash{}, fmt.Errorf("%d DatasetRefs say how manifest %s came about, such as %s and %s: name one of them (%w)", len(found), id.Short(), found[0].Short(), found[1].Short(), store.ErrAmbiguous)
	}
	return found[0], nil
}
