package wrap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/mcp/door"
	"github.com/mythos-project/mythos/internal/mcp/session"
)

// message is one message of the client, as it was written.
type message struct {
	line   []byte
	fields jsontext.Fields
	id     json.RawMessage // nil: it has none
	method string          // empty: it is an answer
	params jsontext.Fields
}

// readMessage splits a message. Only JSON-RPC is accepted.
func readMessage(line []byte) (message, bool) {
	m := message{line: line}
	var err error
	if m.fields, err = jsontext.FieldsOf(line); err != nil {
		return m, false
	}
	if version, err := jsontext.TextOf(m.fields.Get("jsonrpc")); err != nil || version != "2.0" {
		return m, false
	}
	m.id = m.fields.Get("id")
	if raw := m.fields.Get("method"); raw != nil {
		if m.method, err = jsontext.TextOf(raw); err != nil {
			return m, false
		}
	}
	if raw := m.fields.Get("params"); raw != nil {
		m.params, _ = jsontext.FieldsOf(raw) // only an object has members
	}
	return m, m.method != "" || m.id != nil
}

// checkID refuses an invalid id of a request, and our own ids. It returns the id that an answer can name.
func checkID(id json.RawMessage) (json.RawMessage, error) {
	if err := door.CheckID(id); err != nil {
		return json.RawMessage("null"), err
	}
	if mcptool.OwnID(id) {
		return id, errors.New("clients may not use ids that begin with mythos/")
	}
	return id, nil
}

// take handles one line of the client.
func (p *Proxy) take(ctx context.Context, line []byte) {
	var batch []json.RawMessage
	if jsontext.Kind(bytes.TrimSpace(line)) == '[' {
		var err error
		if batch, err = jsontext.ListOf(bytes.TrimSpace(line)); err == nil && len(batch) > 0 {
			for _, one := range batch {
				p.takeOne(ctx, one)
			}
			return
		}
	}
	p.takeOne(ctx, line)
}

func (p *Proxy) takeOne(ctx context.Context, line []byte) {
	m, ok := readMessage(line)
	if !ok {
		if p.junk++; p.junk == 1 {
			p.Notef("the client sent a line that is not JSON-RPC; it and others like it are left out: %.100q", line)
		}
		return
	}
	if m.id != nil && m.method != "" {
		if id, err := checkID(m.id); err != nil {
			p.fail(id, err)
			return
		}
	}
	if m.method == notifyCancelled && p.cancelled(m) {
		return
	}
	conn, err := p.server(ctx)
	if err != nil {
		if m.id != nil && m.method != "" {
			p.fail(m.id, err)
		}
		return
	}
	m = p.noted(conn, m)
	if m.method == methodCall {
		p.call(ctx, conn, m)
		return
	}
	if err := p.track(m); err != nil {
		p.fail(m.id, err)
		return
	}
	if err := conn.Send(ctx, m.line); err != nil && m.id != nil && m.method != "" && p.answered(m.id) != nil {
		p.fail(m.id, err)
	}
}

// noted records what a restarted server has to be told, and removes the capability of tasks from what the client says
// it supports.
func (p *Proxy) noted(conn *mcptool.Conn, m message) message {
	switch m.method {
	case methodInitialize:
		m = m.masked("capabilities")
		p.mu.Lock()
		p.greeting = m.fields.Get("params")
		p.mu.Unlock()
	case notifyInitialized:
		p.mu.Lock()
		p.greeted = bytes.Clone(m.line)
		p.mu.Unlock()
	}
	about, err := jsontext.FieldsOf(m.params.Get("_meta"))
	if err != nil {
		return m
	}
	var own jsontext.Fields
	for _, f := range about {
		if strings.HasPrefix(f.Name, "io.modelcontextprotocol/") {
			own = append(own, f)
		}
	}
	if own.Has("io.modelcontextprotocol/protocolVersion") {
		m = m.masked("_meta", "io.modelcontextprotocol/clientCapabilities")
		conn.About(own)
	}
	return m
}

// masked returns a message without tasks among the capabilities at a place of its params. If there are none, it is
// unchanged.
func (m message) masked(path ...string) message {
	raw := m.fields.Get("params")
	changed := maskAt(raw, path)
	if bytes.Equal(raw, changed) {
		return m
	}
	m.line = replaceMember(m.line, "params", changed)
	again, ok := readMessage(m.line)
	if !ok {
		return m
	}
	return again
}

// track remembers a request until it is answered, unless there already is one with its id.
func (p *Proxy) track(m message) error {
	if m.id == nil || m.method == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := door.IDKey(m.id)
	switch {
	case p.asked[key] != nil:
		return fmt.Errorf("a running request has the id %s", m.id)
	case len(p.asked) >= maxUnderWay:
		return errCrowded
	}
	p.asked[key] = &asked{bytes.Clone(m.id), m.method, p.generation}
	p.pending.Add(1)
	return nil
}

var errCrowded = fmt.Errorf("%d requests are running already", maxUnderWay)

// answered forgets a request; nil: there was none.
func (p *Proxy) answered(id json.RawMessage) *asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.asked[door.IDKey(id)]
	if a != nil {
		delete(p.asked, door.IDKey(id))
		p.pending.Done()
	}
	return a
}

// cancelled records that the client no longer waits for a call. It reports whether the call was one of those that go
// through the executor.
func (p *Proxy) cancelled(m message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	cancel := p.calls[door.IDKey(m.params.Get("requestId"))]
	if cancel != nil {
		cancel()
	}
	return cancel != nil
}

// call passes a tools/call through the executor, concurrently with other messages of the client.
func (p *Proxy) call(ctx context.Context, conn *mcptool.Conn, m message) {
	if m.id == nil {
		p.Notef("a tools/call without an id is left out")
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	key := door.IDKey(m.id)
	var err error
	p.mu.Lock()
	switch {
	case p.calls[key] != nil:
		err = fmt.Errorf("a running call has the id %s", m.id)
	case len(p.calls) >= maxUnderWay:
		err = errCrowded
	default:
		p.calls[key] = cancel
	}
	p.mu.Unlock()
	if err != nil {
		cancel()
		p.fail(m.id, err)
		return
	}
	p.pending.Add(1)
	p.working.Go(func() {
		c, r := p.made(ctx, conn, m)
		p.mu.Lock()
		delete(p.calls, key)
		p.mu.Unlock()
		go func() { // a client that does not read holds no call up
			defer p.pending.Done()
			defer cancel()
			if ctx.Err() == nil { // else nobody waits, and an equal call gets the answer
				p.reply(m.id, c, r)
			}
		}()
	})
}

// reply writes the answer of a call.
func (p *Proxy) reply(id json.RawMessage, c session.Call, r session.Reply) {
	what, value := "result", json.RawMessage(nil)
	result, rpc := p.Session.Answer(c, r)
	if value = result; rpc != nil {
		what, value = "error", rpc
	}
	late := p.last.Err() != nil // before it can be read: whoever has read it may leave at once
	switch err := p.answer(id, what, value); {
	case err != nil:
	case late:
		p.Session.Unread(r)
	default:
		p.Session.Answered(r)
	}
}

// made makes a call.
func (p *Proxy) made(ctx context.Context, conn *mcptool.Conn, m message) (session.Call, session.Reply) {
	c := session.Call{}
	name, err := jsontext.TextOf(m.params.Get("name"))
	if err != nil {
		return c, session.Reply{Err: exec.NotStarted(fmt.Errorf("%w: the call names no tool", exec.ErrRequest))}
	}
	if c.Tool, err = p.Pins.Find(ctx, name); err != nil {
		c.Tool.Name = name
		return c, session.Reply{Err: exec.NotStarted(err)}
	}
	arguments := m.params.Get("arguments")
	if arguments == nil {
		arguments = json.RawMessage("{}")
	}
	if c.Request, err = jsontext.Canonical(arguments); err != nil {
		return c, session.Reply{Err: exec.NotStarted(fmt.Errorf("%w: the arguments: %w", exec.ErrRequest, err))}
	}
	c.Meta, _ = jsontext.FieldsOf(m.params.Get("_meta")) // without _meta there are no members
	c.Round = roundOf(m.params)
	waits := p.waiting(c.Meta.Get("progressToken"))
	defer waits.end()
	c.Waits, c.Last = waits.say, p.last
	c.Local = &mcptool.Through{Conn: conn, Params: without(m.params, "task"), Asks: waits.end}
	return c, p.Session.Call(ctx, c)
}

// roundOf returns a hash of what the client answers to a tool that asked it for input.
func roundOf(params jsontext.Fields) string {
	h := sha256.New()
	there := false
	for _, name := range []string{"inputResponses", "requestState"} {
		raw := params.Get(name)
		there = there || raw != nil
		fmt.Fprintf(h, "%d:%s", len(raw), raw)
	}
	if !there {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func without(list jsontext.Fields, name string) (rest jsontext.Fields) {
	for _, m := range list {
		if m.Name != name {
			rest = append(rest, m)
		}
	}
	return rest
}
