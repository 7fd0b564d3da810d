package capcmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

type bearerOptions struct {
	To    string
	Scope string
	TTL   cmdutil.Span
}

// bearerView is a new bearer.
type bearerView struct {
	Bearer string      `json:"bearer"` // a secret
	Cap    object.Hash `json:"cap"`    // the server's actions are charged to it
	Server string      `json:"server"` // public key, hex
	Until  object.Time `json:"until"`
}

func newBearer(f *cmdutil.Factory) *cobra.Command {
	o := &bearerOptions{TTL: cmdutil.Span(15 * time.Minute)}
	c := &cobra.Command{
		Use: "bearer CAP [--to SERVER] [--scope SCOPE] [--ttl D]", Short: "Make a bearer token for clients that know only plain HTTP",
		Long: "A server of `mythos serve` runs a tool for anyone who shows it a bearer: curl -H \"Authorization: Bearer ...\".\n" +
			"The bearer is a secret, unlike the capability. It is valid at that server only, for --ttl, at most a day. If CAP\n" +
			"is not held by the server, a part of it is handed on to the server; CAP must be delegable. Calls are charged to\n" +
			"that part and to CAP. The bearer ends early with the capability: `mythos cap revoke`.",
		Example: "  mythos cap bearer 3f9c01 --to 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c --ttl 10m",
		Args:    cmdutil.Args(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return runBearer(c.Context(), f, args[0], o) },
	}
	c.Flags().StringVar(&o.To, "to", "self", "the server: a public key, a name of trust.yaml, or self")
	c.Flags().StringVar(&o.Scope, "scope", "", "the part of CAP to allow, such as tool.call:NAME,calls=1")
	c.Flags().Var(&o.TTL, "ttl", "how long it is valid, a day at most")
	return c
}

func runBearer(ctx context.Context, f *cmdutil.Factory, name string, o *bearerOptions) error {
	ttl := time.Duration(o.TTL)
	if ttl <= 0 || ttl > bearer.MaxTime {
		return clierr.Usagef("--ttl must be more than zero and at most %s", bearer.MaxTime)
	}
	n, ch, err := chain(ctx, f, name)
	if err != nil {
		return err
	}
	server, err := n.AgentNamed(o.To)
	if err != nil {
		return err
	}
	now := n.Now()
	until := min(now.Add(ttl), ch[0].Cap.ExpiresAt)
	if until <= now {
		return clierr.New(clierr.Refused, "capability %s expired at %s", ch[0].ID.Short(), ch[0].Cap.ExpiresAt).On(ch[0].ID.String()).With("`mythos cap ls` lists valid ones")
	}
	if !ch[0].Cap.Subject.Same(server) || o.Scope != "" {
		if ch, err = handOn(ctx, n, ch, caps.Draft{Subject: server, ExpiresAt: until}, o.Scope); err != nil {
			return err
		}
	}
	key, err := n.SignerOf(ch[0].Cap.Issuer)
	if err != nil {
		return clierr.New(clierr.Refused, "capability %s: the one who issued it to the server must sign the bearer: %w", ch[0].ID.Short(), err).On(ch[0].ID.String())
	}
	text, err := bearer.Make(key, ch, max(now, ch[0].Cap.NotBefore), until)
	if err != nil {
		return err
	}
	f.IO.Notef("until %s, anyone who has it can have %s act under capability %s", until, server, ch[0].ID.Short())
	return f.Emit(bearerView{text, ch[0].ID, server.KeyHex(), until}, func() { f.IO.Printf("%s\n", text) })
}

// handOn makes a child capability for the server.
func handOn(ctx context.Context, n *repo.Repo, parent caps.Chain, d caps.Draft, scope string) (caps.Chain, error) {
	if scope != "" {
		var err error
		if d.Scope, err = n.Find.Scope(ctx, scope); err != nil {
			return nil, clierr.Usagef("--scope %s: %w", scope, err)
		}
	}
	link, err := n.Auth.Attenuate(ctx, parent[0].ID, d)
	return append(caps.Chain{link}, parent...), err
}
