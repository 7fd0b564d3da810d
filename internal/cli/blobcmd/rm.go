package blobcmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
)

func newRm(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "rm CID...",
		Short:   "Forget blobs; `mythos gc` frees what nothing else uses",
		Example: "  mythos blob rm \"$(echo hello | mythos blob put -)\"",
		Args:    cmdutil.Args(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			for _, name := range args {
				cid, err := f.Resolve(c.Context(), name)
				if err != nil {
					return err
				}
				if err := n.Store.RemoveBlob(c.Context(), cid); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
