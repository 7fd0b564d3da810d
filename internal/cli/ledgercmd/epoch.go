package ledgercmd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/epoch"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// epochView is an epoch that was begun.
type epochView struct {
	Receipt  object.Hash `json:"receipt"`
	Seq      uint64      `json:"seq"`       // of the receipt
	Good     uint64      `json:"good"`      // entries that were kept
	GoodRoot string      `json:"good_root"` // of the log then, hex
	Lost     uint64      `json:"lost"`      // entries of the checkpoint that the log does not begin with
	LostRoot string      `json:"lost_root"` // hex
}

func newNewEpoch(f *cmdutil.Factory) *cobra.Command {
	var given string
	c := &cobra.Command{
		Use: "new-epoch [--checkpoint FILE]", Short: "Go on after the database was restored from an older backup",
		Long: "A database that was restored from an older backup has forgotten effects that happened, and would let them happen\n" +
			"again. Where many machines share a repository that is found out by the checkpoints in the bucket, and nothing is\n" +
			"recorded any more; elsewhere `mythos ledger verify --checkpoint FILE --guard` does that. Find out first what was lost.\n" +
			"This command records a receipt as the next entry. It names the checkpoint of the ledger as it is, the last good one,\n" +
			"and the checkpoint that is ahead of it. From then on the ledger records again.",
		Example: "  mythos ledger new-epoch\n  mythos ledger new-epoch --checkpoint checkpoint.txt", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runNewEpoch(c.Context(), f, given) },
	}
	c.Flags().StringVar(&given, "checkpoint", "", "a checkpoint of this ledger that was kept elsewhere, and is ahead of it")
	return c
}

func runNewEpoch(ctx context.Context, f *cmdutil.Factory, given string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var text []byte
	if given != "" {
		if text, err = f.ReadText(given); err != nil {
			return err
		}
		if _, err := mlog.OpenCheckpoint(text, append(n.Trust.Agents(f.Now()), n.Self())...); err != nil {
			return clierr.New(clierr.Invalid, "%s: %w", given, err).On(given)
		}
	}
	e, err := n.Epochs.Begin(ctx, n.Ledger, exec.BuiltinID(epoch.Effect), text, n.Store.PutBytes)
	if err != nil {
		return err
	}
	return f.Emit(epochView{e.Receipt, e.Seq, e.Good.Size, hex.EncodeToString(e.Good.Root[:]), e.Lost.Size, hex.EncodeToString(e.Lost.Root[:])}, func() {
		f.IO.Printf("%s\n", e.Receipt)
		f.IO.Notef("a new epoch begins after %d entries; a checkpoint of %d entries is not of this ledger any more", e.Good.Size, e.Lost.Size)
	})
}

// epochs are those of the log, each compared with the log.
func epochs(ctx context.Context, n *repo.Repo) (list []epoch.Epoch, err error) {
	tool := exec.BuiltinID(epoch.Effect)
	err = n.Ledger.Log(ctx, kvledger.Filter{Kind: ledger.EntryReceipt, Tool: tool}, func(entry ledger.Entry) error {
		if !epoch.Begins(entry.Receipt, tool) {
			return nil
		}
		e, err := epoch.Check(ctx, n.Ledger, entry, n.Store.Bytes)
		list = append(list, e)
		return err
	})
	return list, err
}

// behind explains a checkpoint that the log does not begin with: an epoch has left it behind, or the database was restored.
func behind(ctx context.Context, n *repo.Repo, o *verifyOptions, data []byte, cause error) error {
	invalid := clierr.New(clierr.Invalid, "%s: %w", o.Checkpoint, cause).On(o.Checkpoint)
	c, err := mlog.OpenCheckpoint(data, append(n.Trust.Agents(n.Now()), n.Self())...)
	if err != nil || !errors.Is(cause, mlog.ErrCheckpoint) || n.Ledger.CheckConsistent(ctx, c) == nil {
		return invalid // it is not the log
	}
	list, err := epochs(ctx, n)
	if err != nil {
		return clierr.New(clierr.Invalid, "%w", err)
	}
	for _, e := range list {
		if e.Explains(c) {
			return invalid.With(fmt.Sprintf("it is of an earlier epoch: the ledger went on from %d entries, as receipt %s says", e.Good.Size, e.Receipt))
		}
	}
	if o.Guard {
		return n.Epochs.Mark(ctx, data)
	}
	return invalid.With("if the database was restored from an older backup, and no newer one is to be had: mythos ledger new-epoch --checkpoint " + o.Checkpoint)
}
