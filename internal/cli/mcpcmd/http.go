package mcpcmd

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/mcp/serve"
	"github.com/mythos-project/mythos/internal/repo"
)

// agentServers are the servers of the agents that have called so far.
type agentServers struct {
	start func(agent string) (*serve.Server, error)

	mu      sync.Mutex
	servers map[string]*serve.Server
}

func (a *agentServers) of(_ context.Context, agent string) (*serve.Server, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.servers[agent]; s != nil {
		return s, nil
	}
	s, err := a.start(agent)
	if err == nil {
		a.servers[agent] = s
	}
	return s, err
}

func (a *agentServers) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for _, s := range a.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

const (
	headerTime = 10 * time.Second
	bodyTime   = 30 * time.Second
	idleTime   = 2 * time.Minute // between two requests of a connection
	maxHeader  = 64 << 10        // bytes
)

// http serves the agents with a token until ctx ends.
func (o *serveOptions) http(ctx context.Context, f *cmdutil.Factory, n *repo.Repo, instance string, until context.Context) error {
	l, whose, err := listening(ctx, n, o.Listen, o.Agent)
	if err != nil {
		return err
	}
	all := &agentServers{servers: map[string]*serve.Server{}, start: func(agent string) (*serve.Server, error) {
		s, err := o.server(ctx, f, n, instance, agent, until)
		if err == nil {
			go s.Watch(ctx)
		}
		return s, err
	}}
	front := &serve.Front{Server: all.of, Notef: f.IO.Notef, Until: ctx, Agent: func(ctx context.Context, token string) (string, time.Time, error) {
		t, err := whose(ctx, token)
		if errors.Is(err, agents.ErrToken) {
			err = serve.ErrToken
		}
		return t.Agent, t.Until.Std(), err
	}}
	return errors.Join(serveHTTP(ctx, f, l, front.Handler()), all.close())
}

// listening listens at a loopback address for the agents with a token, or for one of them only.
func listening(ctx context.Context, n *repo.Repo, address, agent string) (net.Listener, func(context.Context, string) (agents.Token, error), error) {
	if agent != "" {
		if _, err := SessionOf(ctx, n, agent); err != nil {
			return nil, nil, err
		}
	}
	l, err := listenHere(address)
	return l, func(ctx context.Context, token string) (agents.Token, error) {
		t, err := agents.ByToken(ctx, n, token)
		if err == nil && agent != "" && t.Agent != agent {
			err = agents.ErrToken
		}
		return t, err
	}, err
}

// serveHTTP serves until ctx ends, and lets running requests end.
func serveHTTP(ctx context.Context, f *cmdutil.Factory, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: inTime(h, bodyTime), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		limited, cancel := context.WithTimeout(context.Background(), graceTime)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(limited), server.Close())
	})()
	f.IO.Notef("agents with a token are served on http://%s", l.Addr())
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		if err = <-stopped; errors.Is(err, context.DeadlineExceeded) {
			err = nil // running calls continue if they can
		}
	}
	return err
}

// listenHere listens at a loopback address, because tokens are not secret on a network without TLS.
func listenHere(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, clierr.Usagef("--listen %s: expected an address and a port, such as 127.0.0.1:7481", address)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, clierr.New(clierr.Usage, "--listen %s: only addresses of this machine are allowed", address).
			With("listen on 127.0.0.1, and let a proxy with TLS forward requests to it")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, clierr.New(clierr.Failed, "listen: %w", err).With("choose another address with --listen")
	}
	return l, nil
}
