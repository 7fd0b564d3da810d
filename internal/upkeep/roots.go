package upkeep

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/catalog"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// runRoots passes to keep what recorded runs need for a replay.
func (u *Upkeep) runRoots(ctx context.Context, keep func(object.Hash)) error {
	err := u.Exec.Runs(ctx, func(r *run.Record) error {
		keep(r.BundleHash)
		keep(r.ResultHash)
		keep(r.TraceHash)
		keep(r.Effects)
		return nil
	})
	if err != nil {
		return fmt.Errorf("runs: %w", err)
	}
	if err := u.Indexes.IndexRoots(ctx, keep); err != nil {
		return fmt.Errorf("indexes: %w", err)
	}
	if err := u.Cells.Roots(ctx, keep); err != nil {
		return fmt.Errorf("cells: %w", err)
	}
	if err := u.Approvals.Roots(ctx, keep); err != nil {
		return fmt.Errorf("approvals: %w", err)
	}
	return u.Tools.List(ctx, func(t exec.Tool) error {
		if t.Module.ModuleHash != nil {
			keep(*t.Module.ModuleHash)
		}
		if t.Module.Definition != nil {
			keep(*t.Module.Definition)
		}
		return nil
	})
}

// objectRoots passes to keep everything that objects mention. Objects themselves are never collected.
func (u *Upkeep) objectRoots(ctx context.Context, keep func(object.Hash)) error {
	for _, kind := range catalog.Names() {
		err := u.Store.Objects(ctx, kind, func(o store.Object) error {
			r, err := objects.ReferencesOf(o)
			if err != nil {
				return fmt.Errorf("%s %s: %w", o.Kind, o.ID.Short(), err)
			}
			for _, h := range r.Hashes {
				keep(h)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
