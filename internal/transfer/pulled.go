package transfer

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// PulledDatasets registers the datasets below root, which has arrived completely, under their manifests, as a build
// does, and returns the manifests. A dataset that was built here, or arrived before, keeps its DatasetRef. A DatasetRef
// whose manifest or definition does not match it is left out: the error of using it names what is wrong.
func (tr *Transfer) PulledDatasets(ctx context.Context, root object.Hash) (manifests []object.Hash, err error) {
	err = tr.walk(ctx, Object(root), nil, func(it Item, load func() ([]byte, error)) error {
		if it.Kind != objects.KindDatasetRef {
			return ctx.Err()
		}
		raw, err := load()
		if err != nil {
			return err
		}
		ref, err := object.Decode[dataset.DatasetRef](raw)
		if err != nil || tr.Datasets.CheckDatasetRef(ctx, ref) != nil {
			return ctx.Err()
		}
		none := object.Hash{}
		err = tr.Store.SetRef(ctx, lookup.DatasetRefName(ref.Manifest.CID), it.ID, &none)
		if err == nil || errors.Is(err, store.ErrChanged) {
			manifests = append(manifests, ref.Manifest.CID)
			return nil
		}
		return err
	})
	return manifests, err
}
