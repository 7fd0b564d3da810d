package repocmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

type logOptions struct {
	Count      int
	Tool       string
	Agent      string
	Since      cmdutil.When
	Until      cmdutil.When
	OnlyFailed bool
}

// NewLog is `mythos log`.
func NewLog(f *cmdutil.Factory) *cobra.Command {
	o := &logOptions{}
	c := &cobra.Command{
		Use:   "log [-n N] [--tool T] [--agent A] [--since T] [--until T]",
		Short: "Say what happened here, newest first, and by whom",
		Long: "Effects, attempts without an outcome, divergences and operators' decisions, as the ledger tells them. It reads the\n" +
			"ledger from its end, as far as it is needed. Piped, the fields are separated by tabs: time, kind, outcome (a status, a\n" +
			"state, what differs, a decision), tool, key, who, capability, receipt. `mythos ledger log` lists the entries themselves.",
		Example: "  mythos log -n 20\n  mythos log --tool deploy --json",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runLog(c.Context(), f, o) },
	}
	flags := c.Flags()
	flags.IntVarP(&o.Count, "count", "n", 100, "at most this many; 0: all")
	flags.StringVar(&o.Tool, "tool", "", "only this tool")
	flags.StringVar(&o.Agent, "agent", "", "only what this agent signed: a public key, a name of trust.yaml, or self")
	flags.Var(&o.Since, "since", "from this time on: "+cmdutil.TimeHelp)
	flags.Var(&o.Until, "until", "before this time")
	flags.BoolVar(&o.OnlyFailed, "failed", false, "only effects that did not succeed, and divergences")
	return f.Returns(c, logResults)
}

func (o *logOptions) history(ctx context.Context, f *cmdutil.Factory, n *node.Node) (h node.HistoryOptions, err error) {
	if o.Tool != "" {
		if h.Tool, err = n.ToolID(ctx, o.Tool); err != nil {
			return h, err
		}
	}
	if o.Agent != "" {
		a, err := n.AgentNamed(o.Agent)
		if err != nil {
			return h, err
		}
		h.Agent = &a
	}
	h.Since, h.Until, err = f.Times(o.Since, o.Until)
	return h, err
}

func runLog(ctx context.Context, f *cmdutil.Factory, o *logOptions) error {
	if o.Count < 0 {
		return clierr.Usagef("-n is 0 or more")
	}
	n, err := f.Node(ctx)
	if err != nil {
		return err
	}
	h, err := o.history(ctx, f, n)
	if err != nil {
		return err
	}
	told := 0
	for happening, err := range n.History(ctx, h) {
		if err != nil {
			return err
		}
		if o.OnlyFailed && happening.Kind == "effect" && happening.Status < 300 {
			continue
		}
		if told == o.Count && o.Count > 0 {
			f.IO.Notef("there is more: -n 0 shows everything")
			return nil
		}
		told++
		if err := f.Emit(happening, func() { printHappening(f, happening) }); err != nil {
			return err
		}
	}
	return nil
}

func printHappening(f *cmdutil.Factory, h node.Happening) {
	who := h.By
	if who == "" && len(h.ByKey) >= 12 {
		who = h.ByKey[:12]
	}
	if !f.IO.OutTTY {
		f.IO.Printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.Time, h.Kind, outcome(h), ui.Clean(h.Tool), ui.Clean(h.Key), ui.Clean(who), hashText(h.Capability), hashText(h.Receipt))
		return
	}
	mark, what := happeningMark(h)
	f.IO.Printf("%s  %s  %s\n", f.IO.Paint(ui.Dim, h.Time.Std().Format("2006-01-02 15:04:05Z")), f.IO.Paint(mark, fmt.Sprintf("%-10s", what)), f.IO.Fit(ui.Strong, subject(h), 34))
	detail := ""
	if who != "" {
		detail = "by " + who
	}
	if h.Capability != nil {
		detail += "  under " + h.Capability.Short() + " " + h.Scope
	}
	if h.Receipt != nil {
		detail = "receipt " + h.Receipt.Short() + "  " + detail
	}
	if detail != "" {
		f.IO.Printf("    %s\n", f.IO.Fit(ui.Dim, f.IO.Hashes(detail), 4))
	}
}

// outcome is the third field of a line: the status of an effect, the state of an attempt,
// what differs in a divergence, and the decision of an operator.
func outcome(h node.Happening) string {
	switch h.Kind {
	case "attempt":
		return h.State
	case "divergence":
		return h.Differs
	case "decision":
		return h.Decision
	}
	return fmt.Sprint(h.Status)
}

// subject is what the line is about.
func subject(h node.Happening) string {
	text := h.Tool
	if h.Key != "" {
		text += "  key " + h.Key
	}
	if h.Kind == "divergence" || h.Kind == "decision" {
		what := h.What
		if h.Kind == "divergence" {
			what = "another " + h.Differs
		}
		text += "  " + what
		if h.Kind == "decision" {
			text = h.Decision + "  " + text
		}
		if h.IdemID != nil && h.Tool == "" {
			text += "effect " + h.IdemID.Short()
		}
	}
	return text
}

func happeningMark(h node.Happening) (ui.Meaning, string) {
	switch {
	case h.Kind == "attempt":
		return ui.Warn, h.State
	case h.Kind == "divergence":
		return ui.Bad, "diverged"
	case h.Kind == "decision":
		return ui.Name, "decided"
	case h.Status < 300:
		return ui.Good, fmt.Sprintf("ok %d", h.Status)
	}
	return ui.Bad, fmt.Sprintf("failed %d", h.Status)
}

func hashText(h *object.Hash) string {
	if h == nil {
		return ""
	}
	return h.String()
}
