package mcptool

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/exec/httptool"
)

// endpoint is a server of the streamable HTTP transport. Each request has a connection
// of its own: one that the server closes meanwhile cannot be mistaken for a lost answer.
type endpoint struct {
	url string

	mu      sync.Mutex
	last    int64
	session string       // that the server gave us; empty: none
	version string       // that was agreed on; empty: not yet
	asked   *webExchange // the last one: the session is ended with its secrets
}

var _ link = (*endpoint)(nil)

// webExchange is how an attempt asks an endpoint.
type webExchange struct {
	client httptool.Client
	// headers of a request, beside those of every request: made from its body.
	headers http.Header
}

func newEndpoint(url string) *endpoint { return &endpoint{url: url} }

// errSession means that the server has forgotten the session, and so done nothing.
var errSession = errors.New("mcp server: it has forgotten the session")

// statusError is an HTTP answer that is no JSON-RPC.
type statusError struct {
	status int
	text   string
	body   []byte
}

func (e *statusError) Error() string { return "mcp server: HTTP " + e.text }

// ask implements link.
func (e *endpoint) ask(ctx context.Context, x *exchange, method string, params []byte) (answer, error) {
	e.mu.Lock()
	e.last++
	number := e.last
	e.mu.Unlock()
	ctx, sent := httptool.Sent(ctx)
	res, err := e.post(ctx, x, method, request(number, method, params))
	if err != nil {
		if !sent() {
			err = &unsentError{err}
		}
		return answer{}, err
	}
	defer res.Body.Close()
	a, err := e.read(ctx, x, res, number, method)
	if err != nil && ctx.Err() != nil && method == callTool && e.agreed() != modern {
		e.giveUp(x, number)
	}
	return a, err
}

// giveUp tells an older server that nobody waits for an answer any more.
func (e *endpoint) giveUp(x *exchange, number int64) {
	ctx, cancel := context.WithTimeout(context.Background(), replyTime/5)
	defer cancel()
	_ = e.tell(ctx, x, "notifications/cancelled", fmt.Appendf(nil, `{"requestId":%d,"reason":"nobody waits for it"}`, number))
}

// agree is told the version that was agreed on.
func (e *endpoint) agree(version string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.version = version
}

func (e *endpoint) agreed() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// changed implements link: what answers at a URL is not pinned.
func (e *endpoint) changed() error { return nil }

// hold implements link: nothing of an endpoint runs here.
func (e *endpoint) hold(*os.File) (drop func(), err error) { return func() {}, nil }

// post sends one message.
func (e *endpoint) post(ctx context.Context, x *exchange, method string, line []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(bytes.TrimSpace(line)))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json, text/event-stream")
	h.Set("User-Agent", "mythos")
	e.mu.Lock()
	session, version := e.session, e.version
	e.asked = x.web
	e.mu.Unlock()
	if method == discover {
		version = modern
	}
	if version != "" {
		h.Set("Mcp-Protocol-Version", version)
	}
	if session != "" {
		h.Set("Mcp-Session-Id", session)
	}
	if version == modern {
		h.Set("Mcp-Method", method)
		for name, values := range x.web.headers {
			h[name] = values
		}
	}
	return x.web.client.Do(req)
}

// read finds the answer to a request in an HTTP answer.
func (e *endpoint) read(ctx context.Context, x *exchange, res *http.Response, number int64, method string) (answer, error) {
	e.mu.Lock()
	had := e.session
	if given := res.Header.Get("Mcp-Session-Id"); given != "" && method == initialize {
		e.session = given
	}
	e.mu.Unlock()
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if kind == "text/event-stream" && res.StatusCode < 300 {
		return e.events(ctx, x, res.Body, number)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, x.limit+1))
	if int64(len(body)) > x.limit {
		return answer{}, &tooLongError{x.limit}
	}
	if err != nil {
		return answer{}, x.web.client.Hide(err)
	}
	if res.StatusCode == http.StatusNotFound && had != "" {
		return answer{}, errSession
	}
	for _, m := range parse(body) {
		if m.method == "" && (m.number() == number || (m.id == nil && m.err != nil)) {
			return answer{m.result, m.err}, nil
		}
	}
	return answer{}, &statusError{res.StatusCode, res.Status, body}
}

// events finds the answer to a request in a stream of server-sent events.
func (e *endpoint) events(ctx context.Context, x *exchange, body io.Reader, number int64) (answer, error) {
	lines := NewLines(body)
	var data []byte
	for {
		line, over, err := lines.Next(x.limit)
		if over || int64(len(data)) > x.limit {
			return answer{}, &tooLongError{x.limit}
		}
		if more, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(append(data, bytes.TrimPrefix(more, []byte(" "))...), '\n')
		}
		if len(line) == 0 || err != nil {
			for _, m := range parse(data) {
				if m.method == "" && m.number() == number {
					return answer{m.result, m.err}, nil
				}
				if m.method != "" && m.id != nil {
					e.respond(ctx, x, m)
				}
			}
			data = nil
		}
		if errors.Is(err, io.EOF) {
			return answer{}, errors.New("mcp server: the stream ends without an answer")
		}
		if err != nil {
			return answer{}, x.web.client.Hide(err)
		}
	}
}

// respond answers what the server asks.
func (e *endpoint) respond(ctx context.Context, x *exchange, m message) {
	ctx, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	if res, err := e.post(ctx, x, "", reply(m)); err == nil {
		_ = res.Body.Close()
	}
}

// tell implements link.
func (e *endpoint) tell(ctx context.Context, x *exchange, method string, params []byte) error {
	res, err := e.post(ctx, x, method, request(0, method, params))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return &statusError{status: res.StatusCode, text: res.Status}
	}
	return nil
}

func (e *endpoint) down() bool { return false }

// close implements link: it ends the session that the server gave us.
func (e *endpoint) close(bool) {
	e.mu.Lock()
	session, version, x := e.session, e.version, e.asked
	e.mu.Unlock()
	if session == "" || x == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), graceful)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, e.url, http.NoBody)
	if err != nil {
		return
	}
	req.Header.Set("Mcp-Session-Id", session)
	req.Header.Set("Mcp-Protocol-Version", version)
	if res, err := x.client.Do(req); err == nil {
		_ = res.Body.Close() // a server that keeps its sessions is free to
	}
}

// headerText is text as the value of a header: in base64 where it has other characters
// than a header may have.
func headerText(text string) string {
	plain := text == strings.TrimSpace(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) &&
		!strings.HasPrefix(text, "=?base64?")
	if plain {
		return text
	}
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
}

// unreachable reports an error of an endpoint that nothing was sent to.
func unreachable(err error) bool {
	var unsent *unsentError
	return errors.As(err, &unsent)
}
