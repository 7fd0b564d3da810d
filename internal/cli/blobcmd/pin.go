package blobcmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/object"
)

type pinOptions struct {
	CID    string
	TTL    cmdutil.Span
	Reason string
}

func newPin(f *cmdutil.Factory) *cobra.Command {
	o := &pinOptions{}
	c := &cobra.Command{
		Use:     "pin CID [--ttl D]",
		Short:   "Keep a blob from garbage collection",
		Example: "  mythos blob pin \"$(echo hello | mythos blob put -)\" --ttl 30d",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.CID = args[0]
			return runPin(c.Context(), f, o)
		},
	}
	c.Flags().Var(&o.TTL, "ttl", "how long to keep it; for ever by default")
	cmdutil.TextVar(c.Flags(), &o.Reason, "reason", "a note that says why")
	return c
}

func runPin(ctx context.Context, f *cmdutil.Factory, o *pinOptions) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	cid, err := f.Resolve(ctx, o.CID)
	if err != nil {
		return err
	}
	var until object.Time
	if o.TTL > 0 {
		until = f.Now().Add(time.Duration(o.TTL))
	}
	return n.Store.Pin(ctx, cid, until, o.Reason)
}

func newUnpin(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "unpin CID",
		Short:   "Remove the pin of a blob: garbage collection may take it",
		Example: "  mythos blob unpin \"$(echo hello | mythos blob put -)\"",
		Args:    cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			cid, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			return n.Store.Unpin(c.Context(), cid)
		},
	}
}
