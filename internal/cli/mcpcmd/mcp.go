// Package mcpcmd has the commands that stand between agents and MCP servers.
package mcpcmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/internal/cli/cmdutil"
	"github.com/mythos-project/mythos/internal/mcp/pin"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/store/socket"
)

// New is `mythos mcp`.
func New(f *cmdutil.Factory) *cobra.Command {
	return f.Returns(cmdutil.Noun("mcp", "Agents and their MCP servers: every call through the gate", newAdd(f), newWrap(f), newServe(f), newConfig(f)), results)
}

// serverNamed returns the registered state of a server.
func serverNamed(n *repo.Repo, name string) *pin.Server {
	return &pin.Server{Name: name, Tools: n.Tools, Texts: n.Store}
}

// SessionOf lets the calls of an agent through the gate; an empty name means the owner.
func SessionOf(ctx context.Context, n *repo.Repo, agent string) (*session.Session, error) {
	s := &session.Session{Gate: n.Gate, KV: n.DB, Agent: n.Self().Hint, Alive: n.Tasks.InstanceAlive, Entry: n.Ledger.ReceiptSeq, ApprovalWait: n.Config.ApprovalWait,
		Held: func(ctx context.Context) ([]caps.Chain, error) { return n.Auth.Held(ctx, scope.KindToolCall) }}
	if agent == "" {
		return s, nil
	}
	a, err := agents.Named(ctx, n, agent)
	if err != nil {
		return nil, clierr.New(clierr.NotFound, "%w", err).On(agent).With("mythos agent add " + agent + " --tools GLOB")
	}
	s.Agent, s.Bounded = agent, true
	s.Held = func(ctx context.Context) ([]caps.Chain, error) { return a.Held(ctx, n) }
	return s, nil
}

// listed asks a server for its tools.
func listed(ctx context.Context, n *repo.Repo, name string, m exec.ModuleRef, timeout time.Duration) ([]definition.Tool, error) {
	tools, err := n.Toolbox.ListServer(ctx, name, m, timeout)
	switch {
	case errors.Is(err, exec.ErrPinned):
		return nil, clierr.New(clierr.Invalid, "%w", err).On(name).With("if the new description is right: mythos tool approve " + name)
	case err != nil:
		hint := "start it by hand to see what it prints; a confined server reads only the system's folders and what --read, --write and --runtime name"
		if m.URL != "" {
			hint = "check that an MCP server answers at that URL, and that its headers name the right secrets"
		}
		return nil, clierr.New(clierr.Tool, "server %s: %w", name, err).On(name).With(hint)
	}
	return tools, nil
}

// serveLocal serves this repository to other commands, as soon as no other process does, until stop. It says where the
// calls of agents are recorded, if somebody could expect another place.
func serveLocal(ctx context.Context, f *cmdutil.Factory, n *repo.Repo) (stop func()) {
	if n.Config.At != "" {
		f.IO.Notef("the calls of agents are recorded here, and not at %s", n.Config.At)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			s, err := n.ServeLocal()
			if err == nil {
				<-ctx.Done()
				if err := s.Close(); err != nil {
					f.IO.Notef("local socket: %v", err)
				}
				return
			}
			if !errors.Is(err, socket.ErrServed) {
				f.IO.Notef("commands cannot reach this repository through this process: %v", err)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(takeOver):
			}
		}
	}()
	return func() { cancel(); <-done }
}

const takeOver = time.Second // interval between checks whether another server has ended
