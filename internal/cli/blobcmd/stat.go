package blobcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object/can"
)

func newStat(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "stat CID",
		Short:   "Describe one blob",
		Example: "  mythos blob stat \"$(echo hello | mythos blob put -)\" --json",
		Args:    cmdutil.Args(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return runStat(c.Context(), f, args[0]) },
	}
}

func runStat(ctx context.Context, f *cmdutil.Factory, name string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	cid, err := f.Resolve(ctx, name)
	if err != nil {
		return err
	}
	ref, err := n.Store.BlobRef(ctx, cid)
	if err != nil {
		return err
	}
	raw, err := can.Marshal(&ref)
	if err != nil {
		return err
	}
	return f.EmitObject("BlobRef", raw)
}
