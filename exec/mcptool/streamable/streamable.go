// Package streamable is the client's side of the streamable HTTP transport of the Model
// Context Protocol: one message goes in a POST, and what comes back for it is a message or a
// stream of server-sent events. What the messages say is for the caller.
//
// A session that the server gives goes along with all that follows, and so does the version
// that was agreed on. A stream that breaks is taken up again where the server has given its
// events ids: that asks for what was not read yet, and sends nothing twice.
package streamable

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/mythos-project/mythos/exec/httptool"
)

// Modern is the first version that has no sessions; requests name their method in a header.
const Modern = "2026-07-28"

// Endpoint is a server at a URL. It is safe for concurrent use.
type Endpoint struct {
	URL string

	mu      sync.Mutex
	session string           // that the server gave; empty: none
	version string           // that was agreed on; empty: not yet
	client  *httptool.Client // the last one: the session is ended with its secrets
}

// Message is what is sent.
type Message struct {
	Body    []byte
	Method  string      // empty: it is an answer
	Name    string      // of what it is about, as the body says it
	Version string      // that the body says; empty: the one agreed on
	Opens   bool        // it asks for a session
	Headers http.Header // more of them
}

// ErrSession means that the server has forgotten the session, and so done nothing.
var ErrSession = errors.New("mcp server: it has forgotten the session")

// ErrEnded means that a stream ended without what was waited for.
var ErrEnded = errors.New("mcp server: the stream ends without an answer")

// StatusError is an HTTP answer that is no message.
type StatusError struct {
	Status int
	Text   string
	Body   []byte
}

func (e *StatusError) Error() string { return "mcp server: HTTP " + e.Text }

// TooLongError is a message of the server beyond the limit.
type TooLongError struct{ Limit int64 }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the server sends a message of more than %d bytes", e.Limit)
}

// Agree is told the version that was agreed on.
func (e *Endpoint) Agree(version string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.version = version
}

// Agreed is the version that was agreed on; empty: none yet.
func (e *Endpoint) Agreed() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// Session is that which the server gave; empty: none.
func (e *Endpoint) Session() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.session
}

// Forget leaves the session and the version that was agreed on in it.
func (e *Endpoint) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.session, e.version = "", ""
}

// Send sends a message and calls each with the text of every message that comes back for it,
// until that returns true. A message of the server has at most limit bytes. Errors:
// ErrSession, ErrEnded, *StatusError, *TooLongError, and those of the client.
func (e *Endpoint) Send(ctx context.Context, client httptool.Client, m Message, limit int64, each func(text []byte) (last bool)) error {
	had := e.Session()
	res, err := e.do(ctx, client, http.MethodPost, m)
	if err != nil {
		return err
	}
	defer res.Body.Close() // of a stream it is closed already
	if given := res.Header.Get(headerSession); given != "" && m.Opens {
		e.mu.Lock()
		e.session = given
		e.mu.Unlock()
	}
	if isStream(res) {
		s := stream{endpoint: e, client: client, limit: limit, each: each}
		return s.read(ctx, res.Body)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if int64(len(body)) > limit {
		return &TooLongError{limit}
	}
	if err != nil {
		return client.Hide(err)
	}
	if res.StatusCode == http.StatusNotFound && had != "" {
		return ErrSession
	}
	if each(body) {
		return nil
	}
	return &StatusError{res.StatusCode, res.Status, body}
}

// Tell sends a message that has no answer.
func (e *Endpoint) Tell(ctx context.Context, client httptool.Client, m Message) error {
	had := e.Session()
	res, err := e.do(ctx, client, http.MethodPost, m)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotFound && had != "":
		return ErrSession
	case res.StatusCode >= 300:
		return &StatusError{Status: res.StatusCode, Text: res.Status}
	}
	return nil
}

const (
	headerSession = "Mcp-Session-Id"
	headerVersion = "Mcp-Protocol-Version"
)

func isStream(res *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return kind == "text/event-stream" && res.StatusCode < 300
}

// do makes a request. A redirect that makes another request of it is not followed.
func (e *Endpoint) do(ctx context.Context, client httptool.Client, method string, m Message) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.URL, bytes.NewReader(m.Body))
	if err != nil {
		return nil, err
	}
	h := req.Header
	for name, values := range m.Headers {
		h[name] = values
	}
	h.Set("User-Agent", "mythos")
	if m.Body != nil {
		h.Set("Content-Type", "application/json")
		h.Set("Accept", "application/json, text/event-stream")
	}
	e.mu.Lock()
	session, version := e.session, e.version
	e.client = &client
	e.mu.Unlock()
	if m.Version != "" {
		version = m.Version
	}
	if version != "" && (!m.Opens || m.Version != "") {
		h.Set(headerVersion, version)
	}
	if session != "" && !m.Opens && version < Modern {
		h.Set(headerSession, session)
	}
	if version >= Modern && m.Method != "" {
		h.Set("Mcp-Method", HeaderText(m.Method))
		if m.Name != "" {
			h.Set("Mcp-Name", HeaderText(m.Name))
		}
	}
	res, err := client.Do(req)
	if err == nil && res.Request.Method != method {
		_ = res.Body.Close() // nothing in it is read
		return nil, &StatusError{Status: http.StatusSeeOther, Text: "redirect that makes " + res.Request.Method + " of " + method}
	}
	return res, err
}

// Close ends the session that the server gave.
func (e *Endpoint) Close(ctx context.Context) {
	e.mu.Lock()
	session, client := e.session, e.client
	e.mu.Unlock()
	if session == "" || client == nil {
		return
	}
	if res, err := e.do(ctx, *client, http.MethodDelete, Message{}); err == nil {
		_ = res.Body.Close() // a server that keeps its sessions is free to
	}
}

// HeaderText is text as the value of a header: in base64 where it has other characters
// than a header may have.
func HeaderText(text string) string {
	plain := text == strings.TrimSpace(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) &&
		!strings.HasPrefix(text, "=?base64?")
	if plain {
		return text
	}
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
}

// TextOf is the text that a header's value stands for; false: it stands for none.
func TextOf(value string) (string, bool) {
	begun, ok := strings.CutPrefix(value, "=?base64?")
	encoded, whole := strings.CutSuffix(begun, "?=")
	if !ok || !whole {
		return value, true
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	return string(text), err == nil
}
