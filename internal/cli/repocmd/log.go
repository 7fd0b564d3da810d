package repocmd

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/history"
	"github.com/mythos-project/mythos/internal/overview"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

type logOptions struct {
	Count      int
	Tool       string
	Agent      string
	Cap        string
	Status     string
	Since      cmdutil.When
	Until      cmdutil.When
	OnlyFailed bool
	Summary    bool
}

// NewLog is `mythos log`.
func NewLog(f *cmdutil.Factory) *cobra.Command {
	o := &logOptions{}
	c := &cobra.Command{
		Use:   "log [-n N|--summary] [--tool T] [--agent A] [--cap CAP] [--status S] [--since T] [--until T]",
		Short: "Show what happened here, and who did it, newest first",
		Long: "Effects, attempts without an outcome, divergences and operators' decisions, as the ledger records them. It reads\n" +
			"the ledger backwards, only as far as it must. When piped, tabs separate the fields: time, kind, outcome (a\n" +
			"status, a state, what differs, a decision), tool, key, who, capability, receipt; with --summary: tool, who,\n" +
			"outcome, count, first, last. `mythos ledger log` lists the entries themselves.",
		Example: "  mythos log --status failed --since yesterday\n  mythos log --tool deploy --summary",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runLog(c.Context(), f, o) },
	}
	flags := c.Flags()
	flags.IntVarP(&o.Count, "count", "n", 100, "show at most this many; 0: all")
	flags.BoolVar(&o.Summary, "summary", false, "count instead, by tool, agent and outcome")
	flags.StringVar(&o.Tool, "tool", "", "only this tool")
	flags.StringVar(&o.Agent, "agent", "", "only what this agent signed, or what was done for it; a public key, a name from trust.yaml or mythos agent add, or self")
	flags.StringVar(&o.Cap, "cap", "", "only under this capability, or one derived from it")
	flags.StringVar(&o.Status, "status", "", "only this outcome; "+strings.Join(overview.Outcomes(), ", ")+", or a status such as 403")
	flags.Var(&o.Since, "since", "from this time on; "+cmdutil.TimeHelp)
	flags.Var(&o.Until, "until", "before this time")
	flags.BoolVar(&o.OnlyFailed, "failed", false, "only what did not succeed; failed, refused, pending, unknown and divergent")
	c.MarkFlagsMutuallyExclusive("summary", "count")
	c.MarkFlagsMutuallyExclusive("status", "failed")
	return f.Returns(c, logResults)
}

// events returns the selected events.
func (o *logOptions) events(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) (iter.Seq2[history.Event, error], error) {
	var h history.Options
	s := overview.Selection{Outcome: o.Status, NotOK: o.OnlyFailed}
	var err error
	if o.Tool != "" {
		if h.Tool, err = n.Toolbox.ID(ctx, o.Tool); err != nil {
			return nil, err
		}
	}
	if o.Agent != "" {
		a, err := n.AgentNamed(o.Agent)
		if err != nil {
			return nil, err
		}
		h.Agent = &a
		if client, err := agents.Named(ctx, n, o.Agent); err == nil { // for any other agent, its own signatures
			h.For = client.Client()
		}
	}
	if o.Cap != "" {
		if s.Cap, err = f.Resolve(ctx, o.Cap); err != nil {
			return nil, err
		}
	}
	if o.Status != "" {
		if err := overview.CheckOutcome(o.Status); err != nil {
			return nil, clierr.Usagef("--status %w", err)
		}
	}
	if h.Since, h.Until, err = f.Times(o.Since, o.Until); err != nil {
		return nil, err
	}
	return s.Select(ctx, n, n.History.Events(ctx, h)), nil
}

func runLog(ctx context.Context, f *cmdutil.Factory, o *logOptions) error {
	if o.Count < 0 {
		return clierr.Usagef("-n is 0 or more")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	events, err := o.events(ctx, f, n)
	if err != nil {
		return err
	}
	if o.Summary {
		return printSummary(f, events)
	}
	told := 0
	for event, err := range events {
		if err != nil {
			return err
		}
		if told == o.Count && o.Count > 0 {
			f.IO.Notef("there is more: -n 0 shows everything, --summary counts it")
			return nil
		}
		told++
		if err := f.Emit(event, func() { printEvent(f, event) }); err != nil {
			return err
		}
	}
	return nil
}

func printSummary(f *cmdutil.Factory, events iter.Seq2[history.Event, error]) error {
	rows, err := overview.Summarize(events)
	if err != nil {
		return err
	}
	var table [][]ui.Cell
	for _, r := range rows {
		if f.JSON {
			if err := f.Emit(r, nil); err != nil {
				return err
			}
			continue
		}
		who := history.Event{By: r.By, ByKey: r.ByKey}.Who()
		table = append(table, []ui.Cell{{Text: r.Tool, Meaning: ui.Strong}, {Text: who}, {Text: r.Outcome, Meaning: meaning(r.Outcome)}, {Text: fmt.Sprint(r.Count)},
			{Text: f.ShowMinute(r.First), Meaning: ui.Dim}, {Text: f.ShowMinute(r.Last), Meaning: ui.Dim}})
	}
	if len(table) > 0 {
		f.IO.Table([]string{"tool", "by", "outcome", "count", "first", "last"}, table)
	}
	return nil
}

// meaning is the display style of an outcome.
func meaning(outcome string) ui.Meaning {
	switch outcome {
	case overview.OK:
		return ui.Good
	case overview.Decided:
		return ui.Name
	case overview.Failed, overview.Diverged:
		return ui.Bad
	}
	return ui.Warn
}

func printEvent(f *cmdutil.Factory, h history.Event) {
	who := h.Who()
	if !f.IO.OutTTY {
		f.IO.Printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.Time, h.Kind, outcome(h), ui.Clean(h.Tool), ui.Clean(h.Key), ui.Clean(who), hashText(h.Capability), hashText(h.Receipt))
		return
	}
	what := overview.Outcome(h)
	if h.Kind == "effect" {
		what += fmt.Sprintf(" %d", h.Status)
	}
	f.IO.Printf("%s  %s  %s\n", f.IO.Paint(ui.Dim, f.ShowTime(h.Time)), f.IO.Paint(meaning(overview.Outcome(h)), fmt.Sprintf("%-11s", what)), f.IO.Fit(ui.Strong, subject(h), 35))
	detail := "by " + who
	if h.Capability != nil {
		detail += "  under " + h.Capability.Short() + " " + overview.Named(h.Scope, h.Tool)
	}
	if h.Receipt != nil {
		detail = "receipt " + h.Receipt.Short() + "  " + detail
	}
	if h.Declared {
		detail = "declared by its harness  " + detail
	}
	f.IO.Printf("    %s\n", f.IO.Fit(ui.Dim, f.IO.Hashes(detail), 4))
	if h.Kind == "effect" && h.Note != "" {
		f.IO.Printf("    %s\n", f.IO.Fit(ui.Dim, f.IO.Hashes(lastLine(h.Note)), 4))
	}
}

// lastLine is the last line of a note: the end of a tool's output.
func lastLine(note string) string {
	note = strings.TrimRight(note, "\n")
	return note[strings.LastIndex(note, "\n")+1:]
}

// outcome is the third field of a line: the status of an effect, the state of an attempt, the difference in a
// divergence, or an operator's decision.
func outcome(h history.Event) string {
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

// subject is the subject of the line.
func subject(h history.Event) string {
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

func hashText(h *object.Hash) string {
	if h == nil {
		return ""
	}
	return h.String()
}
