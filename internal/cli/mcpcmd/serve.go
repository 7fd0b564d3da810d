package mcpcmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/mcp/inspect"
	"github.com/mythos-project/mythos/internal/mcp/serve"
	"github.com/mythos-project/mythos/internal/mcp/tasks"
	"github.com/mythos-project/mythos/internal/repo"
)

type serveOptions struct {
	Agent  string
	Listen string
	With   []string
	Tell   bool
	Keep   cmdutil.Duration

	RFCNames bool
}

func newServe(f *cmdutil.Factory) *cobra.Command {
	o := &serveOptions{}
	c := &cobra.Command{
		Use: "serve [--agent A] [--listen ADDR]", Short: "Serve the registered tools that an agent has a capability for, over MCP",
		Long: "Speaks MCP on standard input and output, in all versions of the protocol. It lists the registered tools, of any\n" +
			"kind, that the agent has a capability for; the list follows what is registered, issued or revoked meanwhile.\n" +
			"Dots in tool names become _. Each call goes through the gate, under a key as in `mythos mcp wrap`, and its\n" +
			"result names the receipt. A tool of an MCP server takes the arguments of its schema; any other tool takes\n" +
			"{\"input\": TEXT}. A result of more than 64 KiB is cut, and names the resource with the rest. With --listen, it\n" +
			"speaks the streamable HTTP transport on a loopback address. It serves any agent whose bearer token a request has (mythos agent token); with --agent, that agent alone. --with inspect, the default, adds tools that let the\n" +
			"agent read its own receipts and permissions; --with none adds nothing. --with tasks adds mythos_submit,\n" +
			"mythos_status, mythos_results, mythos_publish and mythos_fetch: tasks of bundles, under the agent's\n" +
			"compute.spawn, and bytes under their content id, under its blob.write (mythos agent add --scope).",
		Example: "  mythos mcp serve --agent scout\n  mythos mcp serve --listen 127.0.0.1:7481", Args: cmdutil.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return runServe(c.Context(), f, o) },
	}
	flags := c.Flags()
	flags.StringVar(&o.Agent, "agent", "", "make the calls as this agent, a name from mythos agent add, under its capabilities alone; by default as you")
	flags.StringVar(&o.Listen, "listen", "", "a loopback address and port for HTTP; port 0 picks a free one")
	flags.StringSliceVar(&o.With, "with", []string{withInspect}, "tools of mythos itself: inspect, tasks, or none")
	flags.BoolVar(&o.RFCNames, "rfc-names", false, "with --with tasks: list its tools with dots, as mythos.submit; they can be called by either name")
	flags.BoolVar(&o.Tell, "tell", false, "also put the receipt in the text of each result, for clients that hide _meta")
	flags.Var(&o.Keep, "keep", "how long a call waits for an equal one after its client went away; 15m by default")
	return c
}

// Values of --with.
const (
	withInspect = "inspect"
	withTasks   = "tasks"
	withNone    = "none"
)

func (o *serveOptions) check() error {
	for _, with := range o.With {
		if with != withInspect && with != withTasks && with != withNone {
			return clierr.Usagef("--with %q: inspect, tasks or none", with)
		}
	}
	if o.RFCNames && !slices.Contains(o.With, withTasks) {
		return clierr.Usagef("--rfc-names goes with --with tasks")
	}
	if len(o.With) > 1 && slices.Contains(o.With, withNone) {
		return clierr.Usagef("--with none excludes the others")
	}
	return nil
}

// graceTime is how long running calls may take after the server is stopped.
const graceTime = 30 * time.Second

func runServe(ctx context.Context, f *cmdutil.Factory, o *serveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a client that disconnects does not end its calls
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	instance, err := n.Tasks.NewInstance(engine.Member{Kind: "mcp"})
	if err != nil {
		return err
	}
	defer instance.Close()
	defer serveLocal(ctx, f, n)()
	until, halt := context.WithCancel(context.WithoutCancel(ctx))
	defer halt()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(graceTime, halt) })()
	if o.Listen != "" {
		return o.http(ctx, f, n, instance.ID, until)
	}
	s, err := o.server(ctx, f, n, instance.ID, o.Agent, until)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go s.Watch(watching)
	return errors.Join(s.Lines(ctx, f.IO.In, f.IO.Out), s.Close())
}

// heldBySelf returns the owner's possible authority for tasks.
func heldBySelf(ctx context.Context, n *repo.Repo) (all []caps.Chain, err error) {
	for _, kind := range agents.Kinds {
		held, err := n.Auth.Held(ctx, kind)
		if err != nil {
			return nil, err
		}
		all = append(all, held...)
	}
	return all, nil
}

// server serves one agent; an empty name means the owner.
func (o *serveOptions) server(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, instance, agent string, until context.Context) (*serve.Server, error) {
	sess, err := SessionOf(ctx, n, agent)
	if err != nil {
		return nil, err
	}
	sess.Instance, sess.Keep, sess.Until = instance, time.Duration(o.Keep), until
	view := &inspect.View{Repo: n, Agent: sess.Agent, Held: sess.Held, All: agent == ""}
	s := &serve.Server{Session: sess, Registry: n.Tools, Texts: n.Store.Bytes, Notef: f.IO.Notef, Tell: o.Tell, Reads: view,
		Usable: func(c caps.Chain) error { return n.Verifier.Verify(c, n.Self(), n.Now()) }}
	if slices.Contains(o.With, withInspect) {
		s.Own = view.Tools()
	}
	if slices.Contains(o.With, withTasks) {
		desk := &tasks.Desk{Repo: n, Agent: sess.Agent, Bounded: agent != "", Held: sess.Held, Reads: view, Until: until}
		if agent == "" {
			desk.Held = func(ctx context.Context) ([]caps.Chain, error) { return heldBySelf(ctx, n) }
		}
		own := desk.Tools(o.RFCNames)
		s.Own = append(slices.DeleteFunc(s.Own, func(t serve.Own) bool { return t.Name == serve.FetchName }), own...) // it fetches more
		s.Besides = desk.Close
	}
	err = s.Start(ctx)
	if errors.Is(err, serve.ErrNames) {
		return nil, clierr.New(clierr.Conflict, "%w", err).With("register one of them under another name, or give the agent one of them: mythos agent add --tools")
	}
	return s, err
}
