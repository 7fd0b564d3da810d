// Package mcptool runs tools of servers that speak the Model Context Protocol (spec/tools.md#mcp), in the version
// 2026-07-28 or an older one.
//
// A server is either a program of this machine, used over its standard input and output and started, pinned and
// confined like a process tool, or an endpoint of the streamable HTTP transport, with the headers, secrets and hosts of
// an http tool. A started server and the agreed version are kept for further calls until the Runner is closed. A server
// that did not answer a call in time, or answered too much, is not used again.
//
// The request is the JSON object of the tool's arguments; an empty one is {}. The response has bytes from the server:
// the text, if the result is a single text; the structured content, if the result is nothing else; in all other cases
// the whole result. The call's metadata carry mythos/idempotencyKey (as the Idempotency-Key of http tools) and
// mythos/fence.
//
// A result that says isError, and a JSON-RPC error, are status 500; a response beyond the limit 502 and the timeout
// 504. Nothing is sent twice. A failure before the call was written is an error that wraps exec.ErrNotStarted.
package mcptool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool/streamable"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// Runner runs mcp tools. It is safe for concurrent use. Close it after use.
type Runner struct {
	Process *process.Runner  // starts servers that are programs
	HTTP    *httptool.Runner // asks servers that are endpoints
	// Debugf receives information about a server's odd behaviour; it may be nil.
	Debugf func(format string, args ...any)
	// Definitions finds the text of a pinned definition, to show what changed; it may be nil.
	Definitions func(ctx context.Context, h object.Hash) ([]byte, error)

	mu      sync.Mutex
	pool    map[string]*slot
	closed  bool
	closing sync.WaitGroup
}

var (
	_ exec.Runner   = (*Runner)(nil)
	_ exec.Preparer = (*Runner)(nil)
)

// Prepare refuses a request that is not a JSON object, a binary that changed, a confinement that is not possible and a
// missing secret.
func (r *Runner) Prepare(ctx context.Context, call exec.Call) error {
	if call.Module.Kind != exec.KindMCP {
		return fmt.Errorf("mcp runner: the tool is of kind %s", exec.KindName(call.Module.Kind))
	}
	if _, err := arguments(call.Request); err != nil {
		return err
	}
	if via, ok := call.Local.(*Through); ok {
		return via.prepare(ctx, call)
	}
	if call.Module.URL == "" {
		return r.Process.Check(call)
	}
	_, err := r.HTTP.Client(call)
	return err
}

// arguments is the request as it is sent: on one line, otherwise unchanged.
func arguments(request []byte) (json.RawMessage, error) {
	text := bytes.TrimSpace(request)
	if len(text) == 0 {
		return json.RawMessage("{}"), nil
	}
	if text[0] != '{' || !json.Valid(text) {
		return nil, fmt.Errorf("%w: an mcp tool takes one JSON object", exec.ErrRequest)
	}
	if err := jsontext.Check(text); err != nil { // servers interpret such JSON differently
		return nil, fmt.Errorf("%w: the arguments of an mcp tool: %w", exec.ErrRequest, err)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return nil, fmt.Errorf("%w: %w", exec.ErrRequest, err)
	}
	return line.Bytes(), nil
}

// overhead is room for the rest of a message besides the response. Text in JSON takes up to six times its length.
const (
	overhead   = 1 << 20
	jsonFactor = 6
)

func (r *Runner) exchange(ctx context.Context, call exec.Call, tail *output.Tail) (*exchange, error) {
	x := &exchange{limit: jsonFactor*call.Limits.MaxResponse + overhead, stderr: output.Also(tail, call.Stderr)}
	_, x.whole = call.Local.(Whole)
	x.via, _ = call.Local.(*Through)
	if call.Module.URL == "" {
		x.hide = r.Process.Hiding(call.Module)
		return x, nil
	}
	client, err := r.HTTP.Client(call)
	x.web = &webExchange{client: client}
	return x, err
}

// Run calls the tool at its server. It starts or connects to the server unless an earlier call did.
func (r *Runner) Run(ctx context.Context, call exec.Call) (exec.Response, error) {
	if via, ok := call.Local.(*Through); ok { // it was prepared, and its server runs
		if err := via.check(call); err != nil {
			return exec.Response{}, exec.NotStarted(err)
		}
	} else if err := r.Prepare(ctx, call); err != nil {
		return exec.Response{}, exec.NotStarted(err)
	}
	limited, cancel := context.WithTimeout(ctx, call.Limits.Timeout)
	defer cancel()
	tail := &output.Tail{Limit: int(call.Limits.MaxStderr)}
	x, err := r.exchange(ctx, call, tail)
	if err != nil {
		return exec.Response{}, exec.NotStarted(err)
	}
	a, err := r.attempt(limited, call, x)
	var tooLong *streamable.TooLongError
	var status *streamable.StatusError
	switch {
	case err == nil:
		return x.clean(a.response(call, tail, x)), nil
	case errors.Is(err, exec.ErrNotStarted):
		return exec.Response{}, err
	case ctx.Err() != nil:
		return exec.Response{}, fmt.Errorf("%s was not waited for: %w", call.Name, ctx.Err())
	case errors.As(err, &tooLong):
		return exec.Response{Status: exec.StatusResponseTooBig, Notes: fmt.Sprintf("response exceeds %d bytes", call.Limits.MaxResponse)}, nil
	case limited.Err() != nil:
		return x.clean(exec.Response{Status: exec.StatusTimeout, Notes: tail.Note("took too long")}), nil
	case errors.As(err, &status) && status.Status >= 400 && status.Status < 500:
		return x.clean(bounded(exec.Response{Status: exec.StatusFailed, Body: status.Body, Notes: "HTTP " + status.Text}, call)), nil
	}
	return exec.Response{}, fmt.Errorf("mcp tool %s: %w", call.Module.Tool, err)
}

// attempt finds the server and calls the tool. If a kept server has ended before anything was sent to it, it is started
// again.
func (r *Runner) attempt(ctx context.Context, call exec.Call, x *exchange) (answer, error) {
	if x.via != nil {
		return x.via.attempt(ctx, call, x)
	}
	for {
		l, fresh, err := r.acquire(ctx, call, x)
		if err != nil {
			return answer{}, exec.NotStarted(err)
		}
		d, err := l.define(ctx, call, x)
		r.explain(ctx, err)
		sent := err == nil
		var a answer
		if sent {
			a, sent, err = l.held(ctx, call, x, d)
		}
		r.note(l)
		gone := l.link.down() || errors.Is(err, streamable.ErrSession)
		r.release(call, l, err != nil && (sent || !errors.Is(err, exec.ErrPinned) && !errors.Is(err, exec.ErrNoTool)))
		if err == nil || sent {
			return a, err
		}
		if fresh || !gone || ctx.Err() != nil {
			return answer{}, exec.NotStarted(err)
		}
	}
}

// held is call while the server holds the lock of the attempt. sent reports that bytes of the call may have been sent:
// then, without an answer, the server keeps the lock until it ends.
func (s *session) held(ctx context.Context, call exec.Call, x *exchange, d definition.Tool) (a answer, sent bool, err error) {
	drop, err := s.link.hold(call.Alive)
	if err != nil {
		return a, false, err
	}
	a, err = s.call(ctx, call, x, d)
	var unsent *unsentError
	sent = err == nil || !(errors.As(err, &unsent) || errors.Is(err, streamable.ErrSession))
	if err == nil || !sent {
		drop()
	}
	if err == nil {
		err = s.link.changed()
	}
	return a, sent, err
}

// call sends the tools/call.
func (s *session) call(ctx context.Context, call exec.Call, x *exchange, d definition.Tool) (answer, error) {
	args, err := arguments(call.Request)
	if err != nil {
		return answer{}, &unsentError{err}
	}
	own := jsontext.Fields{item("name", jsontext.Text(call.Module.Tool)), item("arguments", args)}
	var about jsontext.Fields
	if len(call.Key) > 0 {
		about = append(about, item("mythos/idempotencyKey", jsontext.Text(httptool.HeaderKey(call.Key))),
			item("mythos/fence", strconv.AppendUint(nil, call.Fence, 10)))
	}
	if x.web != nil {
		x.web.headers = http.Header{}
		d.Params(args, func(header, text string) { x.web.headers.Set(header, streamable.HeaderText(text)) })
		defer func() { x.web.headers = nil }()
	}
	call.Started() // not earlier: a server may have had to be started first
	if x.via != nil {
		return s.link.ask(ctx, x, callTool, x.via.params(args, about))
	}
	return s.link.ask(ctx, x, callTool, params(s.version, own, about...))
}

// note reports a server that writes something other than messages to its standard output.
func (r *Runner) note(l *lease) {
	p, ok := l.link.(*program)
	if !ok || r.Debugf == nil {
		return
	}
	if n, first := p.noise(); n > 0 {
		r.Debugf("mcp server %s wrote %d lines to standard output that are not messages; they begin with: %s", p.path, n, first)
	}
}

// clean removes secrets from stored data: from an endpoint's answer, and from a program's output beside its response.
func (x *exchange) clean(res exec.Response) exec.Response {
	if x.web == nil {
		res.Notes = x.hide(res.Notes)
		return res
	}
	clean := x.web.client.Clean(res.Body)
	if !bytes.Equal(clean, res.Body) {
		res.Body, res.Notes = clean, res.Notes+" (a secret was taken out of the response)"
	}
	res.Notes = string(x.web.client.Clean([]byte(res.Notes)))
	return res
}
