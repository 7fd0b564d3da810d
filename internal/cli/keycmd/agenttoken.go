package keycmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

type agentTokenOptions struct {
	Name   string
	TTL    cmdutil.Span
	Revoke bool
}

// agentTokenLine is a new token, or the number of revoked ones.
type agentTokenLine struct {
	Name    string       `json:"name"`
	Token   string       `json:"token,omitempty"` // its text, which is not stored
	Until   *object.Time `json:"until,omitempty"`
	Revoked int          `json:"revoked,omitempty"` // number of revoked tokens
}

func newAgentToken(f *cmdutil.Factory) *cobra.Command {
	o := &agentTokenOptions{}
	c := &cobra.Command{
		Use: "token NAME [--ttl D] [--revoke]", Short: "Make a bearer token that lets an HTTP client act as this agent",
		Long: "For `mythos mcp serve --listen`. Whoever has the token is the agent. It is printed once, and only its hash is\n" +
			"kept. It identifies the caller and allows nothing: `mythos agent add` sets what the agent may do. With --revoke,\n" +
			"all tokens of the agent end at once.",
		Example: "  mythos agent token scout > scout.token\n  mythos agent token scout --revoke", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			return runAgentToken(c.Context(), f, o)
		},
	}
	c.Flags().Var(&o.TTL, "ttl", "how long it is valid; 30 days by default")
	c.Flags().BoolVar(&o.Revoke, "revoke", false, "end all tokens of the agent")
	c.MarkFlagsMutuallyExclusive("ttl", "revoke")
	return c
}

func runAgentToken(ctx context.Context, f *cmdutil.Factory, o *agentTokenOptions) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if o.Revoke {
		if _, err := agents.Named(ctx, n, o.Name); err != nil {
			return err
		}
		ended, err := agents.RevokeTokens(ctx, n, o.Name)
		if err != nil {
			return err
		}
		return f.Emit(agentTokenLine{Name: o.Name, Revoked: ended}, func() {
			f.IO.Printf("%s: %s ended\n", o.Name, units.Count(ended, "token"))
		})
	}
	ttl := time.Duration(o.TTL)
	if ttl == 0 {
		ttl = agents.TokenTTL
	}
	text, t, err := agents.NewToken(ctx, n, o.Name, ttl)
	if err != nil {
		return err
	}
	f.IO.Notef("whoever has this token is %s until %s; it is not shown again", o.Name, t.Until)
	return f.Emit(agentTokenLine{Name: o.Name, Token: text, Until: &t.Until}, func() { f.IO.Printf("%s\n", text) })
}
