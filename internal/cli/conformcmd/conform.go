// Package conformcmd holds `mythos conformance`.
package conformcmd

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/conform"
	"github.com/mythos-project/mythos/internal/ui"
)

// New is `mythos conformance`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(&cobra.Command{
		Use: "conformance PACKDIR", Short: "Rebuild every vector of a conformance pack and compare bytes",
		Long:    "Exit code 5 when a vector fails. Where a pack departs from its own text, a note on the vector's line says so.",
		Example: "  mythos conformance ./ctvp", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return run(c.Context(), f, args[0]) },
	}, results)
}

func run(ctx context.Context, f *cmdutil.Factory, dir string) error {
	rep, err := conform.Run(ctx, os.DirFS(dir))
	if err != nil {
		return cmdutil.FileError(dir, err)
	}
	if err := f.Emit(rep, func() {
		for _, r := range rep.Results {
			verdict := f.IO.Paint(ui.Good, "pass")
			if !r.Pass {
				verdict = f.IO.Paint(ui.Bad, "FAIL")
			}
			f.IO.Printf("%s  %-12s  %s\n", verdict, r.ID, strings.TrimSpace(r.Error+" "+strings.Join(r.Notes, "; ")))
		}
		f.IO.Printf("%d of %d vectors\n", rep.Passed(), len(rep.Results))
	}); err != nil {
		return err
	}
	if failed := len(rep.Results) - rep.Passed(); failed > 0 {
		return clierr.New(clierr.Invalid, "%d vectors fail", failed)
	}
	return nil
}
