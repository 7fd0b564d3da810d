package ledgercmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

type verifyOptions struct {
	Checkpoint string
	Witnesses  []string
	Guard      bool
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use: "verify [--checkpoint FILE [--guard] [--witness KEY]...]", Short: "Recompute the whole ledger, and check that it extends a kept checkpoint",
		Example: "  mythos ledger verify --checkpoint checkpoint.txt", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runVerify(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.Checkpoint, "checkpoint", "", "a checkpoint kept elsewhere")
	c.Flags().BoolVar(&o.Guard, "guard", false, "if the ledger is behind the checkpoint, record nothing until mythos ledger new-epoch")
	c.Flags().StringArrayVar(&o.Witnesses, "witness", nil, "a public key that must have cosigned the checkpoint; may be repeated")
	return c
}

func runVerify(ctx context.Context, f *cmdutil.Factory, o *verifyOptions) error {
	witnesses, err := publicKeys("witness", o.Witnesses)
	if err != nil {
		return err
	}
	if (len(witnesses) > 0 || o.Guard) && o.Checkpoint == "" {
		return clierr.Usagef("--witness and --guard need --checkpoint")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	rep, err := n.Ledger.Verify(ctx)
	if err != nil {
		return clierr.New(clierr.Invalid, "%w", err).With("compare with a checkpoint kept elsewhere, and restore from a backup")
	}
	if o.Checkpoint != "" {
		data, err := f.ReadText(o.Checkpoint)
		if err != nil {
			return err
		}
		if err := consistent(ctx, f, n, data, witnesses); err != nil {
			return behind(ctx, n, o, data, err)
		}
	}
	if _, err := epochs(ctx, n); err != nil {
		return clierr.New(clierr.Invalid, "%w", err)
	}
	var lost error
	if err := n.Upkeep.RecountQuotas(ctx, func(_ object.Hash, err error) { lost = errors.Join(lost, err) }); err != nil {
		return err
	}
	if lost != nil {
		return clierr.New(clierr.Invalid, "%w", lost).With("revoke the capability and issue another one, or restore from a backup")
	}
	return f.Emit(rep, func() {
		f.IO.Printf("ok: %s, %s, %d divergent, %d pending\n", units.Count(rep.Entries, "entry", "entries"), units.Count(rep.Effects, "effect"), rep.Divergent, rep.Pending)
	})
}

// consistent checks that the log extends a kept checkpoint.
func consistent(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, data []byte, witnesses []object.AgentID) error {
	old, err := mlog.OpenCheckpoint(data, append(n.Trust.Agents(f.Now()), n.Self())...)
	if err != nil {
		return err
	}
	if err := cosignedBy(data, old.Signer, witnesses); err != nil {
		return err
	}
	return n.Ledger.CheckConsistent(ctx, old)
}

// publicKeys reads the values of a flag.
func publicKeys(flag string, texts []string) ([]object.AgentID, error) {
	var agents []object.AgentID
	for _, text := range texts {
		a, err := object.ParseKey(text)
		if err != nil {
			return nil, clierr.Usagef("--%s %s: %w", flag, text, err)
		}
		agents = append(agents, a)
	}
	return agents, nil
}

// cosignedBy checks that each of the witnesses has cosigned a checkpoint of log.
func cosignedBy(checkpoint []byte, log object.AgentID, witnesses []object.AgentID) error {
	found, err := mlog.Witnesses(checkpoint, log, witnesses...)
	if err != nil {
		return err
	}
	for _, w := range witnesses {
		if !slices.ContainsFunc(found, w.Same) {
			return fmt.Errorf("%w: witness %s has not cosigned it", mlog.ErrCheckpoint, w.KeyHex())
		}
	}
	return nil
}
