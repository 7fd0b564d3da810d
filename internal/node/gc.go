package node

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// GCReport is what a garbage collection found.
type GCReport struct {
	store.GCReport
	Memos uint64 // of pure tasks, that were too old
	Trash store.Trash
}

// GC frees what nothing reaches: blobs, pins and refs keep their trees; receipts
// keep requests and responses; objects keep whatever they mention; tools keep their
// modules. Memos that are too old go, too.
// trash is how long what was collected can be brought back; negative: not at all.
func (n *Node) GC(ctx context.Context, dry bool, trash time.Duration, progress store.Progress) (rep GCReport, err error) {
	if rep.Memos, err = n.Exec.EvictMemos(ctx, dry); err != nil {
		return rep, err
	}
	if !dry {
		if err = n.sweepRunning(ctx); err != nil {
			return rep, err
		}
	}
	rep.GCReport, err = n.Store.GC(ctx, store.GCOptions{Now: n.Now(), DryRun: dry, Trash: trash, Roots: n.roots, Progress: progress})
	if err == nil {
		rep.Trash, err = n.Store.Trash(ctx)
	}
	return rep, err
}

func (n *Node) roots(ctx context.Context, keep func(object.Hash)) error {
	err := n.Ledger.Log(ctx, ledger.Filter{Kind: ledger.EntryReceipt}, func(e ledger.Entry) error {
		keep(e.Receipt.RequestHash)
		keep(e.Receipt.ResponseHash)
		for _, h := range e.Receipt.Evidence {
			keep(h)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	if err := n.objectRoots(ctx, keep); err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	return n.runRoots(ctx, keep)
}
