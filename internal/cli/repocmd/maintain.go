package repocmd

import (
	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/upkeep"
	"github.com/mythos-project/mythos/store/gc"
)

// NewGC is `mythos gc`.
func NewGC(f *cmdutil.Factory) *cobra.Command {
	var dry, now bool
	c := &cobra.Command{
		Use:   "gc [--dry-run] [--now]",
		Short: "Free what no blob, pin, ref, receipt, episode, dataset or model reaches",
		Long: "Reads and checks the whole database first, and frees nothing if anything is damaged. What it frees stays in the\n" +
			"trash for seven days, and `mythos fsck --repair` brings it back if it is missed. With --now, and on a full disk,\n" +
			"gc deletes at once, and empties the trash.",
		Example: "  mythos gc --dry-run",
		Args:    cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			bar := f.IO.Count("gc", 0)
			trash := gc.DefaultTrash
			if now {
				trash = -1
			}
			rep, err := n.Upkeep.GC(c.Context(), dry, trash, bar)
			if err == nil && !dry {
				err = n.Upkeep.Forget(c.Context())
			}
			bar.Stop()
			if err != nil {
				return err
			}
			return printGC(f, rep, dry)
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only show what would be freed")
	c.Flags().BoolVar(&now, "now", false, "delete at once, and empty the trash")
	return f.Returns(c, gcResults)
}

// printGC prints what a collection has freed or would free, and what stays for how long.
func printGC(f *cmdutil.Factory, rep upkeep.GCReport, dry bool) error {
	return f.Emit(freed{rep.Nodes, rep.Chunks, rep.Bytes, rep.Repacked, rep.Waiting, rep.Wanted, rep.Kept, rep.Memos, rep.Pages, dry, rep.Trash.Things, rep.Trash.Bytes}, func() {
		verb := "freed"
		if dry {
			verb = "would be freed"
		}
		f.IO.Printf("%d nodes, %d chunks, %s %s\n", rep.Nodes, rep.Chunks, ui.Size(rep.Bytes), verb)
		if rep.Trash.Things > 0 {
			f.IO.Printf("%d in the trash, %s, deleted seven days after they were freed, or by `mythos gc --now`\n", rep.Trash.Things, ui.Size(rep.Trash.Bytes))
		}
		if rep.Repacked > 0 {
			f.IO.Printf("%d packs, mostly dead, rewritten\n", rep.Repacked)
		}
		if rep.Pages > 0 {
			f.IO.Printf("%d pages of values for selections, that nobody reads any more\n", rep.Pages)
		}
		if rep.Memos > 0 {
			f.IO.Printf("%d results of tasks without effects, too old to keep", rep.Memos)
		}
		if rep.Waiting > 0 {
			f.IO.Printf("%d unreferenced, kept for a day after they were first seen so", rep.Waiting)
		}
		if rep.Wanted > 0 {
			f.IO.Printf("%d unreferenced, kept because a put may be running", rep.Wanted)
		}
	})
}
