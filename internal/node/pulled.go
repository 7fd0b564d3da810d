package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// PulledDatasets makes the datasets below root, which has arrived whole, known under their
// manifests, as a build does, and returns the manifests. One that was built here, or arrived
// before, keeps its DatasetRef. A DatasetRef whose manifest or definition is not what it
// says is left out: the error of using it names what is wrong.
func (n *Node) PulledDatasets(ctx context.Context, root object.Hash) (manifests []object.Hash, err error) {
	err = n.walk(ctx, root, nil, func(it Item, load func() ([]byte, error)) error {
		if it.Kind != objects.KindDatasetRef {
			return ctx.Err()
		}
		raw, err := load()
		if err != nil {
			return err
		}
		ref, err := object.Decode[dataset.DatasetRef](raw)
		if err != nil || n.checkDatasetRef(ctx, ref) != nil {
			return ctx.Err()
		}
		none := object.Hash{}
		err = n.Store.SetRef(ctx, DatasetRefName(ref.Manifest.CID), it.ID, &none)
		if err == nil || errors.Is(err, store.ErrChanged) {
			manifests = append(manifests, ref.Manifest.CID)
			return nil
		}
		return err
	})
	return manifests, err
}

// checkDatasetRef checks that what a DatasetRef names is here and is what it says.
func (n *Node) checkDatasetRef(ctx context.Context, ref *dataset.DatasetRef) error {
	if _, err := n.DatasetDef(ctx, ref.DatasetDefID); err != nil {
		return err
	}
	tree, err := merkle.OpenList(n.Store.Nodes(ctx), ref.Manifest.CID)
	if err == nil && tree.Len() != ref.Count {
		err = fmt.Errorf("manifest %s: %w: it lists %d episodes, the DatasetRef says %d", ref.Manifest.CID.Short(), store.ErrCorrupt, tree.Len(), ref.Count)
	}
	return err
}

// datasetRefOf finds a DatasetRef that is here by its own id or by its manifest, where no
// build and no pull made it known: it came in a push, or as an object.
func (n *Node) datasetRefOf(ctx context.Context, id object.Hash) (object.Hash, error) {
	var found []object.Hash
	err := n.Store.Objects(ctx, objects.KindDatasetRef, func(o store.Object) error {
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
