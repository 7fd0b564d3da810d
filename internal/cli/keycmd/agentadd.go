package keycmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/toolname"
	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

type agentAddOptions struct {
	agents.Spec
	Calls   uint32
	Rate    string
	Approve string
	Cost    uint64
	TTL     cmdutil.Span
	Scopes  []string
}

func newAgentAdd(f *cmdutil.Factory) *cobra.Command {
	o := &agentAddOptions{}
	c := &cobra.Command{
		Use: "add NAME --tools GLOB,... [--scope SCOPE]... [--calls N] [--rate N/D] [--max-cost N] [--approve N/ROLE] [--ttl D]", Short: "Let a program call tools here under its own name and limits; prints a cap id",
		Long: "For agents that hold no key, such as coding assistants: `mythos mcp wrap --agent NAME` makes their calls. The\n" +
			"agent gets a key that is kept here, and two capabilities: one from you to it, and one from it to the executor,\n" +
			"both for the tools that the patterns match now. To include tools that come later, run it again. --calls, --rate\n" +
			"and --max-cost count over all tools. Anyone who can start a process under your account can claim to be the\n" +
			"agent: the name is limited, not proven. --scope adds a capability for `mythos mcp serve --with tasks`:\n" +
			"compute.spawn, blob.write, blob.read.",
		Example: "  mythos agent add scout --tools 'fs.*,gh.get_*' --calls 200 --rate 30/1m --ttl 8h", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name, o.Spec.Calls, o.Spec.TTL = args[0], scope.NoLimit32, time.Hour
			if c.Flags().Changed("calls") {
				if o.Spec.Calls = o.Calls; o.Calls == 0 {
					return clierr.Usagef("--calls 0 would allow no call: give at least 1, or leave the flag out for any number").With("to end what an agent may do: mythos agent disable " + args[0])
				}
			}
			if o.Rate != "" {
				rate, err := scope.ParseRate(o.Rate)
				if err != nil {
					return clierr.Usagef("%w", err)
				}
				o.Spec.Rate = rate
			}
			if c.Flags().Changed("max-cost") {
				o.Spec.Cost = &o.Cost
			}
			if o.Approve != "" {
				approve, err := scope.ParseApprove(o.Approve)
				if err != nil {
					return clierr.Usagef("%w", err)
				}
				o.Spec.Approve = approve
			}
			if o.TTL > 0 {
				o.Spec.TTL = time.Duration(o.TTL)
			}
			return runAgentAdd(c.Context(), f, o)
		},
	}
	c.Flags().StringSliceVar(&o.Tools, "tools", nil, "names of tools, or patterns with *, separated by commas")
	c.Flags().StringArrayVar(&o.Scopes, "scope", nil, "another capability, such as compute.spawn:local,workers=10,cpu=10s,io=100 or blob.write:scout,max=10MiB; may be repeated")
	c.Flags().Uint32Var(&o.Calls, "calls", 0, "at most this many calls, of all tools together; unlimited by default")
	c.Flags().StringVar(&o.Rate, "rate", "", "at most N calls at once, and N in the time D, as in 30/1m; unlimited by default")
	c.Flags().Uint64Var(&o.Cost, "max-cost", 0, "at most this total cost, by the prices of mythos tool policy; unlimited by default")
	c.Flags().StringVar(&o.Approve, "approve", "", "each call needs the agreement of N people of a role, as in 2/ops; of nobody by default")
	c.Flags().Var(&o.TTL, "ttl", "how long it lasts; 1h by default")
	return c
}

// agentLine is an agent with one of its authorities.
type agentLine struct {
	Name    string      `json:"name"`
	Key     string      `json:"key"` // the public key, 64 hex digits
	Cap     object.Hash `json:"capability"`
	Scope   string      `json:"scope,omitempty"` // unless it is for several tools
	Tools   int         `json:"tools"`           // number of tools it may call
	Calls   *uint64     `json:"calls,omitempty"` // most, in all
	Left    *uint64     `json:"calls_left,omitempty"`
	Rate    string      `json:"rate,omitempty"`     // such as 30/1m
	Cost    *uint64     `json:"max_cost,omitempty"` // of all calls, in the smallest unit
	Unspent *uint64     `json:"cost_left,omitempty"`
	Until   object.Time `json:"until"`
	OK      bool        `json:"ok"`            // it counts now
	Why     string      `json:"why,omitempty"` // it does not
	// Tokens is the number of its valid bearer tokens.
	Tokens int `json:"tokens,omitempty"`
}

func runAgentAdd(ctx context.Context, f *cmdutil.Factory, o *agentAddOptions) error {
	s := o.Spec
	if len(s.Tools)+len(o.Scopes) == 0 {
		return clierr.Usagef("name the tools: --tools 'fs.*'")
	}
	if err := toolname.Check(s.Name); err != nil || len(s.Name) > 64 {
		return clierr.Usagef("%q is not an agent's name: use letters, digits, dot, dash and underscore, at most 64, starting with a small letter", s.Name)
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	scopes := make([]scope.CapScope, len(o.Scopes)) // parse all before issuing the first
	for i, text := range o.Scopes {
		if scopes[i], err = n.Find.Scope(ctx, text); err != nil {
			return clierr.Usagef("--scope: %w", err)
		}
	}
	if len(s.Tools) > 0 {
		added, err := agents.Add(ctx, n, s)
		if err := addFailed(err, s.Name); err != nil {
			return err
		}
		line := agentLine{Tools: added.Tools, Cost: s.Cost, Unspent: s.Cost}
		if s.Calls != scope.NoLimit32 {
			most := uint64(s.Calls)
			line.Calls, line.Left = &most, &most
		}
		if s.Rate != nil {
			line.Rate = s.Rate.String()
		}
		if err := tellAdded(f, s.Name, units.Count(added.Tools, "tool"), added, line); err != nil {
			return err
		}
	}
	for i, what := range scopes {
		added, err := agents.Grant(ctx, n, s.Name, what, s.TTL)
		if err := addFailed(err, s.Name); err != nil {
			return err
		}
		if err := tellAdded(f, s.Name, o.Scopes[i], added, agentLine{Scope: what.String()}); err != nil {
			return err
		}
	}
	return nil
}

// addFailed adds the remedy to an error.
func addFailed(err error, name string) error {
	switch {
	case errors.Is(err, agents.ErrOwner):
		return clierr.New(clierr.Refused, "%w", err).On(name).With("choose another name")
	case errors.Is(err, agents.ErrKind):
		return clierr.Usagef("--scope: %w", err)
	case errors.Is(err, exec.ErrNoTool):
		return clierr.New(clierr.NotFound, "%w", err).With("mythos tool ls lists the tools")
	}
	return err
}

// tellAdded prints an agent's new authority.
func tellAdded(f *cmdutil.Factory, name, what string, added agents.Added, line agentLine) error {
	line.Name, line.Key, line.Cap, line.Until, line.OK = name, added.Agent.KeyHex(), added.Cap.ID, added.Cap.Cap.ExpiresAt, true
	if added.New {
		f.IO.Notef("agent %s has a key now: %s", name, line.Key)
	}
	f.IO.Notef("%s may use %s until %s", name, what, line.Until)
	return f.Emit(line, func() { f.IO.Printf("%s\n", line.Cap) })
}

func newAgentLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the agents and what they may do", Example: "  mythos agent ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runAgentLs(c.Context(), f) },
	}
}

func runAgentLs(ctx context.Context, f *cmdutil.Factory) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	list, err := agents.List(ctx, n)
	if err != nil {
		return err
	}
	var rows [][]ui.Cell
	for _, a := range list {
		tokens, err := agents.Tokens(ctx, n, a.Name)
		if err != nil {
			return err
		}
		all, err := a.Authorities(ctx, n)
		if err != nil {
			return err
		}
		for _, one := range all {
			line := agentLine{a.Name, a.Key.KeyHex(), one.Cap, one.Scope, one.Tools, one.Calls, one.Left, one.Rate, one.Cost, one.Unspent, one.Until, one.Denied == nil, "", len(tokens)}
			state, calls, cost := "ok", "any", "any"
			if one.Denied != nil {
				line.Why, state = one.Denied.Error(), "ended"
			}
			if one.Calls != nil && one.Left != nil {
				calls = fmt.Sprintf("%d of %d", *one.Left, *one.Calls)
			}
			if one.Cost != nil && one.Unspent != nil {
				cost = fmt.Sprintf("%d of %d", *one.Unspent, *one.Cost)
			}
			tools := fmt.Sprint(one.Tools)
			if one.Scope != "" {
				tools, calls, cost = one.Scope, "", ""
			}
			if f.JSON {
				if err := f.Emit(line, nil); err != nil {
					return err
				}
			}
			rows = append(rows, []ui.Cell{{Text: a.Name, Meaning: ui.Name}, {Text: state}, {Text: tools}, {Text: calls}, {Text: cmp.Or(one.Rate, "any")}, {Text: cost},
				{Text: fmt.Sprint(len(tokens))}, {Text: one.Until.String()}, {Text: f.IO.Hash(one.Cap.String()), Meaning: ui.Dim}})
		}
	}
	if !f.JSON {
		f.IO.Table([]string{"name", "state", "tools", "calls left", "rate", "cost left", "tokens", "until", "capability"}, rows)
	}
	return nil
}

func newAgentDisable(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "disable NAME", Short: "Take back all that an agent may do; `agent add` allows it again",
		Long: "Revokes the capabilities that the agent holds or handed on, and ends its tokens. Its key stays, and its name\n" +
			"stays in the history. To end an agent for good, and the trust in its key, use mythos agent revoke.",
		Example: "  mythos agent disable scout", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runAgentDisable(c.Context(), f, args[0]) },
	}
}

func runAgentDisable(ctx context.Context, f *cmdutil.Factory, name string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	a, err := agents.Named(ctx, n, name)
	if err != nil {
		return err
	}
	r, err := n.Auth.RevokeAgent(ctx, a.Key)
	if err != nil {
		return err
	}
	if _, err := agents.RevokeTokens(ctx, n, name); err != nil {
		return err
	}
	line := agentRevoked{Name: name, Key: a.Key.KeyHex(), Held: orNone(r.Held), Issued: orNone(r.Issued), Standing: []object.Hash{}}
	for _, l := range r.Standing {
		line.Standing = append(line.Standing, l.ID)
	}
	return f.Emit(line, func() {
		f.IO.Printf("%s: capabilities revoked: %d held, %d handed on\n", name, len(r.Held), len(r.Issued))
	})
}
