package repocmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/overview"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
)

// NewStatus is `mythos status`.
func NewStatus(f *cmdutil.Factory) *cobra.Command {
	var accept, check bool
	c := &cobra.Command{
		Use:   "status [--check] [--accept-ledger]",
		Short: "Show who we are, what is here and what needs attention",
		Long: "What needs attention comes last, the most urgent first: the ledger may not be relied on (critical); an effect\n" +
			"waits for a decision (warning); something failed or was refused since yesterday, or ran out or soon will\n" +
			"(notice). Status reads only what was added to the ledger since the last time, and proves with the log's hashes\n" +
			"that nothing before has changed. `mythos ledger verify` recomputes everything.",
		Example: "  mythos status\n  mythos status --check > /dev/null || echo look",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runStatus(c.Context(), f, accept, check) },
	}
	c.Flags().BoolVar(&check, "check", false, "exit with code 1 if anything needs attention")
	c.Flags().BoolVar(&accept, "accept-ledger", false, "after a restore: forget the earlier state of the ledger, and accept it as it is")
	return f.Returns(c, statusResults)
}

func runStatus(ctx context.Context, f *cmdutil.Factory, accept, check bool) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if accept {
		if err := n.History.ForgetSummary(ctx); err != nil {
			return err
		}
	}
	s, err := overview.StatusOf(ctx, n)
	if err != nil {
		return err
	}
	if err := f.Emit(s, func() { printStatus(f, s) }); err != nil || !check || len(s.Attention) == 0 {
		return err
	}
	worst := s.Attention[0]
	return clierr.New(clierr.Failed, "%s: the most urgent is %s: %s", units.Count(len(s.Attention), "thing needs attention", "things need attention"), worst.Urgency, worst.What).With(worst.Do)
}

func printStatus(f *cmdutil.Factory, s *overview.Status) {
	row := func(name, format string, args ...any) {
		f.IO.Printf("%s %s\n", f.IO.Paint(ui.Dim, fmt.Sprintf("%-11s", name)), fmt.Sprintf(format, args...))
	}
	row("repository", "%s", ui.Clean(s.Repository))
	row("agent", "%s", f.IO.Paint(ui.Strong, ui.Clean(s.Name)))
	row("key", "%s", s.Key)
	row("key id", "%s", f.IO.Hash(s.KeyID.String()))
	row("ledger", "%s, %s", units.Count(s.Entries, "entry", "entries"), soundness(f, s))
	row("effects", "%d with a key: %s, %s, %s", s.Effects,
		paintCount(f, s.Pending, "pending", ui.Warn), paintCount(f, s.Unknown, "unknown", ui.Bad), paintCount(f, s.Divergent, "divergent", ui.Bad))
	row("blobs", "%d, %s", s.Blobs, ui.Size(s.BlobBytes))
	if s.Trash > 0 {
		row("trash", "%d, %s", s.Trash, ui.Size(s.TrashBytes))
	}
	row("tools", "%d", s.Tools)
	row("caps", "%d held, %s within a day", s.Caps, units.Count(s.Expiring, "expires", "expire"))
	row("trusted", "%s", units.Count(s.Trusted, "agent"))
	row("peers", "%s", cmp(ui.Clean(strings.Join(s.Peers, ", ")), "none"))
	for _, ring := range slices.Sorted(maps.Keys(s.Rings)) {
		row(ui.Clean(ring), "%s", ui.Clean(s.Rings[ring]))
	}
	for _, what := range s.Frozen {
		row("frozen", "%s", f.IO.Paint(ui.Bad, ui.Clean(what)))
	}
	for _, what := range s.Waiting {
		row("waiting", "%s", ui.Clean(what))
	}
	for _, a := range s.Attention {
		meaning := ui.Warn
		if a.Urgency == overview.Critical {
			meaning = ui.Bad
		}
		f.IO.Printf("\n%s ", f.IO.Paint(meaning, a.Urgency))
		f.IO.Wrap("", ui.Clean(f.IO.Brief(a.What)))
		if a.Advice != "" {
			f.IO.Wrap("    ", ui.Clean(a.Advice))
		}
		f.IO.Printf("    %s\n", f.IO.Paint(ui.Name, a.Do))
	}
}

// soundness reports about the ledger only what was checked.
func soundness(f *cmdutil.Factory, s *overview.Status) string {
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
