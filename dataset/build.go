package dataset

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// BuildAnswer is the response of the effect dataset.build (spec/datasets.md#manifest).
type BuildAnswer struct {
	Manifest object.BlobRef `can:"1,manifest"`
	Count    uint64         `can:"2,count"` // episodes in the manifest
	Seen     uint64         `can:"3,seen"`  // in the corpora
	Kept     uint64         `can:"4,kept"`  // by the predicate
	Warnings []string       `can:"5,warnings"`
}

// Built is a built dataset: the selected episodes and the manifest.
type Built struct {
	Selection
	Manifest object.BlobRef
}

// Count is the number of episodes in the manifest.
func (b *Built) Count() uint64 { return uint64(len(b.IDs)) }

// Build selects the episodes and stores the manifest durably (spec/datasets.md#manifest).
func Build(ctx context.Context, s *store.Store, src Source, d *DatasetDef) (*Built, error) {
	return BuildWith(ctx, s, src, d, Options{})
}

// BuildWith is Build with options.
func BuildWith(ctx context.Context, s *store.Store, src Source, d *DatasetDef, o Options) (*Built, error) {
	sel, err := SelectWith(ctx, src, d, o)
	if err != nil {
		return nil, err
	}
	ref, _, err := Snapshot(ctx, s, MediaManifest, sel.IDs)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return &Built{*sel, ref}, nil
}
