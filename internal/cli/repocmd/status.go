package repocmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/ui"
)

// NewStatus is `mythos status`.
func NewStatus(f *cmdutil.Factory) *cobra.Command {
	var accept bool
	c := &cobra.Command{
		Use:   "status [--accept-ledger]",
		Short: "Say who we are, what is here and what needs attention",
		Long: "Of the ledger it reads what came since it was last asked, and proves with the log's hashes that what was there\n" +
			"then was only added to. `mythos ledger verify` recomputes everything.",
		Example: "  mythos status --json",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runStatus(c.Context(), f, accept) },
	}
	c.Flags().BoolVar(&accept, "accept-ledger", false, "after a restore: forget what the ledger was, and take it as it is")
	return f.Returns(c, statusResults)
}

func runStatus(ctx context.Context, f *cmdutil.Factory, accept bool) error {
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	if accept {
		if err := n.ForgetSummary(ctx); err != nil {
			return err
		}
	}
	s, err := n.Status(ctx)
	if err != nil {
		return err
	}
	return f.Emit(s, func() { printStatus(f, s) })
}

func printStatus(f *cmdutil.Factory, s *node.Status) {
	row := func(name, format string, args ...any) {
		f.IO.Printf("%s %s\n", f.IO.Paint(ui.Dim, fmt.Sprintf("%-11s", name)), fmt.Sprintf(format, args...))
	}
	row("repository", "%s", s.Repository)
	row("agent", "%s", f.IO.Paint(ui.Strong, s.Name))
	row("key", "%s", s.Key)
	row("key id", "%s", s.KeyID)
	row("ledger", "%d entries, %s", s.Entries, soundness(f, s))
	row("effects", "%d with a key: %s, %s, %s", s.Effects,
		paintCount(f, s.Pending, "pending", ui.Warn), paintCount(f, s.Unknown, "unknown", ui.Bad), paintCount(f, s.Divergent, "divergent", ui.Bad))
	row("blobs", "%d, %s", s.Blobs, ui.Size(s.BlobBytes))
	if s.Trash > 0 {
		row("trash", "%d, %s", s.Trash, ui.Size(s.TrashBytes))
	}
	row("tools", "%d", s.Tools)
	row("caps", "%d held, %d expire within a day", s.Caps, s.Expiring)
	row("trusted", "%d agents", s.Trusted)
	row("peers", "%s", cmp(strings.Join(s.Peers, ", "), "none"))
	for _, ring := range slices.Sorted(maps.Keys(s.Rings)) {
		row(ring, "%s", s.Rings[ring])
	}
	for _, a := range s.Attention {
		f.IO.Printf("\n%s %s\n    %s\n", f.IO.Paint(ui.Warn, "!"), ui.Clean(a.What), f.IO.Paint(ui.Name, a.Do))
	}
}

// soundness says of the ledger only what was checked.
func soundness(f *cmdutil.Factory, s *node.Status) string {
	switch {
	case !s.Sound:
		return f.IO.Paint(ui.Bad, "REWRITTEN")
	case s.Checked == 0:
		return f.IO.Paint(ui.Dim, "not verified")
	case s.Checked < s.Entries:
		return f.IO.Paint(ui.Good, fmt.Sprintf("the first %d sound", s.Checked))
	}
	return f.IO.Paint(ui.Good, "sound")
}

func cmp(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func paintCount(f *cmdutil.Factory, n uint64, word string, m ui.Meaning) string {
	if n == 0 {
		return "0 " + word
	}
	return f.IO.Paint(m, fmt.Sprintf("%d %s", n, word))
}
