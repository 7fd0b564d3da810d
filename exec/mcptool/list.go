package mcptool

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec"
)

// List asks a call's server for its tools, within the call's timeout. The call's own tool
// is not looked at.
func (r *Runner) List(ctx context.Context, call exec.Call) ([]Definition, error) {
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	call.Request, call.Module.Definition = nil, nil
	if err := r.Prepare(ctx, call); err != nil {
		return nil, err
	}
	x, err := r.exchange(ctx, call, &exec.Tail{})
	if err != nil {
		return nil, err
	}
	l, _, err := r.acquire(limited, call, x)
	if err != nil {
		return nil, err
	}
	tools, err := l.list(limited, x)
	r.note(l)
	r.release(call, l, err != nil)
	if err != nil {
		return nil, fmt.Errorf("mcp server: its list of tools: %w", err)
	}
	return tools, nil
}

// Pick finds a tool by its name at the server. The error is a *NoToolError when it is not there.
func Pick(tools []Definition, name string) (Definition, error) { return pick(tools, name) }
