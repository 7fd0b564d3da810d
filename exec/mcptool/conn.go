package mcptool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/definition"
	"github.com/mythos-project/mythos/exec/mcptool/streamable"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// Conn is a server that serves a single client. Messages of client and server pass through unchanged. Calls that a gate
// admits, and the requests needed for them, are inserted ([Through]). It is safe for concurrent use.
type Conn struct {
	runner *Runner
	server exec.Call // without a tool
	key    string    // of the server
	p      peer
	s      *session
	hear   func(line []byte) // a message of the server to the client
	ended  func()
	// Greet repeats the client's opening messages if the server has forgotten its session. Set it before anything is
	// sent.
	Greet func(ctx context.Context) error
	hung  atomic.Int32 // number of calls in a row that timed out
}

const (
	ownID   = "mythos/" // prefix of the ids of our own requests on a client's connection
	maxLine = 64 << 20  // bytes of a message that passes through
	maxHung = 3         // timeouts in a row after which the server is ended
)

// OwnID reports whether the id of a request is one that a Conn uses for its own requests.
func OwnID(id json.RawMessage) bool {
	text, ok := textOf(id)
	return ok && strings.HasPrefix(text, ownID)
}

// Connect starts the server of a call for one client. hear receives each line for the client, one at a time; ended is
// called once, when no more lines will come.
func (r *Runner) Connect(ctx context.Context, call exec.Call, hear func(line []byte), ended func()) (*Conn, error) {
	call.Request, call.Module.Definition = nil, nil
	key, err := keyOf(call.Module)
	if err != nil {
		return nil, err
	}
	c := &Conn{runner: r, server: call, key: key, hear: hear, ended: ended, s: &session{tools: catalogue{token: make(chan struct{}, 1)}}}
	if call.Module.URL == "" {
		r.Process.Soon()
	}
	if err := c.ready(call); err != nil {
		return nil, err
	}
	if call.Module.URL != "" {
		c.p = newPassing(c)
	} else {
		p, err := r.startProgram(call, c.s.tools.changed, c)
		if err != nil {
			return nil, err
		}
		c.p = p
	}
	c.s.link = c.p
	return c, ctx.Err()
}

// ready refuses a server that cannot be started as registered, and a missing secret.
func (c *Conn) ready(call exec.Call) error {
	if call.Module.URL == "" {
		return c.runner.Process.Check(call)
	}
	_, err := c.runner.HTTP.Client(call)
	return err
}

// exchange is the exchange of a message that is not a call.
func (c *Conn) exchange() (*exchange, error) {
	x := &exchange{limit: maxLine}
	if c.server.Module.URL == "" {
		return x, nil
	}
	client, err := c.runner.HTTP.Client(c.server)
	x.web = &webExchange{client: client}
	return x, err
}

// receive passes the client its messages, and returns the answers to our own requests.
func (c *Conn) receive(line []byte, list []message) (own []message) {
	line = bytes.TrimPrefix(line, byteOrderMark)
	mine := 0
	for i := range list {
		m := &list[i]
		if m.method == listChanged {
			c.s.tools.changed()
		}
		if text, ok := textOf(m.id); ok && m.method == "" && strings.HasPrefix(text, ownID) {
			m.id = json.RawMessage(strings.TrimPrefix(text, ownID))
			own = append(own, *m)
			mine++
		}
	}
	if mine == 0 {
		c.hear(line)
		return nil
	}
	if mine == len(list) {
		return own
	}
	var batch []json.RawMessage // it is a batch: parse has read it
	_ = json.Unmarshal(bytes.TrimSpace(line), &batch)
	for _, raw := range batch {
		if one, ok := parseOne(raw); !ok || one.method != "" || !OwnID(one.id) {
			c.hear(raw)
		}
	}
	return own
}

func (c *Conn) gone() { c.ended() }

// Send sends a message of the client, one line, unchanged. If the request fails later, its answer is an error.
func (c *Conn) Send(ctx context.Context, line []byte) error { return c.p.send(ctx, line) }

// Ask sends our own request with unchanged parameters. rpc is the server's error, if it answers with one.
func (c *Conn) Ask(ctx context.Context, method string, params json.RawMessage) (result, rpc json.RawMessage, err error) {
	x, err := c.exchange()
	if err != nil {
		return nil, nil, err
	}
	a, err := c.p.ask(ctx, x, method, params)
	return a.result, a.err, err
}

// About sets the _meta of our own requests from now on: what a client of the newest version says about itself in each
// of its requests.
func (c *Conn) About(about jsontext.Fields) { c.s.about.Store(&about) }

// Define reads a definition from the server; the same bytes are parsed only once.
func (c *Conn) Define(raw json.RawMessage) (definition.Tool, error) { return c.s.tools.memo.Read(raw) }

// Down reports whether the server has ended.
func (c *Conn) Down() bool { return c.p.down() }

// Why returns how the server ended, and its output.
func (c *Conn) Why() error { return c.p.why() }

// Noise returns how many lines of the server's output were not messages, and their beginning.
func (c *Conn) Noise() (lines int, first string) { return c.p.noise() }

// Close lets the server end, or kills it now with everything that it started.
func (c *Conn) Close(now bool) { c.p.close(now) }

// Through is passed to a call of a tool, as [exec.Manner] Local: the connection to use, and the members of the client's
// tools/call besides name and arguments. The response is then the bytes of the server's result or error.
type Through struct {
	Conn   *Conn
	Params jsontext.Fields // of the client's request, in its order; the request replaces the arguments
	Asks   func()          // is called before the server is asked to run the tool; nil: nobody listens
}

// Whole is passed to a call of a tool on a shared server, to get the bytes of the server's result or error as the
// response.
type Whole struct{}

// params are those of the tools/call: the client's, with the admitted arguments, and the gate's information about the
// call in _meta. It replaces the client's members of the same names.
func (t *Through) params(args json.RawMessage, about jsontext.Fields) []byte {
	var own jsontext.Fields
	said := false
	for _, m := range t.Params {
		switch m.Name {
		case "arguments":
			m.Value = args
			said = true
		case "_meta":
			continue
		}
		own = append(own, m)
	}
	if !said {
		own = append(own, item("arguments", args))
	}
	var metas jsontext.Fields
	if list, err := jsontext.FieldsOf(t.Params.Get("_meta")); err == nil {
		for _, m := range list {
			if !strings.HasPrefix(m.Name, ownID) {
				metas = append(metas, m)
			}
		}
	}
	return params("", own, append(metas, about...)...)
}

// prepare refuses a server that has changed, and a tool whose description differs from the registered one.
func (t *Through) prepare(ctx context.Context, call exec.Call) error {
	if err := t.check(call); err != nil {
		return err
	}
	if err := t.Conn.ready(call); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, min(call.Limits.Timeout, time.Minute))
	defer cancel()
	x, err := t.Conn.exchange()
	if err != nil {
		return err
	}
	_, err = t.Conn.s.define(limited, call, x)
	t.Conn.runner.explain(ctx, err)
	if errors.Is(err, exec.ErrPinned) || errors.Is(err, exec.ErrNoTool) {
		return err
	}
	return nil // a server that cannot be reached fails the attempt; a replay does not need it
}

// check refuses a tool of another server.
func (t *Through) check(call exec.Call) error {
	key, err := keyOf(call.Module)
	if err == nil && key != t.Conn.key {
		err = fmt.Errorf("tool %s: %w: it is registered for another server", call.Name, exec.ErrPinned)
	}
	return err
}

// attempt calls the tool. It ends a server that timed out several times in a row.
func (t *Through) attempt(ctx context.Context, call exec.Call, x *exchange) (answer, error) {
	a, sent, err := t.once(ctx, call, x)
	if !sent && errors.Is(err, streamable.ErrSession) { // there is a new one
		a, sent, err = t.once(ctx, call, x)
	}
	switch {
	case err == nil:
		t.Conn.hung.Store(0)
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && t.Conn.hung.Add(1) >= maxHung:
		go t.Conn.Close(true)
	}
	if err != nil && !sent {
		err = exec.NotStarted(err)
	}
	return a, err
}

func (t *Through) once(ctx context.Context, call exec.Call, x *exchange) (a answer, sent bool, err error) {
	d, err := t.Conn.s.define(ctx, call, x)
	t.Conn.runner.explain(ctx, err)
	if err != nil {
		return a, false, err
	}
	if t.Asks != nil {
		t.Asks()
	}
	return t.Conn.s.held(ctx, call, x, d)
}
