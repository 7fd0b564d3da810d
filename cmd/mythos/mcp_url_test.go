//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// webServer is a server of the streamable HTTP transport, written by hand: it sends what no library sends, and does
// what it is told to.
type webServer struct {
	*httptest.Server
	other *httptest.Server // another origin
	t     *testing.T

	mu       sync.Mutex
	sessions map[string]bool // that it remembers
	given    int
	heard    []string // bodies
	headers  []http.Header
	counted  int
	reset    bool // connections of calls end without an answer
	away     bool // everything is elsewhere
	deleted  []string
	strayed  int // requests at the other origin
}

func newWebServer(t *testing.T) *webServer {
	s := &webServer{t: t, sessions: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	s.other = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.strayed++
	}))
	t.Cleanup(s.CloseClientConnections)
	t.Cleanup(s.Close)
	t.Cleanup(s.other.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *webServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	session := r.Header.Get("Mcp-Session-Id")
	s.mu.Lock()
	known, away, reset := s.sessions[session], s.away, s.reset
	if r.Method == http.MethodPost {
		s.heard, s.headers = append(s.heard, string(body)), append(s.headers, r.Header.Clone())
	}
	if r.Method == http.MethodDelete {
		s.deleted = append(s.deleted, session)
	}
	s.mu.Unlock()
	var m struct {
		ID     json.RawMessage
		Method string
		Params json.RawMessage
	}
	_ = json.Unmarshal(body, &m) // a GET has no body
	answer := func(what string) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"jsonrpc\":\"2.0\",\n \"id\":%s,%s}\n", m.ID, what)
	}
	switch {
	case away:
		http.Redirect(w, r, s.other.URL, http.StatusTemporaryRedirect)
	case r.Header.Get("X-Key") != "Token s3cr3t-of-the-test":
		http.Error(w, "who is it?", http.StatusUnauthorized)
	case m.Method == "server/discover":
		answer(`"error":{"code":-32601,"message":"Method not found"}`)
	case m.Method == "initialize":
		s.mu.Lock()
		s.given++
		id := fmt.Sprint("session-", s.given)
		s.sessions[id] = true
		s.mu.Unlock()
		w.Header().Set("Mcp-Session-Id", id)
		answer(`"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"tasks":{},"more":{"n":1.0}},"serverInfo":{"name":"w","version":"1"}}`)
	case !known:
		http.NotFound(w, r)
	case r.Method == http.MethodGet:
		s.stream(w, r)
	case m.Method == "tools/call" && reset:
		s.count()
		panic(http.ErrAbortHandler) // the connection ends without an answer
	default:
		s.request(w, m.Method, m.Params, answer)
	}
}

func (s *webServer) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counted++
}

const oddNews = `{"jsonrpc":"2.0","method":"notifications/odd","params":{ "n":9007199254740993, "price":1.50}}`

func (s *webServer) request(w http.ResponseWriter, method string, params json.RawMessage, answer func(string)) {
	switch method {
	case "tools/list":
		answer(`"result":{"tools":[{"name":"count","description":"counts","inputSchema":{"type":"object"}}],"later":1e400}`)
	case "tools/call":
		s.count()
		answer(`"result":{"content":[{"type":"text","text":"counted"}],"price":1.50,"_meta":{"mythos/receipt":"forged"}}`)
	case "resources/odd":
		answer(`"result":` + string(params))
	case "resources/refused":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32602, "message":"no","data":1.0}}`)
	case "resources/broken": // the stream ends before the answer, which another request asks for
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "retry: 1\nid: e1\ndata: \n\n: a comment\nid: e2\nevent: message\ndata: "+oddNews+"\n\nid: e3\ndata: {\"jsonr")
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// stream sends what remains after an event, or unsolicited messages.
func (s *webServer) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	switch r.Header.Get("Last-Event-ID") {
	case "e2":
		fmt.Fprint(w, "id: e3\r\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"b\",\r\ndata: \"result\":{\"n\":1.0}}\r\n\r\n")
	case "":
		fmt.Fprint(w, "data: "+oddNews+"\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default:
		s.t.Errorf("asked for what follows %q", r.Header.Get("Last-Event-ID"))
	}
}

func (s *webServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *webServer) calls() (n int) {
	s.set(func() { n = s.counted })
	return n
}

// reached makes a repository with a server at a URL, registered as s.
func reached(t *testing.T, s *webServer) string {
	t.Helper()
	dir := repository(t)
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("s3cr3t-of-the-test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, "mcp", "add", "s", "--url", s.URL, "--header", "X-Key: Token file:"+secret)
	mustRun(t, dir, "cap", "issue", "--scope", "tool.call:s.count", "--ttl", "1h")
	s.set(func() { s.heard, s.headers, s.deleted = nil, nil, nil })
	return dir
}

// TestWrapURL: messages between client and server are passed on unchanged, over HTTP as over lines; a session belongs
// to the client, and one that the server has forgotten is opened again without a call happening twice.
func TestWrapURL(t *testing.T) {
	t.Parallel()
	s := newWebServer(t)
	dir := reached(t, s)
	c := wrapped(t, dir)
	if news := c.next(); news != oddNews { // unsolicited
		t.Errorf("%s", news)
	}
	params := `{"b":1.10,"a":12345678901234567890, "esc":"\u00e9"}`
	odd := `{"id":"x","jsonrpc":"2.0","method":"resources/odd","params":` + params + `,"own":1e400}`
	c.say(odd)
	if got := c.answer(`"x"`); got != `{"jsonrpc":"2.0","id":"x","result":`+strings.ReplaceAll(params, ", ", ",")+`}` {
		t.Errorf("%s", got)
	}
	c.say(`{"jsonrpc":"2.0","id":"r","method":"resources/refused"}`)
	expect(t, c.answer(`"r"`), `"error":{"code":-32602, "message":"no","data":1.0}`)
	c.say(`{"jsonrpc":"2.0","id":"b","method":"resources/broken"}`)
	if got := c.answer(`"b"`); got != `{"jsonrpc":"2.0","id":"b","result":{"n":1.0}}` || c.held[len(c.held)-1] != oddNews {
		t.Errorf("%s after %q", got, c.held)
	}
	c.say(`{"jsonrpc":"2.0","id":7,"method":"tools/list"}`)
	expect(t, c.answer("7"), `"name":"count"`, `"later":1e400`)
	c.call("8", `{ "n":1.50 }`, `"own":1.0,"mythos/idempotencyKey":"k"`)
	expect(t, c.answer("8"), "counted", `"price":1.50`, `"mythos/receipt":"`, "!forged")

	// The session is forgotten: the call is made in a new one, once.
	s.set(func() { s.sessions = map[string]bool{} })
	c.call("9", `{"n":2}`, "")
	expect(t, c.answer("9"), "counted")
	s.set(func() { s.sessions = map[string]bool{} })
	c.say(odd)
	expect(t, c.answer(`"x"`), "12345678901234567890")
	if n := s.calls(); n != 2 {
		t.Errorf("%d calls", n)
	}
	heard := strings.Join(s.heard, "\n") + "\n"
	expect(t, heard, odd+"\n", `"clientInfo":{"name":"t","version":"1"}`, `"arguments":{"n":1.50},"_meta":{"own":1.0,"mythos/idempotencyKey":"`)
	for i, h := range s.headers {
		later := !strings.Contains(s.heard[i], `"initialize"`)
		if got := h.Get("Mcp-Protocol-Version"); later != (got == "2025-11-25") || later != strings.HasPrefix(h.Get("Mcp-Session-Id"), "session-") || h.Get("Authorization") != "" {
			t.Errorf("%s: %v", s.heard[i], h)
		}
	}
	another := wrapped(t, dir)
	another.leave()
	c.leave()
	if len(s.deleted) != 2 || s.deleted[0] == s.deleted[1] {
		t.Errorf("%q were ended", s.deleted)
	}
}

// TestWrapURLReset: if a connection ends after the call was sent, the call is unknown, and is not sent again when it is
// asked for again. No request follows a redirect to another origin.
func TestWrapURLReset(t *testing.T) {
	t.Parallel()
	s := newWebServer(t)
	dir := reached(t, s)
	c := wrapped(t, dir)
	s.set(func() { s.reset = true })
	for _, meta := range []string{`"mythos/idempotencyKey":"k"`, `"claudecode/toolUseId":"t"`} {
		before := s.calls()
		for range 2 {
			c.call("1", `{"n":1}`, meta)
			expect(t, c.answer("1"), "It may have happened. Check before asking again.", `"isError":true`)
			if n := s.calls(); n != before+1 {
				t.Errorf("%s: %d calls", meta, n-before)
			}
		}
	}
	s.set(func() { s.reset, s.away = false, true })
	c.call("2", `{"n":2}`, "")
	expect(t, c.answer("2"), `"isError":true`)
	c.say(`{"jsonrpc":"2.0","id":3,"method":"resources/odd","params":{}}`)
	expect(t, c.answer("3"), "HTTP 307")
	s.set(func() { s.away = false })
	c.call("4", `{"n":4}`, "")
	expect(t, c.answer("4"), "counted")
	if s.strayed != 0 || s.calls() != 3 {
		t.Errorf("%d requests strayed, %d calls", s.strayed, s.calls())
	}
	c.leave()
	mustRun(t, dir, "ledger", "verify")
}
