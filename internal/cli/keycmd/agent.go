package keycmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// NewAgent is `mythos agent`.
func NewAgent(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("agent", "Agents that act here under capabilities", newAgentAdd(f), newAgentLs(f), newAgentToken(f), newAgentDisable(f), newAgentRevoke(f)), agentResults)
}

func newAgentRevoke(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "revoke AGENT", Short: "End an agent everywhere: its trust, what it holds, what it issued",
		Long: "AGENT is a name from trust.yaml, the name of a key of this repository, or a public key. Its trust ends. The\n" +
			"capabilities that it holds or issued are revoked, with all that were derived from them. Its history stays under\n" +
			"its name and still counts. If the key of a capability's issuer is not here, the capability is named (exit code\n" +
			"4): its issuer has to revoke it. Run the command again to finish what is left.",
		Example: "  mythos agent revoke ci", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return runAgentRevoke(c.Context(), f, args[0]) },
	}
}

func runAgentRevoke(ctx context.Context, f *cmdutil.Factory, name string) error {
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	agent, err := n.AgentNamed(name)
	if err != nil {
		return err
	}
	if agent.Same(n.Self()) {
		return clierr.New(clierr.Refused, "%s is the identity that acts here", name).With("mythos key rotate replaces its key")
	}
	if err := endTrust(ctx, f, n, agent); err != nil {
		return err
	}
	r, err := n.Auth.RevokeAgent(ctx, agent)
	if err != nil {
		return err
	}
	line := agentRevoked{Name: n.AgentName(agent), Key: agent.KeyHex(), Held: orNone(r.Held), Issued: orNone(r.Issued), Standing: []object.Hash{}}
	var issuers []string
	for _, l := range r.Standing {
		line.Standing = append(line.Standing, l.ID)
		issuers = append(issuers, l.ID.Short()+" by "+l.Cap.Issuer.String())
	}
	if err := f.Emit(line, func() {
		f.IO.Printf("%s: trust ended, capabilities revoked: %d held, %d issued\n", name, len(r.Held), len(r.Issued))
	}); err != nil || len(issuers) == 0 {
		return err
	}
	return clierr.New(clierr.Refused, "%s still holds what others issued: %s", name, strings.Join(issuers, ", ")).
		With("have each issuer revoke it, and take its list: mythos cap import FILE")
}

// endTrust ends an agent's trust. If trust.yaml does not name the agent, it gets an entry that says that the trust has
// ended: the agent's key, if it is here, must not count by itself.
func endTrust(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, agent object.AgentID) error {
	size, err := n.Ledger.Size(ctx)
	if err != nil {
		return err
	}
	end := keyfile.End{At: f.Now(), Entries: &size}
	err = identity.EditTrust(n.Dir, func(t *keyfile.Trust) error {
		e, named := t.ByAgent(agent)
		if !named {
			if agent.Hint == "" {
				return nil // a stranger: there is no trust to end
			}
			e = keyfile.Entry{Name: agent.Hint, Key: agent.KeyHex()}
			if err := t.Replacing(e, f.Now()); err != nil {
				return err
			}
		}
		return t.End(e.Name, end)
	})
	if err != nil {
		return err
	}
	return n.ReloadTrust()
}

func orNone(ids []object.Hash) []object.Hash { return append([]object.Hash{}, ids...) }
