package mcpcmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/mcp/bridge"
	"github.com/mythos-project/mythos/internal/mcp/pin"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/internal/mcp/wrap"
	"github.com/mythos-project/mythos/internal/repo"
)

type wrapOptions struct {
	serverOptions
	Agent  string
	Listen string
	Strict bool
	Keep   cmdutil.Duration
}

func newWrap(f *cmdutil.Factory) *cobra.Command {
	o := &wrapOptions{}
	c := &cobra.Command{
		Use: "wrap NAME [--agent A] [--listen ADDR] [-- CMD [ARG]... | --url URL]", Short: "Stand between an MCP client and a server, so that calls go through the gate",
		Long: "For an agent's configuration, in place of the server's own command. It speaks MCP on standard input and output,\n" +
			"starts or reaches the server registered as NAME, and passes everything on unchanged, except tool calls: each\n" +
			"needs a capability and leaves a receipt. A call that was cut off and is repeated happens once: under the\n" +
			"client's key (_meta \"mythos/idempotencyKey\" or \"claudecode/toolUseId\"), or else under the key of an equal call\n" +
			"whose client went away within the last 15 minutes. Two equal calls that are both waited for are two. Tools that\n" +
			"are not registered, or that the server now describes differently, are left out of its list and refused. With a\n" +
			"command or --url, the first start registers a server that is not registered yet, unless --strict is given. A\n" +
			"server at a URL gives the client its own session; if the server forgets the session, the client is introduced\n" +
			"again. With --listen, it speaks the streamable HTTP transport on a loopback address. It serves any agent whose bearer token a request has (mythos agent token); with --agent, that agent alone. Each session has its own\n" +
			"server.",
		Example: "  mythos mcp wrap fs --agent scout\n  mythos mcp wrap fs --listen 127.0.0.1:7482",
		Args:    func(c *cobra.Command, args []string) error { return nameAndCommand(c, args) },
		RunE: func(c *cobra.Command, args []string) error {
			o.Name = args[0]
			return runWrap(c.Context(), f, c, o, args[1:])
		},
	}
	flags := c.Flags()
	o.serverOptions.flags(flags)
	flags.StringVar(&o.Agent, "agent", "", "make the calls as this agent, a name from mythos agent add, under its capabilities alone; by default as you")
	flags.StringVar(&o.Listen, "listen", "", "a loopback address and port for HTTP; port 0 picks a free one")
	flags.BoolVar(&o.Strict, "strict", false, "refuse a server that is not registered")
	flags.Var(&o.Keep, "keep", "how long a call waits for an equal one after its client went away; 15m by default")
	return c
}

func runWrap(ctx context.Context, f *cmdutil.Factory, c *cobra.Command, o *wrapOptions, argv []string) error {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a client that disconnects does not end its calls
	n, err := f.Repo(ctx)
	if err != nil {
		return err
	}
	server := serverNamed(n, o.Name)
	module, err := o.known(ctx, f, c, n, server, argv)
	if err != nil {
		return err
	}
	instance, err := n.Tasks.NewInstance(engine.Member{Kind: "mcp"})
	if err != nil {
		return err
	}
	defer instance.Close()
	defer serveLocal(ctx, f, n)()
	wrapping := &wrapping{f: f, n: n, o: o, server: server, module: module, instance: instance.ID, sessions: map[string]*session.Session{}}
	if o.Listen != "" {
		return wrapping.http(ctx)
	}
	s, err := wrapping.session(ctx, o.Agent)
	if err != nil {
		return err
	}
	return errors.Join(wrapping.failed(wrapping.proxy(s).Serve(ctx, f.IO.In, f.IO.Out)), s.Close())
}

// wrapping is shared by the clients of one process.
type wrapping struct {
	f        *cmdutil.Factory
	n        *repo.Repo
	o        *wrapOptions
	server   *pin.Server
	module   exec.ModuleRef
	instance string

	mu       sync.Mutex
	sessions map[string]*session.Session // by agent: a session distinguishes equal calls
}

// session is the agent's.
func (w *wrapping) session(ctx context.Context, agent string) (*session.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.sessions[agent]; s != nil {
		return s, nil
	}
	s, err := SessionOf(ctx, w.n, agent)
	if err != nil {
		return nil, err
	}
	s.Instance, s.Keep = w.instance, time.Duration(w.o.Keep)
	w.sessions[agent] = s
	return s, nil
}

// proxy stands between one client and its own server.
func (w *wrapping) proxy(s *session.Session) *wrap.Proxy {
	call := exec.Call{Name: w.o.Name, Module: w.module, Limits: exec.DefaultLimits()}
	return &wrap.Proxy{Session: s, Pins: w.server, Notef: w.f.IO.Notef,
		Connect: func(ctx context.Context, hear func([]byte), ended func()) (*mcptool.Conn, error) {
			return w.n.Toolbox.MCP.Connect(ctx, call, hear, ended)
		}}
}

func (w *wrapping) failed(err error) error {
	if errors.Is(err, exec.ErrPinned) {
		return clierr.New(clierr.Invalid, "%w", err).On(w.o.Name).With("if the new description is right: mythos tool approve " + w.o.Name)
	}
	return err
}

// http serves the agents with a token until ctx ends.
func (w *wrapping) http(ctx context.Context) error {
	l, whose, err := listening(ctx, w.n, w.o.Listen, w.o.Agent)
	if err != nil {
		return err
	}
	until, stop := context.WithCancel(ctx)
	defer stop()
	b := &bridge.Bridge{Notef: w.f.IO.Notef, Until: until,
		Params: func(ctx context.Context, tool string, arguments []byte, add func(header, text string)) {
			if d, err := w.server.Described(ctx, tool); err == nil { // an unregistered tool is refused later
				d.Params(arguments, add)
			}
		},
		Agent: func(ctx context.Context, token string) (string, error) {
			t, err := whose(ctx, token)
			if errors.Is(err, agents.ErrToken) {
				err = bridge.ErrToken
			}
			return t.Agent, err
		},
		Open: func(ctx context.Context, agent string) (bridge.Speaker, error) {
			s, err := w.session(ctx, agent)
			if err != nil {
				return nil, err
			}
			return w.proxy(s), nil
		}}
	err = serveHTTP(ctx, w.f, l, b.Handler())
	stop()
	b.Close()
	for _, s := range w.sessions {
		err = errors.Join(err, s.Close())
	}
	return err
}

// known is how to start the server. An unregistered server is registered if its command is given.
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
	f.IO.Out = f.IO.Err // standard output belongs to the client
	defer func() { f.IO.Out = out }()
	return asked, register(ctx, f, n, o.Name, asked, &addOptions{})
}
