package mcptool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/internal/jsontext"
)

const (
	freshTime = 5 * time.Second // how long a list is valid; a change reported by the server ends that at once
	maxPages  = 1000
)

// catalogue is a server's last list of tools.
type catalogue struct {
	token chan struct{} // its holder lists the tools; the others wait for the list
	memo  definition.Memo

	mu      sync.Mutex
	tools   []definition.Tool
	listed  time.Time // when the listing began; zero: not yet, or outdated
	changes int       // number of changes that the server has reported
}

// changed makes the next caller ask again.
func (c *catalogue) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed = time.Time{}
	c.changes++
}

func (c *catalogue) fresh() ([]definition.Tool, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tools, !c.listed.IsZero() && time.Since(c.listed) < freshTime
}

// list returns the server's tools, at most freshTime old.
func (s *session) list(ctx context.Context, x *exchange) ([]definition.Tool, error) {
	c := &s.tools
	if tools, ok := c.fresh(); ok {
		return tools, nil
	}
	select {
	case c.token <- struct{}{}:
		defer func() { <-c.token }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if tools, ok := c.fresh(); ok { // somebody else has listed them meanwhile
		return tools, nil
	}
	c.mu.Lock()
	start, changes := time.Now(), c.changes
	c.mu.Unlock()
	tools, err := s.pages(ctx, x)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.changes == changes {
		c.tools, c.listed = tools, start
	}
	return tools, err
}

func (s *session) pages(ctx context.Context, x *exchange) ([]definition.Tool, error) {
	var tools []definition.Tool
	var cursor json.RawMessage
	for range maxPages {
		var own jsontext.Fields
		if cursor != nil {
			own = append(own, item("cursor", cursor))
		}
		a, err := s.link.ask(ctx, x, listTools, s.params(own))
		if err != nil {
			return nil, err
		}
		if a.err != nil {
			return nil, readError(a.err)
		}
		page, next, err := s.tools.readPage(a.result)
		if err != nil {
			return nil, err
		}
		tools = append(tools, page...)
		if cursor = next; cursor == nil {
			return tools, nil
		}
	}
	return nil, fmt.Errorf("the list of tools has more than %d pages", maxPages)
}

func (c *catalogue) readPage(result json.RawMessage) (tools []definition.Tool, next json.RawMessage, err error) {
	list, err := jsontext.FieldsOf(result)
	if err != nil {
		return nil, nil, err
	}
	raw, err := jsontext.ListOf(list.Get("tools"))
	if err != nil {
		return nil, nil, errors.New("there is no list of tools")
	}
	for _, one := range raw {
		d, err := c.memo.Read(one)
		if err != nil {
			return nil, nil, err
		}
		tools = append(tools, d)
	}
	if next = list.Get("nextCursor"); string(next) == `""` {
		next = nil
	}
	return tools, next, nil
}

// NoToolError means that a server has no tool of a name.
type NoToolError struct {
	Name string
	Has  []string // the tools' names
}

func (e *NoToolError) Error() string {
	if len(e.Has) == 0 {
		return fmt.Sprintf("the mcp server has no tool %q: it has none", e.Name)
	}
	return fmt.Sprintf("the mcp server has no tool %q: it has %s", e.Name, strings.Join(e.Has, ", "))
}

// Unwrap gives exec.ErrNoTool.
func (e *NoToolError) Unwrap() error { return exec.ErrNoTool }

// pick finds a tool in a list.
func pick(tools []definition.Tool, name string) (definition.Tool, error) {
	var found []definition.Tool
	var names []string
	for _, d := range tools {
		names = append(names, d.Name)
		if d.Name == name {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		slices.Sort(names)
		return definition.Tool{}, &NoToolError{name, names}
	case 1:
		return found[0], nil
	}
	return definition.Tool{}, fmt.Errorf("the mcp server lists %d tools named %q", len(found), name)
}

// define finds the definition of a call's tool, if it is pinned, and compares it with the registered one. Without a pin
// it returns the zero Definition.
func (s *session) define(ctx context.Context, call exec.Call, x *exchange) (definition.Tool, error) {
	want := call.Module.Definition
	if want == nil {
		return definition.Tool{}, nil
	}
	tools, err := s.list(ctx, x)
	if err != nil {
		return definition.Tool{}, fmt.Errorf("mcp server: its list of tools: %w", err)
	}
	d, err := pick(tools, call.Module.Tool)
	if err != nil {
		return d, err
	}
	if got := d.Hash(); got != *want {
		return d, &DriftError{Tool: call.Module.Tool, Want: *want, Got: got, Now: d.Text}
	}
	return d, nil
}
