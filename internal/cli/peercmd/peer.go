package peercmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peers"
	"github.com/mythos-project/mythos/internal/remote"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/ui"
	"github.com/mythos-project/mythos/object"
)

// NewPeer is `mythos peer`.
func NewPeer(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("peer", "Other repositories that serve", newPeerAdd(f), newPeerLs(f), newPeerRm(f)), peerResults)
}

func newPeerAdd(f *cmdutil.Factory) *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "add NAME URL [--key KEY]", Short: "Record where a peer serves, and which key answers there",
		Long: "KEY is the agent that must answer: a public key, or a name from trust.yaml. Without it, the peer is asked now;\n" +
			"the key that answers is printed, and required from then on: compare it with what `mythos key export` prints\n" +
			"there. Requests are signed for that agent alone.",
		Example: "  mythos peer add build http://127.0.0.1:7480", Args: cmdutil.Args(2, 2),
		RunE: func(c *cobra.Command, args []string) error { return runPeerAdd(c.Context(), f, args[0], args[1], key) },
	}
	c.Flags().StringVar(&key, "key", "", "the agent that must answer there: a public key, or a name from trust.yaml")
	return c
}

func runPeerAdd(ctx context.Context, f *cmdutil.Factory, name, url, key string) error {
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return clierr.Usagef("%q is not the URL of a peer", url).With("give one such as http://127.0.0.1:7480; `mythos serve` prints it")
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	p := peers.Peer{Name: name, URL: strings.TrimSuffix(url, "/")}
	if key != "" {
		agent, err := n.AgentNamed(key)
		if err != nil {
			return err
		}
		p.Key = &agent
		f.IO.Notef("%s must be %s", name, whoIs(n, agent))
	} else if agent, err := peer.To(n, p).Agent(ctx); err != nil {
		f.IO.Notef("%s does not answer now: the first key that answers will be trusted to be it (%s)", url, ui.CleanLines(err.Error()))
	} else {
		p.Key = &agent
		f.IO.Notef("pinned on first use: %s is %s; compare with what `mythos key export` prints there", name, whoIs(n, agent))
	}
	return n.Peers.Set(ctx, p)
}

// whoIs names an agent by its whole key, and by its name in trust.yaml if it has one.
func whoIs(n *repo.Repo, agent object.AgentID) string {
	if name := n.AgentName(agent); name != "" {
		return name + ", key " + agent.KeyHex()
	}
	return "key " + agent.KeyHex()
}

func newPeerLs(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the peers", Example: "  mythos peer ls", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			var rows [][]ui.Cell
			err = n.Peers.Each(c.Context(), func(p peers.Peer) error {
				line, agent := peerLine{Name: p.Name, URL: p.URL}, ""
				if p.Key != nil { // in full: people compare it with the output of another machine
					line.Key, agent = p.Key.KeyHex(), n.AgentName(*p.Key)
				}
				return f.Emit(line, func() {
					rows = append(rows, []ui.Cell{{Text: p.Name, Meaning: ui.Name}, {Text: p.URL}, {Text: line.Key}, {Text: agent}})
				})
			})
			if err == nil && !f.JSON {
				f.IO.Table([]string{"name", "url", "key", "agent"}, rows)
			}
			return err
		},
	}
}

func newPeerRm(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "rm NAME|URL", Short: "Forget a peer, or the last checkpoint of a ledger elsewhere",
		Long: "With a URL it forgets the last checkpoint that was seen of the ledger there, but not which key signs it. That is for\n" +
			"a server whose database was restored from an older backup: its ledger does not go on from that checkpoint any more,\n" +
			"and is refused. Ask its owners first what was lost.",
		Example: "  mythos peer rm build\n  mythos peer rm https://ledger.example", Args: cmdutil.Args(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := f.Repo(c.Context())
			if err != nil {
				return err
			}
			if strings.Contains(args[0], "://") {
				known, err := remote.Forget(c.Context(), n.DB, peer.To(n, peers.Peer{URL: args[0]}).URL)
				if err == nil && !known {
					err = fmt.Errorf("nothing is known of a ledger at %s: %w", args[0], peers.ErrNoPeer)
				}
				return err
			}
			return n.Peers.Remove(c.Context(), args[0])
		},
	}
}

// client finds a peer: a URL, or a name given with `peer add`.
func client(ctx context.Context, f *cmdutil.Factory, text string) (*peer.Client, error) {
	n, err := f.Repo(ctx)
	if err != nil {
		return nil, err
	}
	if strings.Contains(text, "://") {
		return peer.To(n, peers.Peer{URL: text}), nil
	}
	p, err := n.Peers.Named(ctx, text)
	if err != nil {
		return nil, err
	}
	return peer.To(n, p), nil
}

// clients are the peers in a comma-separated list.
func clients(ctx context.Context, f *cmdutil.Factory, text string) (list []*peer.Client, err error) {
	for _, name := range strings.Split(text, ",") {
		cl, err := client(ctx, f, name)
		if err != nil {
			return nil, err
		}
		list = append(list, cl)
	}
	return list, nil
}
