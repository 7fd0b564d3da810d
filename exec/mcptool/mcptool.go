// Package mcptool runs tools of servers that speak the Model Context Protocol, through
// the official Go SDK (spec/tools.md#mcp).
//
// A server is either a program of this machine, spoken to over its standard input and
// output and started, pinned and confined like a process tool, or an endpoint of the
// streamable HTTP transport, with the headers, secrets and hosts of an http tool. Each
// call has a session of its own: nothing of one reaches another.
//
// The request is the JSON object of the tool's arguments; an empty one is {}. The
// response is the text, when the tool's content is one text; else the structured
// content, when that is all; else the JSON object {"content": [...],
// "structuredContent": ...}. The call's metadata carry mythos/idempotencyKey (as the
// Idempotency-Key of http tools) and mythos/fence.
//
// A result that says isError, and a JSON-RPC error, are status 500; a response beyond
// the limit 502 and the timeout 504. Nothing is ever sent twice.
package mcptool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/process"
)

// Runner runs mcp tools. It is safe for concurrent use.
type Runner struct {
	Process *process.Runner  // starts servers that are programs
	HTTP    *httptool.Runner // asks those that are endpoints
}

var (
	_ exec.Runner   = (*Runner)(nil)
	_ exec.Preparer = (*Runner)(nil)
)

// Prepare refuses a request that is no JSON object, a binary that changed, a
// confinement that cannot be had and a secret that is not there.
func (r *Runner) Prepare(_ context.Context, call exec.Call) error {
	if call.Module.Kind != exec.KindMCP {
		return fmt.Errorf("mcp runner: the tool is of kind %s", exec.KindName(call.Module.Kind))
	}
	if _, err := arguments(call.Request); err != nil {
		return err
	}
	if call.Module.URL == "" {
		return r.Process.Check(call)
	}
	_, _, err := r.HTTP.Client(call.Module)
	return err
}

func arguments(request []byte) (json.RawMessage, error) {
	text := bytes.TrimSpace(request)
	if len(text) == 0 {
		return json.RawMessage("{}"), nil
	}
	if text[0] != '{' || !json.Valid(text) {
		return nil, fmt.Errorf("%w: an mcp tool takes one JSON object", exec.ErrRequest)
	}
	return text, nil
}

// Run opens a session, calls the tool and ends the session.
func (r *Runner) Run(ctx context.Context, call exec.Call) (exec.Response, error) {
	if err := r.Prepare(ctx, call); err != nil {
		return exec.Response{}, err
	}
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	p, err := r.open(limited, call)
	if err != nil {
		return exec.Response{}, err
	}
	res, err := p.call(limited, call)
	stopped := limited.Err() != nil
	p.close(cancel)
	switch {
	case ctx.Err() != nil:
		return exec.Response{}, fmt.Errorf("%s was not waited for: %w", call.Name, ctx.Err())
	case p.bound.exceeded():
		return exec.Response{Status: exec.StatusResponseTooBig, Notes: fmt.Sprintf("response exceeds %d bytes", call.Limits.MaxResponse)}, nil
	case stopped:
		return exec.Response{Status: exec.StatusTimeout, Notes: p.stderr.Note("took too long")}, nil
	case err != nil:
		return exec.Response{}, p.hide(err)
	}
	return res, nil
}

// peer is a server that was reached.
type peer struct {
	transport mcp.Transport
	bound     *bound
	stderr    exec.Tail
	clean     func([]byte) []byte
	close     func(cancel context.CancelFunc) // ends the server; cancel kills it
}

var self = &mcp.Implementation{Name: "mythos", Version: version()}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

func (p *peer) call(ctx context.Context, call exec.Call) (exec.Response, error) {
	client := mcp.NewClient(self, &mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{}})
	session, err := client.Connect(ctx, p.transport, nil)
	if err != nil {
		return exec.Response{}, fmt.Errorf("mcp server: %w", err)
	}
	defer func() {
		if ctx.Err() != nil {
			go session.Close() // it waits for the answer that we no longer wait for
			return
		}
		session.Close()
	}()
	args, err := arguments(call.Request)
	if err != nil {
		return exec.Response{}, err
	}
	params := &mcp.CallToolParams{Name: call.Module.Tool, Arguments: args}
	if len(call.Key) > 0 {
		params.Meta = mcp.Meta{"mythos/idempotencyKey": httptool.HeaderKey(call.Key), "mythos/fence": call.Fence}
	}
	result, err := session.CallTool(ctx, params)
	var said *jsonrpc.Error
	if errors.As(err, &said) && ctx.Err() == nil {
		return exec.Response{Status: exec.StatusFailed, Notes: string(p.clean(fmt.Appendf(nil, "mcp error %d: %s", said.Code, said.Message)))}, nil
	}
	if err != nil {
		return exec.Response{}, fmt.Errorf("mcp tool %s: %w", call.Module.Tool, err)
	}
	return p.response(result, call.Limits.MaxResponse)
}

// metaUsed is the key in a result's _meta of what the tool used: "tokens=N gpu_ms=N".
const metaUsed = "mythos/used"

// response is what the tool answered.
func (p *peer) response(result *mcp.CallToolResult, limit int64) (exec.Response, error) {
	body, err := bodyOf(result)
	if err != nil {
		return exec.Response{}, fmt.Errorf("mcp result: %w", err)
	}
	body = p.clean(body)
	res := exec.Response{Status: exec.StatusOK, Body: body}
	if used, ok := result.Meta[metaUsed].(string); ok {
		res.Tokens, res.GPUms = exec.Reported([]byte("used " + used))
	}
	switch {
	case int64(len(body)) > limit:
		res.Body, res.Status, res.Notes = nil, exec.StatusResponseTooBig, fmt.Sprintf("response exceeds %d bytes", limit)
	case result.NeedsInput():
		res.Status, res.Notes = exec.StatusFailed, "the tool asks for input, which nobody here can give"
	case result.IsError:
		res.Status, res.Notes = exec.StatusFailed, p.stderr.Note("the tool reports an error")
	}
	return res, nil
}

func bodyOf(result *mcp.CallToolResult) ([]byte, error) {
	if len(result.Content) == 1 {
		if text, ok := result.Content[0].(*mcp.TextContent); ok {
			return []byte(text.Text), nil
		}
	}
	if len(result.Content) == 0 && result.StructuredContent != nil {
		return json.Marshal(result.StructuredContent)
	}
	content := result.Content
	if content == nil {
		content = []mcp.Content{}
	}
	return json.Marshal(struct {
		Content    []mcp.Content `json:"content"`
		Structured any           `json:"structuredContent,omitempty"`
	}{content, result.StructuredContent})
}

// errHidden stands for an error whose text would give a secret away.
var errHidden = errors.New("mcp: the error's text names a secret")

func (p *peer) hide(err error) error {
	if text := []byte(err.Error()); !bytes.Equal(p.clean(text), text) {
		return errHidden
	}
	return err
}
