// Package gatecmd has the commands for supervising the gate, such as freeze and thaw.
package gatecmd

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/repo"
)

// target is the thing to freeze or thaw.
type target struct {
	agent, tool, reason string
	cancel              bool
}

// NewFreeze is `mythos freeze`.
func NewFreeze(f *cmdutil.Factory) *cobra.Command {
	var t target
	c := &cobra.Command{
		Use:   "freeze [--agent A|--tool T] --reason TEXT [--cancel]",
		Short: "Stop all calls, the calls of a tool, or the calls of an agent",
		Long: "Every entry point (call, once, run, batch, serve, MCP) refuses with status 423 until `mythos thaw`. Recorded\n" +
			"answers are not given out either. When the command returns, no call that it covers starts on this machine any\n" +
			"more. Running calls go on. With --cancel, they are stopped within seconds, and then nobody knows what they did.\n" +
			"Without mythos: `touch .mythos/FROZEN` freezes everything on this machine until you remove the file.",
		Example: "  mythos freeze --reason 'incident 12'\n  mythos freeze --agent scout --cancel --reason 'reads what it should not'\n  mythos thaw --agent scout",
		Args:    cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cmdutil.Required(c, "reason"); err != nil {
				return err
			}
			return runHold(c.Context(), f, t, true)
		},
	}
	t.flags(c)
	cmdutil.TextVar(c.Flags(), &t.reason, "reason", "why, for those who are refused (required)")
	c.Flags().BoolVar(&t.cancel, "cancel", false, "stop calls that are under way, too")
	return f.Returns(c, holdResults)
}

// NewThaw is `mythos thaw`.
func NewThaw(f *cmdutil.Factory) *cobra.Command {
	var t target
	c := &cobra.Command{
		Use:   "thaw [--agent A|--tool T] [--note TEXT]",
		Short: "Lift a freeze",
		Long: "Without a flag, it lifts the freeze of everything; freezes of single agents and tools stay. `mythos status`\n" +
			"lists them.",
		Example: "  mythos freeze --reason 'incident 12'\n  mythos thaw --note 'it was a false alarm'",
		Args:    cmdutil.Args(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return runHold(c.Context(), f, t, false) },
	}
	t.flags(c)
	cmdutil.TextVar(c.Flags(), &t.reason, "note", "why, for those who read the record")
	return f.Returns(c, holdResults)
}

func (t *target) flags(c *cobra.Command) {
	c.Flags().StringVar(&t.agent, "agent", "", "calls made under capabilities of this agent")
	c.Flags().StringVar(&t.tool, "tool", "", "calls of this tool")
	c.MarkFlagsMutuallyExclusive("agent", "tool")
}

func runHold(ctx context.Context, f *cmdutil.Factory, t target, frozen bool) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	q := hold.Request{Reason: t.reason, Cancel: t.cancel}
	if t.agent != "" {
		agent, err := n.AgentNamed(t.agent)
		if err != nil {
			return err
		}
		agent.Hint = t.agent
		q.Agent = &agent
	}
	if t.tool != "" {
		id, err := n.Toolbox.ID(ctx, t.tool)
		if err != nil {
			return err
		}
		q.Tool = &id
	}
	h, err := n.Freezer.Set(ctx, q, frozen)
	st, serr := n.Holds.State(ctx)
	if errors.Is(err, hold.ErrNotFrozen) && serr == nil {
		what := n.Holds.What(ctx, &hold.Hold{Agent: q.Agent, Tool: q.Tool})
		hint := "`mythos status` lists what is frozen"
		if st.File {
			hint = "a file freezes everything; remove it: rm " + n.Holds.File
		}
		return clierr.New(clierr.NotFound, "%s is not frozen by a hold", what).With(hint)
	}
	if err = errors.Join(err, serr); err != nil {
		return err
	}
	what := n.Holds.What(ctx, h)
	if frozen {
		f.IO.Notef("%s is frozen; to lift that: %s", what, n.Holds.Remedy(ctx, h))
	} else {
		f.IO.Notef("%s is thawed", what)
		still(ctx, f, n, st)
	}
	return f.Emit(held{h.HoldID, h.Frozen, what}, func() { f.IO.Printf("%s\n", h.HoldID) })
}

// still prints what is still frozen after a thaw.
func still(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, st *hold.State) {
	if st.File {
		f.IO.Notef("everything is still frozen, by the file %s", n.Holds.File)
	}
	for _, h := range st.Frozen {
		f.IO.Notef("still: %s", n.Holds.Words(ctx, h))
	}
}
