package mcpcmd

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/mcp/pin"
	"github.com/mythos-project/mythos/internal/repo"
)

// harness describes the configuration file of an MCP client.
type harness struct {
	file    string // where it looks
	servers string // the member with the list of servers
	kind    string // member for the transport; empty: none
}

var harnesses = map[string]harness{
	"claude": {".mcp.json", "mcpServers", ""},
	"cursor": {".cursor/mcp.json", "mcpServers", ""},
	"vscode": {".vscode/mcp.json", "servers", "stdio"},
}

// entry is one server in such a configuration.
type entry struct {
	Type    string   `json:"type,omitempty"`
	Command string   `json:"command"`
	Args    []string `json:"args"`
}

type configOptions struct {
	Harness string
	Servers []string
	Agent   string
}

func newConfig(f *cmdutil.Factory) *cobra.Command {
	o := &configOptions{}
	names := strings.Join(slices.Sorted(maps.Keys(harnesses)), "|")
	c := &cobra.Command{
		Use: "config " + names + " [SERVER...] [--agent A]", Short: "Print the configuration that makes a client use these servers through the gate",
		Long: "Prints JSON for the client: Claude Code .mcp.json, Cursor .cursor/mcp.json, VS Code .vscode/mcp.json. It writes\n" +
			"no file. Each SERVER is a name from `mythos mcp add` and becomes a `mythos mcp wrap`. Without a SERVER, there is\n" +
			"one `mythos mcp serve`. Without --agent, the calls are made as the agent with the client's name, or as you if\n" +
			"there is none.",
		Example: "  mythos mcp config claude fs --agent scout", Args: cmdutil.Args(1, -1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Harness, o.Servers = args[0], args[1:]
			return runConfig(c.Context(), f, o)
		},
	}
	c.Flags().StringVar(&o.Agent, "agent", "", "make the calls as this agent: a name from mythos agent add")
	return c
}

func runConfig(ctx context.Context, f *cmdutil.Factory, o *configOptions) error {
	h, ok := harnesses[o.Harness]
	if !ok {
		return clierr.Usagef("client %q: %s", o.Harness, strings.Join(slices.Sorted(maps.Keys(harnesses)), ", "))
	}
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	agent, err := Whose(ctx, n, o.Agent, o.Harness)
	if err != nil {
		return err
	}
	for _, name := range o.Servers {
		if _, err := serverNamed(n, name).Module(ctx); errors.Is(err, pin.ErrNoServer) {
			return clierr.New(clierr.NotFound, "%w", err).On(name).With("register it: mythos mcp add " + name + " -- CMD")
		} else if err != nil {
			return err
		}
	}
	servers, err := o.entries(n.Dir, h.kind, agent)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(map[string]any{h.servers: servers}, "", "  ")
	if err != nil {
		return err
	}
	f.IO.Printf("%s\n", raw)
	whose := "yours"
	if agent != "" {
		whose = agent + "'s"
	}
	f.IO.Notef("for %s; the calls are %s", h.file, whose)
	return nil
}

// Whose is the agent whose calls they are: the one that is named, or else the one that has its
// client's name, if there is one; empty: the owner's.
func Whose(ctx context.Context, n *repo.Repo, agent, client string) (string, error) {
	name := cmp.Or(agent, client)
	_, err := agents.Named(ctx, n, name)
	switch {
	case err == nil:
		return name, nil
	case agent == "" && errors.Is(err, identity.ErrNoAgent):
		return "", nil
	case errors.Is(err, identity.ErrNoAgent):
		return "", clierr.New(clierr.NotFound, "%w", err).On(name).With("mythos agent add " + name + " --tools GLOB")
	}
	return "", err
}

// entries start this program from any folder of the client.
func (o *configOptions) entries(dir, kind, agent string) (map[string]entry, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	make := func(words ...string) entry {
		args := append([]string{"-C", root, "mcp"}, words...)
		if agent != "" {
			args = append(args, "--agent", agent)
		}
		return entry{kind, self, args}
	}
	if len(o.Servers) == 0 {
		return map[string]entry{"mythos": make("serve")}, nil
	}
	servers := map[string]entry{}
	for _, name := range o.Servers {
		servers[name] = make("wrap", name)
	}
	return servers, nil
}
