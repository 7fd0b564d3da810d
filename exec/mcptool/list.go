package mcptool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/exec/output"
)

// ErrNoList means that a server has started but does not list its tools.
var ErrNoList = errors.New("the mcp server does not list its tools")

// listTime is how long a started server may take to list its tools.
const listTime = 5 * time.Second

// List asks a call's server for its tools, within the call's timeout. It ignores the call's own tool. The error wraps
// ErrNoList if the server has started but does not know the request or does not answer it.
func (r *Runner) List(ctx context.Context, call exec.Call) ([]definition.Tool, error) {
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	x, err := r.listing(ctx, &call)
	if err != nil {
		return nil, err
	}
	l, _, err := r.acquire(limited, call, x)
	if err != nil {
		return nil, err
	}
	short, cancel := context.WithTimeout(limited, listTime)
	defer cancel()
	tools, err := l.list(short, x)
	r.note(l)
	r.release(call, l, err != nil)
	var refused *rpcError
	switch {
	case err == nil:
		return tools, nil
	case errors.As(err, &refused) && refused.code == codeNoMethod:
		return nil, fmt.Errorf("%w: %w", ErrNoList, err)
	case limited.Err() == nil && short.Err() != nil:
		return nil, fmt.Errorf("%w: it does not answer within %v", ErrNoList, listTime)
	}
	return nil, fmt.Errorf("mcp server: its list of tools: %w", err)
}

// listing prepares a call that only asks the server for its tools.
func (r *Runner) listing(ctx context.Context, call *exec.Call) (*exchange, error) {
	call.Request, call.Module.Definition = nil, nil
	if err := r.Prepare(ctx, *call); err != nil {
		return nil, err
	}
	return r.exchange(ctx, *call, &output.Tail{})
}

// ListAll starts a call's server only to ask for the tools that it offers to a client with every capability. Errors are
// those of List.
func (r *Runner) ListAll(ctx context.Context, call exec.Call) ([]definition.Tool, error) {
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	x, err := r.listing(ctx, &call)
	if err != nil {
		return nil, err
	}
	x.everything = true
	initial := false
	s, err := r.open(limited, call, x, &initial)
	if err != nil {
		return nil, err
	}
	defer s.link.close(false)
	if s.version == modern {
		about := modernMeta([]byte(everything))
		s.about.Store(&about)
	}
	tools, err := s.list(limited, x)
	if err != nil {
		return nil, fmt.Errorf("mcp server: its list of tools: %w", err)
	}
	return tools, nil
}

// Pick finds a tool by its name at the server. The error is a *NoToolError if there is none.
func Pick(tools []definition.Tool, name string) (definition.Tool, error) { return pick(tools, name) }
