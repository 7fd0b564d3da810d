package mcptool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptrace"
	"sync"

	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool/streamable"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// passing is an endpoint with a single client. Its messages pass unchanged, each in a request of its own. The session
// is the client's.
type passing struct {
	*endpoint
	conn   *Conn
	life   context.Context //nolint:containedctx // it is the connection's: ends with it
	end    context.CancelFunc
	gone   sync.Once
	banner output.First

	hearing  sync.Mutex // the client receives one message at a time
	renewing sync.Mutex // held while opening a new session in place of a forgotten one

	mu        sync.Mutex
	working   sync.WaitGroup
	open      map[string]context.CancelFunc // requests of the client, by id
	listening context.CancelFunc            // the stream of the session
}

var _ peer = (*passing)(nil)

func newPassing(c *Conn) *passing {
	p := &passing{endpoint: newEndpoint(c.server.Module.URL), conn: c, open: map[string]context.CancelFunc{}}
	p.life, p.end = context.WithCancel(context.Background())
	p.client = p
	return p
}

const notifyCancelled = "notifications/cancelled"

// send implements peer. It returns when the message was written, so that the server reads messages in order, or, if the
// next message depends on this one, when it was answered.
func (p *passing) send(ctx context.Context, line []byte) error {
	m, ok := parseOne(line)
	if !ok {
		return errors.New("what has both a method and an answer is not a message")
	}
	fields, err := jsontext.FieldsOf(line)
	if err != nil {
		return err
	}
	params := fields.Get("params")
	out := newMessage(m.method, params)
	out.Body = bytes.Clone(line)
	switch {
	case m.method != "" && m.id != nil:
		return p.request(ctx, m.id, out)
	case m.method == notifyCancelled && p.cancel(params):
		return nil
	}
	x, err := p.conn.exchange()
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	if err = p.web.Tell(limited, x.web.client, out); err == nil && m.method == "notifications/initialized" {
		p.listen()
	}
	return err
}

// cancel ends a request, in versions in which closing the connection cancels it. It reports whether it did.
func (p *passing) cancel(params json.RawMessage) bool {
	fields, err := jsontext.FieldsOf(params)
	if err != nil || p.web.Agreed() != "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	end := p.open[string(fields.Get("requestId"))]
	if end != nil {
		end()
	}
	return end != nil
}

var errGivenUp = errors.New("the connection was given up")

// request sends a request of the client and delivers its answer.
func (p *passing) request(ctx context.Context, id json.RawMessage, m streamable.Message) error {
	x, err := p.conn.exchange()
	if err != nil {
		return err
	}
	life, cancel := context.WithCancel(p.life)
	written, done := make(chan struct{}), make(chan struct{})
	var once sync.Once
	traced := httptrace.WithClientTrace(life, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		if !m.Opens {
			once.Do(func() { close(written) })
		}
	}})
	began := p.begin(func() {
		defer close(done)
		defer cancel()
		defer p.leave(id)
		if err := p.twice(traced, x, id, m); err != nil && life.Err() == nil {
			p.fail(id, err)
		}
	}, func() { p.open[string(id)] = cancel })
	if !began {
		cancel()
		return errGivenUp
	}
	select {
	case <-written:
	case <-done:
	case <-ctx.Done():
	}
	return nil
}

// begin runs work in the background, unless the connection is closed.
func (p *passing) begin(work func(), before func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil {
		return false
	}
	before()
	p.working.Go(work)
	return true
}

func (p *passing) leave(id json.RawMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, string(id))
}

// twice sends a request of the client; if the server has forgotten the session, it sends it once more in a new one.
func (p *passing) twice(ctx context.Context, x *exchange, id json.RawMessage, m streamable.Message) error {
	session := p.web.Session()
	err := p.pass(ctx, x, id, m)
	if !errors.Is(err, streamable.ErrSession) || m.Opens {
		return err
	}
	if err := p.renew(ctx, session); err != nil {
		return err
	}
	return p.pass(ctx, x, id, m)
}

// pass sends a request of the client and delivers the messages that come back.
func (p *passing) pass(ctx context.Context, x *exchange, id json.RawMessage, m streamable.Message) error {
	return p.web.Send(ctx, x.web.client, m, maxLine, func(text []byte) (last bool) {
		list := parse(text)
		for _, one := range list {
			switch {
			case one.method != "":
			case one.id == nil && one.err != nil && len(list) == 1: // HTTP shows which request it belongs to
				text, list = failure(id, one.err), []message{{id: id, err: one.err}}
				last = true
			case sameID(one.id, id):
				last = true
				if m.Opens && one.result != nil {
					p.opened(one.result)
				}
			}
		}
		p.forClient(x, text, list)
		return last
	})
}

// sameID reports whether an answer is for a request: some servers turn a number into a text.
func sameID(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) || (message{id: a}.number() > 0 && message{id: a}.number() == message{id: b}.number())
}

func failure(id, rpc json.RawMessage) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":%s}`, id, rpc)
}

// fail answers a request of the client with our own error.
func (p *passing) fail(id json.RawMessage, why error) {
	line := failure(id, fmt.Appendf(nil, `{"code":-32000,"message":%s}`, jsontext.Text(why.Error())))
	p.hearing.Lock()
	defer p.hearing.Unlock()
	p.conn.hear(line)
}

// forClient delivers messages of the server to the client, and returns the answers to our own requests.
func (p *passing) forClient(x *exchange, text []byte, list []message) (own []message) {
	if list == nil {
		if len(bytes.TrimSpace(text)) > 0 {
			p.banner.Add(x.web.client.Clean(text))
		}
		return nil
	}
	line := x.web.client.Clean(bytes.TrimSpace(text))
	if bytes.ContainsAny(line, "\r\n") {
		line = jsontext.Compact(line)
	}
	p.hearing.Lock()
	defer p.hearing.Unlock()
	return p.conn.receive(line, list)
}

// ask implements link. If the server has forgotten the session, it asks again in a new one, unless the request is a
// call: first we must check that its tool is still the same.
func (p *passing) ask(ctx context.Context, x *exchange, method string, params []byte) (answer, error) {
	session := p.web.Session()
	a, err := p.endpoint.ask(ctx, x, method, params)
	if !errors.Is(err, streamable.ErrSession) {
		return a, err
	}
	if renewed := p.renew(ctx, session); renewed != nil {
		return a, &unsentError{renewed}
	}
	if method == callTool {
		return a, err
	}
	return p.endpoint.ask(ctx, x, method, params)
}

// renew opens a new session in place of one that the server has forgotten. If that fails, the connection is given up.
func (p *passing) renew(ctx context.Context, lost string) error {
	p.renewing.Lock()
	defer p.renewing.Unlock()
	if p.web.Session() != lost { // somebody else has done it meanwhile
		return nil
	}
	p.web.Forget()
	p.conn.s.tools.changed()
	err := streamable.ErrSession
	if p.conn.Greet != nil {
		err = p.conn.Greet(ctx)
	}
	if err != nil {
		go p.close(true)
	}
	return err
}

// listen reads messages that the server sends on its own, in versions that have a stream for them.
func (p *passing) listen() {
	if agreed := p.web.Agreed(); agreed == "" || agreed >= modern {
		return
	}
	ctx, cancel := context.WithCancel(p.life)
	client := func() (httptool.Client, error) {
		x, err := p.conn.exchange()
		if err != nil {
			return httptool.Client{}, err
		}
		return x.web.client, nil
	}
	hear := func(text []byte) {
		if x, err := p.conn.exchange(); err == nil {
			p.forClient(x, text, parse(text))
		}
	}
	began := p.begin(func() {
		defer cancel()
		p.web.Listen(ctx, client, maxLine, hear)
	}, func() {
		if p.listening != nil {
			p.listening()
		}
		p.listening = cancel
	})
	if !began {
		cancel()
	}
}

func (p *passing) down() bool { return p.life.Err() != nil }

// close implements link.
func (p *passing) close(now bool) {
	p.mu.Lock()
	p.end()
	p.mu.Unlock()
	p.working.Wait()
	p.endpoint.close(now)
	p.gone.Do(p.conn.gone)
}

func (p *passing) why() error { return fmt.Errorf("mcp server %s: %w", p.web.URL, errGivenUp) }

func (p *passing) noise() (int, string) { return p.banner.Count() }
