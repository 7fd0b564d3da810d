package capcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/units"
)

func newExport(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "export CAP", Short: "Print a chain as text for copying", Example: "  mythos cap export 3f9c01 > cap.txt", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			_, ch, err := chain(c.Context(), f, args[0])
			if err != nil {
				return err
			}
			text, err := caps.ExportText(ch)
			if err != nil {
				return err
			}
			f.IO.Printf("%s\n", text)
			return nil
		},
	}
}

func newImport(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "import FILE|-", Short: "Import a chain or a revocation list that somebody exported; prints its id", Example: "  mythos cap import cap.txt",
		Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runImport(c.Context(), f, args[0]) },
	}
}

func runImport(ctx context.Context, f *cmdutil.Factory, name string) error {
	data, err := f.Read(name)
	if err != nil {
		return err
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if _, _, err := caps.OpenRevocationList(data); err == nil {
		list, err := n.Revocations.Put(ctx, data)
		if err != nil {
			return err
		}
		f.IO.Notef("revocation list %d of %s holds %s", list.Sequence, list.Issuer, units.Count(len(list.Revoked), "capability", "capabilities"))
		return f.Emit(viewOf(n, list), func() { f.IO.Printf("%s\n", list.ListID) })
	}
	ch, err := caps.Import(data)
	if err != nil {
		return clierr.New(clierr.Invalid, "%s: %w", name, err).On(name)
	}
	if err := n.Auth.Add(ctx, ch...); err != nil {
		return err
	}
	f.IO.Notef("%s", caps.Explain(ch, f.Now()))
	return f.Emit(describe(ctx, n, ch[0]), func() { f.IO.Printf("%s\n", ch[0].ID) })
}
