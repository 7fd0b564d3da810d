// Package streamable is the client side of the streamable HTTP transport of the Model Context Protocol. Each message is
// a POST; its answer is a message or a stream of server-sent events. The caller interprets the messages.
//
// A session from the server is sent with all later requests, and so is the agreed version. A broken stream is resumed
// if its events have ids: that asks for the unread rest and sends nothing twice.
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
	session string           // from the server; empty: none
	version string           // the agreed version; empty: not yet
	client  *httptool.Client // the last client: the session is ended with its secrets
}

// Message is a message to send.
type Message struct {
	Body    []byte
	Method  string      // empty: it is an answer
	Name    string      // name of its subject, from the body
	Version string      // from the body; empty: the agreed one
	Opens   bool        // it asks for a session
	Headers http.Header // more of them
}

// ErrSession means that the server has forgotten the session, and therefore did nothing.
var ErrSession = errors.New("mcp server: it no longer knows the session")

// ErrEnded means that a stream ended without the expected answer.
var ErrEnded = errors.New("mcp server: the stream ends without an answer")

// StatusError is an HTTP answer that is not a message.
type StatusError struct {
	Status int
	Text   string
	Body   []byte
}

func (e *StatusError) Error() string { return "mcp server: HTTP " + e.Text }

// TooLongError is a message of the server that exceeds the limit.
type TooLongError struct{ Limit int64 }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the server sent a message of more than %d bytes", e.Limit)
}

// Agree sets the agreed version.
func (e *Endpoint) Agree(version string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.version = version
}

// Agreed is the agreed version; empty: none yet.
func (e *Endpoint) Agreed() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// Session is the session from the server; empty: none.
func (e *Endpoint) Session() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.session
}

// Forget drops the session and its agreed version.
func (e *Endpoint) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.session, e.version = "", ""
}

// Send sends a message and calls each with the text of every message in the answer, until each returns true. A message
// of the server may have limit bytes. Errors: ErrSession, ErrEnded, *StatusError, *TooLongError, and those of the
// client.
func (e *Endpoint) Send(ctx context.Context, client httptool.Client, m Message, limit int64, each func(text []byte) (last bool)) error {
	had := e.Session()
	res, err := e.do(ctx, client, http.MethodPost, m)
	if err != nil {
		return err
	}
	defer res.Body.Close() // a stream has closed it already
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

// do makes a request. It does not follow a redirect that would change the request.
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
		_ = res.Body.Close() // the body is not read
		return nil, &StatusError{Status: http.StatusSeeOther, Text: "redirect that makes " + res.Request.Method + " of " + method}
	}
	return res, err
}

// Close ends the session with the server.
func (e *Endpoint) Close(ctx context.Context) {
	e.mu.Lock()
	session, client := e.session, e.client
	e.mu.Unlock()
	if session == "" || client == nil {
		return
	}
	if res, err := e.do(ctx, *client, http.MethodDelete, Message{}); err == nil {
		_ = res.Body.Close() // the server may refuse to end a session
	}
}

// HeaderText is text as a header's value: in base64 if it has characters that a header may not have.
func HeaderText(text string) string {
	plain := text == strings.TrimSpace(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) &&
		!strings.HasPrefix(text, "=?base64?")
	if plain {
		return text
	}
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
}

// TextOf is the text of a header's value; false: invalid.
func TextOf(value string) (string, bool) {
	begun, ok := strings.CutPrefix(value, "=?base64?")
	encoded, whole := strings.CutSuffix(begun, "?=")
	if !ok || !whole {
		return value, true
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	return string(text), err == nil
}
