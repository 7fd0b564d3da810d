package mcptool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool/streamable"
	"github.com/mythos-project/mythos/internal/jsontext"
)

// endpoint is a server over the streamable HTTP transport. Each request has a connection of its own, so that a
// connection which the server closed earlier cannot be mistaken for a lost answer.
type endpoint struct {
	web streamable.Endpoint

	mu   sync.Mutex
	last int64

	client *passing // its only client; nil: this process is the only client
}

var _ link = (*endpoint)(nil)

// webExchange is the HTTP side of one attempt.
type webExchange struct {
	client httptool.Client
	// headers of a request in addition to the common ones, made from its body
	headers http.Header
}

func newEndpoint(url string) *endpoint { return &endpoint{web: streamable.Endpoint{URL: url}} }

func (e *endpoint) number() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	return e.last
}

// ask implements link.
func (e *endpoint) ask(ctx context.Context, x *exchange, method string, params []byte) (a answer, err error) {
	number := e.number()
	ctx, sent := httptool.Sent(ctx)
	m := newMessage(method, params)
	m.Body, m.Headers = request(e.id(number), method, params), x.web.headers
	err = e.web.Send(ctx, x.web.client, m, x.limit, func(text []byte) (found bool) {
		for _, one := range e.own(ctx, x, text) {
			if one.number() == number || (one.id == nil && one.err != nil) {
				a, found = answer{one.result, one.err}, true
			}
		}
		return found
	})
	switch {
	case err != nil && !sent():
		err = &unsentError{err}
	case err != nil && ctx.Err() != nil && method == callTool && m.Version != modern && e.web.Agreed() != modern:
		e.giveUp(x, number)
	case err == nil && method == initialize:
		e.opened(a.result)
	}
	return a, err
}

// newMessage returns a message and the values for its headers.
func newMessage(method string, params []byte) streamable.Message {
	m := streamable.Message{Method: method, Opens: method == initialize}
	fields, err := jsontext.FieldsOf(params)
	if err != nil {
		return m
	}
	if about, err := jsontext.FieldsOf(fields.Get("_meta")); err == nil {
		m.Version, _ = textOf(about.Get(metaVersion))
	}
	switch method {
	case callTool, "prompts/get":
		m.Name, _ = textOf(fields.Get("name"))
	case "resources/read":
		m.Name, _ = textOf(fields.Get("uri"))
	}
	return m
}

// opened receives the version in the server's answer to initialize.
func (e *endpoint) opened(result json.RawMessage) {
	if list, err := jsontext.FieldsOf(result); err == nil {
		if version, ok := textOf(list.Get("protocolVersion")); ok {
			e.web.Agree(version)
		}
	}
}

// own returns the answers among messages of the server. It answers the server's requests, or passes them to the client
// of this connection.
func (e *endpoint) own(ctx context.Context, x *exchange, text []byte) []message {
	list := parse(text)
	if e.client != nil && !(len(list) == 1 && list[0].id == nil && list[0].err != nil) {
		return e.client.forClient(x, text, list)
	}
	var own []message
	for _, m := range list {
		switch {
		case m.method == "":
			own = append(own, m)
		case m.id != nil:
			e.respond(ctx, x, m)
		}
	}
	return own
}

// giveUp tells an older server that nobody waits for an answer any more.
func (e *endpoint) giveUp(x *exchange, number int64) {
	ctx, cancel := context.WithTimeout(context.Background(), replyTime/5)
	defer cancel()
	_ = e.tell(ctx, x, "notifications/cancelled", fmt.Appendf(nil, `{"requestId":%s,"reason":"nobody waits for it"}`, e.id(number)))
}

// id is the id of one of our own requests.
func (e *endpoint) id(number int64) json.RawMessage { return idOf(number, e.client != nil) }

// agree receives the agreed version.
func (e *endpoint) agree(version string) { e.web.Agree(version) }

// changed implements link: the service at a URL is not pinned.
func (e *endpoint) changed() error { return nil }

// hold implements link: an endpoint runs no process here.
func (e *endpoint) hold(*os.File) (drop func(), err error) { return func() {}, nil }

// respond answers a request of the server.
func (e *endpoint) respond(ctx context.Context, x *exchange, m message) {
	ctx, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	_ = e.web.Tell(ctx, x.web.client, streamable.Message{Body: reply(m)}) // a server that does not read its answers is at fault itself
}

// tell implements link.
func (e *endpoint) tell(ctx context.Context, x *exchange, method string, params []byte) error {
	m := newMessage(method, params)
	m.Body = request(nil, method, params)
	return e.web.Tell(ctx, x.web.client, m)
}

// down implements link.
func (e *endpoint) down() bool { return false }

// close implements link: it ends our session at the server.
func (e *endpoint) close(bool) {
	ctx, cancel := context.WithTimeout(context.Background(), graceful)
	defer cancel()
	e.web.Close(ctx)
}

// unreachable reports an error of an endpoint to which nothing was sent.
func unreachable(err error) bool {
	var unsent *unsentError
	return errors.As(err, &unsent)
}
