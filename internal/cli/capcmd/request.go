package capcmd

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/issuer"
	"github.com/mythos-project/mythos/internal/oidc"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/remote"
)

// github is the value of --oidc that asks GitHub Actions for a token.
const github = "github"

type requestOptions struct {
	At, Scope, OIDC string
	TTL             cmdutil.Span
}

func newRequest(f *cmdutil.Factory) *cobra.Command {
	o := &requestOptions{}
	c := &cobra.Command{
		Use: "request --scope SCOPE [--at URL] [--oidc FILE|github|-]", Short: "Ask a server's authority for a capability; prints its id",
		Long: "The server issues what its issuance policy (`mythos cap policy`) allows the requester: this repository's key, if\n" +
			"a rule names it and has `request: true`, or the holder of an identity token from an issuer that a rule names.\n" +
			"--oidc github asks GitHub Actions for a token (permissions: id-token: write) that is valid for this key at this\n" +
			"server. FILE holds a token from another issuer; - is standard input. The server's receipt is checked against its\n" +
			"ledger, and the capability is kept here.",
		Example: "  mythos cap request --scope tool.call:deploy,calls=1 --oidc github", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runRequest(c.Context(), f, o) },
	}
	c.Flags().StringVar(&o.At, "at", "", "the server to ask (at)")
	c.Flags().StringVar(&o.Scope, "scope", "", "what it is to allow, such as tool.call:NAME,calls=1; a tool name that is not known here is the server's")
	c.Flags().Var(&o.TTL, "ttl", "how long it is valid, such as 10m; by default as long as the policy allows, an hour at most")
	c.Flags().StringVar(&o.OIDC, "oidc", "", "the identity token: github, a file, or -; without it, the key proves who asks")
	return c
}

func runRequest(ctx context.Context, f *cmdutil.Factory, o *requestOptions) error {
	if o.Scope == "" {
		return clierr.Usagef("--scope is required: it says what the capability is to allow")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	if _, err := n.Find.Scope(ctx, o.Scope); err != nil && !errors.Is(err, exec.ErrNoTool) {
		return clierr.Usagef("--scope %s: %w", o.Scope, err)
	}
	l, err := f.LedgerAt(ctx, n, o.At)
	if err != nil {
		return err
	}
	if l == nil {
		return clierr.Usagef("--at is required: it names the server to ask").With("or make the folder with `mythos init --at URL`")
	}
	w := issuer.Wish{Scope: o.Scope, TTL: time.Duration(o.TTL)}
	if w.Token, err = o.token(ctx, f, caps.TokenAudience(l.Agent(), n.Self())); err != nil {
		return err
	}
	link, receipt, err := issuer.Ask(ctx, n, l, w)
	if err = errors.Join(there(err), l.Close(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	ch := caps.Chain{link}
	f.IO.Notef("%s", named(ctx, n, ch, caps.Explain(ch, f.Now())))
	return f.Emit(requested{describe(ctx, n, link), receipt.ReceiptID}, func() { f.IO.Printf("%s\n", link.ID) })
}

// token is the identity token for the request; empty: none.
func (o *requestOptions) token(ctx context.Context, f *cmdutil.Factory, audience string) (string, error) {
	switch o.OIDC {
	case "":
		return "", nil
	case github:
		token, err := oidc.FromGitHub(ctx, os.Getenv, audience)
		if errors.Is(err, oidc.ErrNoGitHub) {
			return "", clierr.New(clierr.Refused, "%w", err).With("give the job `permissions: id-token: write`; elsewhere name a file with --oidc")
		}
		return token, err
	}
	raw, err := f.Read(o.OIDC)
	token := strings.TrimSpace(string(raw))
	if err == nil && token == "" {
		err = clierr.New(clierr.Invalid, "there is no token in it").On(o.OIDC)
	}
	return token, err
}

// there gives a server's refusal the exit code that it has on the server.
func there(err error) error {
	var refused *peer.StatusError
	var lost *remote.UnreachableError
	switch {
	case errors.As(err, &lost):
		return clierr.New(clierr.Busy, "%w", err).With("ask again: the same token and scope give the same capability")
	case errors.As(err, &refused):
		for _, c := range clierr.Codes {
			if c.Kind == refused.Kind && c.Code != clierr.OK {
				return clierr.New(c.Code, "%w", refused).With(refused.Hint)
			}
		}
	}
	return err
}
