package toolbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/internal/mcp/pin"
)

// listTime is how long a server may take to list its tools, if no timeout is given.
const listTime = time.Minute

// ServerError means that an mcp server did not list its tools.
type ServerError struct{ Err error }

func (e *ServerError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ServerError) Unwrap() error { return e.Err }

// ListMCP asks the server of a registration for its tools. If the server is a program, it is started. An error is a
// *ServerError.
func (to *Toolbox) ListMCP(ctx context.Context, m exec.ModuleRef, timeout time.Duration) ([]definition.Tool, error) {
	tools, err := to.MCP.List(ctx, listing(m, timeout))
	if err != nil {
		return nil, &ServerError{err}
	}
	return tools, nil
}

// ListServer asks a server, which it starts only for that, for the tools that it offers to a client with all abilities.
// name is the local name of the server.
func (to *Toolbox) ListServer(ctx context.Context, name string, m exec.ModuleRef, timeout time.Duration) ([]definition.Tool, error) {
	m.Tool = name // it is not called
	return to.MCP.ListAll(ctx, listing(m, timeout))
}

func listing(m exec.ModuleRef, timeout time.Duration) exec.Call {
	limits := exec.DefaultLimits()
	limits.Timeout = cmp.Or(timeout, listTime)
	return exec.Call{Name: m.Tool, Module: m, Limits: limits}
}

// ServerModule says how an MCP server is started or reached; it names no tool.
func ServerModule(s ToolSpec, notes *[]string) (exec.ModuleRef, error) {
	m, err := mcpModule(s, notes)
	if s.Timeout > 0 {
		m.Limits = &exec.ModuleLimits{TimeoutUs: uint64(s.Timeout.Microseconds())}
	}
	m.Tool = ""
	return m, err
}

// define pins what an MCP server says about a tool, and stores the text. Nothing is pinned for a server that does not
// list its tools.
func (to *Toolbox) define(ctx context.Context, m *exec.ModuleRef, timeout time.Duration) error {
	if err := m.Check(); err != nil {
		return err
	}
	tools, err := to.ListMCP(ctx, *m, timeout)
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
	return to.pinned(ctx, m, d)
}

// ServerTools returns registrations of every tool of an MCP server: one ToolSpec each, ordered by name, named by
// pin.ToolName. Two tools with the same resulting name are an error.
func (to *Toolbox) ServerTools(ctx context.Context, s ToolSpec) ([]ToolSpec, error) {
	s.MCPTool = s.Name
	var notes []string // of the registrations, which repeat them
	m, err := mcpModule(s, &notes)
	if err == nil {
		err = m.Check()
	}
	if err != nil {
		return nil, err
	}
	tools, err := to.ListMCP(ctx, m, s.Timeout)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(tools, func(a, b definition.Tool) int { return strings.Compare(a.Name, b.Name) })
	var specs []ToolSpec
	from := make(map[string]string)
	for _, d := range tools {
		one := s
		one.Name, one.MCPTool = pin.ToolName(s.Name, d.Name), d.Name
		if other, taken := from[one.Name]; taken {
			return nil, fmt.Errorf("tools %q and %q of the server would both be %s here: register them one by one with --mcp-tool", other, d.Name, one.Name)
		}
		from[one.Name] = d.Name
		specs = append(specs, one)
	}
	if len(specs) == 0 {
		return nil, &mcptool.NoToolError{Name: s.Name}
	}
	return specs, nil
}
