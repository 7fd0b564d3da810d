package ledgercmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
)

type logOptions struct {
	Since, Until             cmdutil.When
	Tool, State, Kind, Agent string
}

func newLog(f *cmdutil.Factory) *cobra.Command {
	o := &logOptions{}
	c := &cobra.Command{
		Use: "log [--tool T] [--state S] [--kind K] [--agent A] [--since T] [--until T]", Short: "List the entries of the log, oldest first",
		Long: "Lists an entry if all filters match. --state is the state of the entry's effect now:\n" +
			strings.Join(ledger.StatusNames()[1:], ", ") + ".",
		Example: "  mythos ledger log --tool wc --state committed", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runLog(c.Context(), f, o) },
	}
	c.Flags().Var(&o.Since, "since", "from this time on; "+cmdutil.TimeHelp)
	c.Flags().Var(&o.Until, "until", "before this time")
	c.Flags().StringVar(&o.Tool, "tool", "", "only entries about this tool")
	c.Flags().StringVar(&o.State, "state", "", "only entries of effects that are in this state now")
	c.Flags().StringVar(&o.Kind, "kind", "", "only entries of this kind: "+strings.Join(kindNames[1:], ", "))
	c.Flags().StringVar(&o.Agent, "agent", "", "only entries that this agent signed: a public key, a name from trust.yaml, or self")
	return c
}

// kindNames are the kinds of entries, by their byte.
var kindNames = []string{ledger.EntryReceipt: "receipt", ledger.EntryRegister: "register", ledger.EntryCommit: "commit",
	ledger.EntryDivergence: "divergence", ledger.EntryResolution: "resolution"}

// Kinds are the values of --kind.
func Kinds() []string { return slices.Clone(kindNames[1:]) }

func (o *logOptions) filter(ctx context.Context, fac *cmdutil.Factory, n *repo.Repo) (f kvledger.Filter, err error) {
	if f.Since, f.Until, err = fac.Times(o.Since, o.Until); err != nil {
		return f, err
	}
	if o.Tool != "" {
		if f.Tool, err = n.Toolbox.ID(ctx, o.Tool); err != nil {
			return f, err
		}
	}
	if o.Agent != "" {
		a, err := n.AgentNamed(o.Agent)
		if err != nil {
			return f, err
		}
		f.Agent = &a
	}
	if o.Kind != "" {
		kind := slices.Index(kindNames, o.Kind)
		if kind < 1 {
			return f, clierr.Usagef("--kind %s: expected one of %s", o.Kind, strings.Join(kindNames[1:], ", "))
		}
		f.Kind = byte(kind)
	}
	f.State, err = stateOf(o.State)
	return f, err
}

// stateOf parses the state of an effect; an empty text means none.
func stateOf(text string) (ledger.Status, error) {
	if text == "" {
		return ledger.StatusNone, nil
	}
	s, err := ledger.ParseStatus(text)
	switch {
	case err == nil && s != ledger.StatusNone:
		return s, nil
	case slices.Contains(kindNames[1:], text):
		return s, clierr.Usagef("--state %s: that is a kind of entry", text).With("--kind " + text)
	}
	return s, clierr.Usagef("--state %s: expected one of %s", text, strings.Join(ledger.StatusNames()[1:], ", "))
}

func runLog(ctx context.Context, f *cmdutil.Factory, o *logOptions) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	filter, err := o.filter(ctx, f, n)
	if err != nil {
		return err
	}
	t := f.Pages("seq", "time", "kind", "what")
	err = n.Ledger.Log(ctx, filter, func(e ledger.Entry) error {
		if f.JSON {
			v, err := viewOf(e)
			if err != nil {
				return err
			}
			return f.Emit(v, nil)
		}
		t.Add(ui.Cell{Text: fmt.Sprint(e.Seq), Meaning: ui.Dim}, ui.Cell{Text: f.ShowTime(e.Time())}, ui.Cell{Text: e.KindName()},
			ui.Cell{Text: summary(ctx, n, e)})
		return nil
	})
	t.Flush()
	return err
}
