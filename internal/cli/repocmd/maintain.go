package repocmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/ui"
)

// NewGC is `mythos gc`.
func NewGC(f *cmdutil.Factory) *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:     "gc [--dry-run]",
		Short:   "Free what no blob, pin, ref, receipt, episode, dataset or model reaches",
		Example: "  mythos gc --dry-run",
		Args:    cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Node(c.Context())
			if err != nil {
				return err
			}
			bar := f.IO.Count("gc", 0)
			rep, err := n.GC(c.Context(), dry, bar)
			if err == nil && !dry {
				err = n.Forget(c.Context())
			}
			bar.Stop()
			if err != nil {
				return err
			}
			return printGC(f, rep, dry)
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be freed")
	return f.Returns(c, gcResults)
}

// printGC says what a collection freed, or would, and what stays for how long.
func printGC(f *cmdutil.Factory, rep node.GCReport, dry bool) error {
	return f.Emit(freed{rep.Nodes, rep.Chunks, rep.Bytes, rep.Repacked, rep.Waiting, rep.Wanted, rep.Kept, rep.Memos, dry}, func() {
		verb := "freed"
		if dry {
			verb = "would be freed"
		}
		f.IO.Printf("%d nodes, %d chunks, %s %s\n", rep.Nodes, rep.Chunks, ui.Size(rep.Bytes), verb)
		if rep.Repacked > 0 {
			f.IO.Printf("%d packs, mostly dead, rewritten\n", rep.Repacked)
		}
		if rep.Memos > 0 {
			f.IO.Printf("%d results of tasks without effects, that are too old\n", rep.Memos)
		}
		if rep.Waiting > 0 {
			f.IO.Printf("%d unreferenced, kept for a day since they were first seen so\n", rep.Waiting)
		}
		if rep.Wanted > 0 {
			f.IO.Printf("%d unreferenced, kept for a put that may be running\n", rep.Wanted)
		}
	})
}
