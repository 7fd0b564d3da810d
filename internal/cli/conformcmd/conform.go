// Package conformcmd holds `mythos conformance`.
package conformcmd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/conform"
	"github.com/mythos-project/mythos/internal/conform/pack"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/spec/vectors"
)

// New is `mythos conformance`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(&cobra.Command{
		Use: "conformance [PACKDIR]", Short: "Rebuild every vector of a conformance pack and compare bytes",
		Long: "Without a folder, it checks the golden vectors of this version (spec/vectors). A folder holds a pack with a\n" +
			"manifest, such as the public one, or golden vectors that another implementation wrote. Exit code 5 if a vector\n" +
			"fails. If a pack departs from its own text, a note on the vector's line says so. -v also lists the golden\n" +
			"vectors that pass.",
		Example: "  mythos conformance\n  mythos conformance ./ctvp", Args: cmdutil.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return run(c.Context(), f, "spec/vectors", vectors.FS)
			}
			return run(c.Context(), f, args[0], os.DirFS(args[0]))
		},
	}, results)
}

func run(ctx context.Context, f *cmdutil.Factory, name string, fsys fs.FS) error {
	rep, err := conform.Run(ctx, fsys)
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Path == "." {
		err = &fs.PathError{Op: pe.Op, Path: name, Err: pe.Err}
	}
	if err != nil {
		return cmdutil.FileError(name, err)
	}
	if err := f.Emit(rep, func() { show(f, rep) }); err != nil {
		return err
	}
	if failed := len(rep.Results) - rep.Passed(); failed > 0 {
		return clierr.New(clierr.Invalid, "%d vectors fail", failed)
	}
	return nil
}

// show lists the vectors of a pack; for golden vectors, which are many, it lists the classes and the failures.
func show(f *cmdutil.Factory, rep pack.Report) {
	for _, r := range rep.Results {
		if rep.Golden && r.Pass && !f.IO.Verbose {
			continue
		}
		verdict := f.IO.Paint(ui.Good, "pass")
		if !r.Pass {
			verdict = f.IO.Paint(ui.Bad, "FAIL")
		}
		f.IO.Printf("%s  %-12s  %s\n", verdict, r.ID, strings.TrimSpace(r.Error+" "+strings.Join(r.Notes, "; ")))
	}
	if rep.Golden {
		for _, c := range rep.Classes() {
			f.IO.Printf("%-12s  %4d of %4d\n", c.Name, c.Passed, c.Vectors)
		}
	}
	f.IO.Printf("%d of %d vectors\n", rep.Passed(), len(rep.Results))
}
