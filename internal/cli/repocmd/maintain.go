package repocmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
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
			rep, err := n.GC(c.Context(), dry)
			if err != nil {
				return err
			}
			return f.Emit(map[string]any{"nodes": rep.Nodes, "chunks": rep.Chunks, "bytes": rep.Bytes, "kept": rep.Kept, "dry_run": dry}, func() {
				f.IO.Printf("%d nodes, %d chunks, %s freed\n", rep.Nodes, rep.Chunks, ui.Size(rep.Bytes))
			})
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be freed")
	return c
}

// NewStatus is `mythos status`.
func NewStatus(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Say who we are, what is here and what needs attention",
		Example: "  mythos status --json",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runStatus(c.Context(), f) },
	}
}

func runStatus(ctx context.Context, f *cmdutil.Factory) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	s, err := n.Status(ctx)
	if err != nil {
		return err
	}
	return f.Emit(s, func() {
		f.IO.Printf("repository  %s\n", s.Repository)
		f.IO.Printf("agent       %s\n", s.Name)
		f.IO.Printf("key         %s\n", s.Key)
		f.IO.Printf("key id      %s\n", s.KeyID)
		f.IO.Printf("ledger      %d entries, %d effects, %s, %s\n", s.Entries, s.Effects,
			paintCount(f, s.Pending, "pending", ui.Warn), paintCount(f, s.Divergent, "divergent", ui.Bad))
		f.IO.Printf("blobs       %d, %s\n", s.Blobs, ui.Size(s.BlobBytes))
		f.IO.Printf("caps        %d held, %d expire within a day\n", s.Caps, s.Expiring)
		for ring, id := range s.Rings {
			f.IO.Printf("%-11s %s\n", ring, id)
		}
	})
}

func paintCount(f *cmdutil.Factory, n uint64, word string, m ui.Meaning) string {
	if n == 0 {
		return "0 " + word
	}
	return f.IO.Paint(m, fmt.Sprintf("%d %s", n, word))
}
