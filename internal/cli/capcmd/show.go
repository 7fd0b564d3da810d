package capcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
)

func newShow(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "show CAP", Short: "Show in plain words what a capability allows, and draw its chain", Example: "  mythos cap show 3f9c01",
		Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runShow(c.Context(), f, args[0]) },
	}
}

func runShow(ctx context.Context, f *cmdutil.Factory, name string) error {
	n, ch, err := chain(ctx, f, name)
	if err != nil {
		return err
	}
	s, err := stand(ctx, n, ch[0], f.Now())
	if err != nil {
		return err
	}
	if f.JSON {
		whole := shown{standing: s, Chain: []view{}}
		for _, l := range ch {
			whole.Chain = append(whole.Chain, describe(ctx, n, l))
		}
		return f.Emit(whole, nil)
	}
	text := caps.Explain(ch, f.Now())
	if len(s.Left) > 0 {
		text += "Left: " + left(s.Left) + ".\n"
	}
	if s.State != stateValid {
		text += "It does not count now: " + s.Reason + ".\n"
	}
	for line := range strings.Lines(named(ctx, n, ch, text)) {
		f.IO.Wrap("", strings.TrimSuffix(line, "\n"))
	}
	return nil
}

// shown is a capability with its chain, the leaf first.
type shown struct {
	standing
	Chain []view `json:"chain"`
}

// named puts a tool's name before its id.
func named(ctx context.Context, n *repo.Repo, ch caps.Chain, text string) string {
	sc, err := ch[0].Cap.Scope.Decode()
	if err != nil {
		return text
	}
	call, ok := sc.(*scope.ToolCall)
	if !ok {
		return text
	}
	name := n.Toolbox.Name(ctx, call.ToolID)
	if name == call.ToolID.Short() {
		return text
	}
	text = strings.ReplaceAll(text, call.ToolID.String(), name)
	return strings.ReplaceAll(text, "call tool "+call.ToolID.Short(), "call tool "+name)
}

func newLs(f *cmdutil.Factory) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "ls [--all]", Short: "List the capabilities that can be used now, and what is left of them",
		Long: "With --all, also those that expired, were revoked or are used up. When piped, tabs separate the fields: cap,\n" +
			"state, what is left, end, subject, scope.",
		Example: "  mythos cap ls --all --json", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runLs(c.Context(), f, all) },
	}
	c.Flags().BoolVarP(&all, "all", "a", false, "also those that no longer count")
	return c
}

func runLs(ctx context.Context, f *cmdutil.Factory, all bool) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	var rows [][]ui.Cell
	hidden := 0
	err = n.Auth.Each(ctx, func(l caps.Link) error {
		s, err := stand(ctx, n, l, f.Now())
		if err != nil {
			return err
		}
		if s.State != stateValid && !all {
			hidden++
			return nil
		}
		if f.JSON {
			return f.Emit(s, nil)
		}
		meaning := ui.Good
		if s.State != stateValid {
			meaning = ui.Dim
		}
		rows = append(rows, []ui.Cell{{Text: f.IO.Hash(s.ID.String()), Meaning: ui.Name}, {Text: s.State, Meaning: meaning}, {Text: left(s.Left)},
			{Text: s.ExpiresAt.Std().Format("2006-01-02 15:04Z")}, {Text: s.Subject.Name}, {Text: s.scopeText()}})
		return nil
	})
	if err != nil {
		return err
	}
	if !f.JSON {
		f.IO.Table([]string{"cap", "state", "left", "expires", "subject", "scope"}, rows)
	}
	if hidden > 0 {
		f.IO.Notef("not listed: %s that cannot be used now; --all lists them", units.Count(hidden, "capability", "capabilities"))
	}
	return nil
}

func newVerify(f *cmdutil.Factory) *cobra.Command {
	var holder string
	c := &cobra.Command{
		Use: "verify CAP [--holder AGENT]", Short: "Check a whole chain; names the first link that fails",
		Long: "Checks, from the root down: bytes, ids, signatures, that each link may derive from the one above it, trust in\n" +
			"the root's issuer, time, revocation lists, and the holder. Exit code 4 if the chain does not count, 5 if bytes\n" +
			"or signatures are wrong.",
		Example: "  mythos cap verify 3f9c01", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runVerify(c.Context(), f, args[0], holder) },
	}
	c.Flags().StringVar(&holder, "holder", "", "the agent that shows it; its subject by default")
	return c
}

func runVerify(ctx context.Context, f *cmdutil.Factory, name, holder string) error {
	n, ch, err := chain(ctx, f, name)
	if err != nil {
		return err
	}
	who := ch[0].Cap.Subject
	if holder != "" {
		if who, err = n.AgentNamed(holder); err != nil {
			return err
		}
	}
	if err := n.Verifier.Verify(ch, who, f.Now()); err != nil {
		return failed(ch, err)
	}
	return f.Emit(verdict{true, len(ch)}, func() { f.IO.Printf("ok\n") })
}

// failed names the failing link of the chain, counted from the root.
func failed(ch caps.Chain, err error) error {
	var d *caps.DeniedError
	if !errors.As(err, &d) {
		return err
	}
	code := clierr.Refused
	switch d.Check {
	case caps.CheckForm, caps.CheckID, caps.CheckParent, caps.CheckSignature:
		code = clierr.Invalid
	}
	at := "the capability itself"
	switch {
	case len(ch) > 1 && d.Link == len(ch)-1:
		at = "the root"
	case d.Link > 0:
		at = fmt.Sprintf("%d above it", d.Link)
	}
	return clierr.New(code, "link %d of %d (%s): %w", len(ch)-d.Link, len(ch), at, err).On(d.Cap.String()).With(d.Help)
}
