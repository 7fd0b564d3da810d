package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
)

// listTime is how long a server may take to list its tools, where no timeout is given.
const listTime = time.Minute

// ServerError means that an mcp server did not list its tools.
type ServerError struct{ Err error }

func (e *ServerError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *ServerError) Unwrap() error { return e.Err }

// ListMCP asks the server of a registration for its tools. It starts a server that is a
// program. An error is a *ServerError.
func (n *Node) ListMCP(ctx context.Context, m exec.ModuleRef, timeout time.Duration) ([]mcptool.Definition, error) {
	limits := exec.DefaultLimits()
	limits.Timeout = cmp.Or(timeout, listTime)
	tools, err := n.mcp.List(ctx, exec.Call{Name: m.Tool, Module: m, Limits: limits})
	if err != nil {
		return nil, &ServerError{err}
	}
	return tools, nil
}

// define pins what an mcp server says of a tool, and keeps the text of it. Of a server that
// does not list its tools nothing is pinned.
func (n *Node) define(ctx context.Context, m *exec.ModuleRef, timeout time.Duration) error {
	if err := m.Check(); err != nil {
		return err
	}
	tools, err := n.ListMCP(ctx, *m, timeout)
	if errors.Is(err, mcptool.ErrNoList) {
		return nil // there is nothing to hold the server to
	}
	if err != nil {
		return err
	}
	d, err := mcptool.Pick(tools, m.Tool)
	if err != nil {
		return err
	}
	h, err := n.Store.PutBytes(ctx, d.Text)
	if err != nil {
		return fmt.Errorf("keep the definition: %w", err)
	}
	m.Definition = &h
	return nil
}
