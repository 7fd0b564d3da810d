// Package upkeep collects what nothing reaches, forgets what is over, and checks what is
// here.
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/indexes"
	"github.com/mythos-project/mythos/internal/packets"
	"github.com/mythos-project/mythos/internal/running"
	"github.com/mythos-project/mythos/internal/task"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/gc"
	"github.com/mythos-project/mythos/store/kv"
)

// Upkeep collects what nothing reaches, forgets what is over, and checks what is here.
type Upkeep struct {
	ID        *identity.Identity
	DB        kv.KV
	Store     *store.Store
	Ledger    *kvledger.Ledger
	Exec      *run.Executor
	Tools     *exec.Tools
	Running   *running.Dir
	Cells     *cell.Cells
	Quotas    *quota.Quotas
	Source    *dataset.StoreSource
	Auth      *authority.Authority
	Indexes   *indexes.Indexes
	Approvals *approval.Approvals
	Packets   *packets.Packets
	Tasks     *task.Tasks
	Transfer  *transfer.Transfer
}

// GCReport is what a garbage collection found.
type GCReport struct {
	gc.Report
	Memos uint64 // of pure tasks, that were too old
	Pages uint64 // of values for selections, that nobody reads any more
	Trash gc.Trash
}

// GC frees what nothing reaches: blobs, pins and refs keep their trees; receipts
// keep requests and responses; objects keep whatever they mention; tools keep their
// modules. Memos that are too old go, too, as do pages of values that nobody reads any more.
// trash is how long what was collected can be brought back; negative: not at all.
func (u *Upkeep) GC(ctx context.Context, dry bool, trash time.Duration, progress store.Progress) (rep GCReport, err error) {
	if rep.Memos, err = u.Exec.EvictMemos(ctx, dry); err != nil {
		return rep, err
	}
	if rep.Pages, err = pages.Sweep(ctx, u.DB, dry); err != nil {
		return rep, err
	}
	if !dry {
		if err = errors.Join(u.sweepRunning(ctx), u.sweepDeclared(ctx), u.awaited().Sweep(ctx)); err != nil {
			return rep, err
		}
	}
	rep.Report, err = gc.Run(ctx, u.Store, gc.Options{Now: u.ID.Now(), DryRun: dry, Trash: trash, Roots: u.roots, Progress: progress})
	if err == nil {
		rep.Trash, err = gc.CountTrash(ctx, u.Store)
	}
	return rep, err
}

func (u *Upkeep) roots(ctx context.Context, keep func(object.Hash)) error {
	err := u.Ledger.Log(ctx, kvledger.Filter{Kind: ledger.EntryReceipt}, func(e ledger.Entry) error {
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
	if err := u.objectRoots(ctx, keep); err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	return u.runRoots(ctx, keep)
}
