package mcpcmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/mcp/pin"
	"github.com/mythos-project/mythos/internal/mcp/wrap"
	"github.com/mythos-project/mythos/internal/repo"
)

type wrapOptions struct {
	serverOptions
	Agent  string
	Strict bool
	Keep   cmdutil.Duration
}

func newWrap(f *cmdutil.Factory) *cobra.Command {
	o := &wrapOptions{}
	c := &cobra.Command{
		Use: "wrap NAME [--agent A] [-- CMD [ARG]... | --url URL]", Short: "Stand between an MCP client and a server: its calls go through the gate",
		Long: "For the configuration of an agent, in place of the server's own command. It speaks MCP on standard input and output, starts\n" +
			"or reaches the server that is registered as NAME, and passes everything on as it was written, but for calls of tools: each needs a\n" +
			"capability and leaves a receipt. A call that was cut off, and is asked again, happens once: under the client's key\n" +
			"(_meta \"mythos/idempotencyKey\" or \"claudecode/toolUseId\"), or else under the key of the equal call whose client went away\n" +
			"within the last 15 minutes. Two equal calls that are both waited for are two. Tools that are not registered, or that the\n" +
			"server describes otherwise, are left out of its list and refused.\n" +
			"With a command or --url, a server that is not registered yet is registered at its first start, unless --strict is given. A server at\n" +
			"a URL gives the client a session of its own; when it has forgotten that, the client is introduced to it again.",
		Example: "  mythos mcp wrap fs --agent scout",
		Args:    func(c *cobra.Command, args []string) error { return nameAndCommand(c, args) },
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			return runWrap(c.Context(), f, c, o, args[1:])
		},
	}
	flags := c.Flags()
	o.serverOptions.flags(flags)
	flags.StringVar(&o.Agent, "agent", "", "whose calls they are: a name of `mythos agent add`, under whose capabilities alone they are made; by default yours")
	flags.BoolVar(&o.Strict, "strict", false, "refuse a server that is not registered")
	flags.Var(&o.Keep, "keep", "how long a call whose client went away waits for an equal one; 15m by default")
	return c
}

func runWrap(ctx context.Context, f *cmdutil.Factory, c *cobra.Command, o *wrapOptions, argv []string) error {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a client that goes away does not end its calls
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	server := serverNamed(n, o.Name)
	module, err := o.known(ctx, f, c, n, server, argv)
	if err != nil {
		return err
	}
	instance, err := n.Tasks.NewInstance()
	if err != nil {
		return err
	}
	defer instance.Close()
	defer serveLocal(ctx, f, n)()
	s, err := SessionOf(ctx, n, o.Agent)
	if err != nil {
		return err
	}
	s.Instance, s.Keep = instance.ID, time.Duration(o.Keep)
	limits := exec.DefaultLimits()
	p := &wrap.Proxy{Session: s, Pins: server, Notef: f.IO.Notef,
		Connect: func(ctx context.Context, hear func([]byte), ended func()) (*mcptool.Conn, error) {
			return n.Toolbox.MCP.Connect(ctx, exec.Call{Name: o.Name, Module: module, Limits: limits}, hear, ended)
		}}
	err = p.Serve(ctx, f.IO.In, f.IO.Out)
	if errors.Is(err, exec.ErrPinned) {
		return clierr.New(clierr.Invalid, "%w", err).On(o.Name).With("if the new one is right: mythos tool approve " + o.Name)
	}
	return err
}

// known is how the server is started. One that is not registered yet is registered, where
// its command is given.
func (o *wrapOptions) known(ctx context.Context, f *cmdutil.Factory, c *cobra.Command, n *repo.Repo, s *pin.Server, argv []string) (exec.ModuleRef, error) {
	module, err := s.Module(ctx)
	if (len(argv) == 0 && o.URL == "") || (err != nil && !errors.Is(err, pin.ErrNoServer)) {
		if errors.Is(err, pin.ErrNoServer) {
			return module, clierr.New(clierr.NotFound, "%w", err).On(o.Name).With("register it: mythos mcp add " + o.Name + " -- CMD")
		}
		return module, err
	}
	asked, merr := o.module(f, c, argv)
	if merr != nil {
		return asked, merr
	}
	if err == nil {
		return module, pin.Same(o.Name, module, asked)
	}
	if o.Strict {
		return asked, clierr.New(clierr.Refused, "%w, and --strict is given", err).On(o.Name).With("a person registers it: mythos mcp add " + o.Name + " -- CMD")
	}
	out := f.IO.Out
	f.IO.Out = f.IO.Err // standard output is the client's
	defer func() { f.IO.Out = out }()
	return asked, register(ctx, f, n, o.Name, asked, false, exec.Policy{}, 0)
}
