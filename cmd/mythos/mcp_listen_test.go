//go:build unix

package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

// webClient talks to `mythos mcp wrap --listen` and sends exactly what it is told to.
type webClient struct {
	t              *testing.T
	url, token     string
	session        string
	version, about string // the protocol version without sessions, and what _meta says about it
}

// listening starts a command that listens, and returns the address.
func listening(t *testing.T, dir string, args ...string) (url string, stop func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := command(dir, args...)
	c.Path, c.Env = self, append(os.Environ(), "TESTSCRIPT_COMMAND=mythos")
	says, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(says)
	line, err := said.ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "http://")
	if err != nil || !ok {
		t.Fatal(line, err)
	}
	rest := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(said) // it ends with the process
		rest <- string(all)
	}()
	var stopped bool
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = c.Process.Signal(syscall.SIGTERM)
		more := <-rest
		if err := c.Wait(); err != nil && c.ProcessState.ExitCode() > 0 {
			t.Errorf("%v: %s", err, more)
		}
	}
	t.Cleanup(stop)
	return "http://" + url, stop
}

// post sends a message; ctx is the client's connection.
func (c *webClient) post(ctx context.Context, body string) (status int, text string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": "Bearer " + c.token,
		"Mcp-Session-Id": c.session, "Mcp-Protocol-Version": c.version} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if c.version != "" {
		req.Header.Set("Mcp-Method", "tools/call")
		req.Header.Set("Mcp-Name", "count")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			c.t.Fatal(err)
		}
		return 0, ""
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil && ctx.Err() == nil {
		c.t.Fatal(err)
	}
	if given := res.Header.Get("Mcp-Session-Id"); given != "" {
		c.session = given
	}
	return res.StatusCode, string(all)
}

func (c *webClient) call(ctx context.Context, id, arguments, meta string) string {
	c.t.Helper()
	if c.about != "" {
		meta = strings.TrimSuffix(c.about+","+meta, ",")
	}
	status, text := c.post(ctx, `{"jsonrpc":"2.0","id":`+id+`,"method":"tools/call","params":{"name":"count","arguments":`+arguments+`,"_meta":{`+meta+`}}}`)
	if status != http.StatusOK && ctx.Err() == nil {
		c.t.Errorf("HTTP %d: %s", status, text)
	}
	return text
}

// TestWrapListen: over HTTP, too, a call whose connection ends is made once, and two calls that are both waited for are
// two; a session belongs to one agent.
func TestWrapListen(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	note(dir, "calls", "")
	mustRun(t, dir, "agent", "add", "scout", "--tools", "s.*", "--ttl", "1h")
	mustRun(t, dir, "agent", "add", "other", "--tools", "s.*", "--ttl", "1h")
	token := strings.Fields(mustRun(t, dir, "agent", "token", "scout"))[0]
	url, stop := listening(t, dir, "mcp", "wrap", "s", "--listen", "127.0.0.1:0")
	ctx := t.Context()
	if status, _ := (&webClient{t: t, url: url, token: "x"}).post(ctx, `{"jsonrpc":"2.0","id":0,"method":"initialize"}`); status != http.StatusUnauthorized {
		t.Errorf("HTTP %d", status)
	}
	old := &webClient{t: t, url: url, token: token}
	status, text := old.post(ctx, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	if expect(t, text, `"more":{"n":1.0}`, "!tasks"); status != http.StatusOK || old.session == "" {
		t.Fatal(status, text)
	}
	if status, _ := old.post(ctx, `{"jsonrpc":"2.0","method":"notifications/initialized"}`); status != http.StatusAccepted {
		t.Errorf("HTTP %d", status)
	}
	if status, text := old.post(ctx, `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`); status != http.StatusBadRequest {
		t.Errorf("HTTP %d: %s", status, text)
	}
	for _, id := range []string{"true", "{}", "[1]", "null"} { // what is not an id has no answer
		if status, text := old.post(ctx, `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`); status != http.StatusBadRequest {
			t.Errorf("id %s: HTTP %d: %s", id, status, text)
		}
	}
	stranger := &webClient{t: t, url: url, token: strings.Fields(mustRun(t, dir, "agent", "token", "other"))[0], session: old.session}
	if status, _ := stranger.post(ctx, `{"jsonrpc":"2.0","id":1,"method":"ping"}`); status != http.StatusNotFound {
		t.Errorf("HTTP %d for another agent", status)
	}
	expect(t, old.call(ctx, "1", `{"n":0}`, `"progressToken":"p"`), "data: "+`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}`, "counted", `"mythos/receipt":"`)
	modern := &webClient{t: t, url: url, token: token, version: "2026-07-28", about: `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`}
	expect(t, modern.call(ctx, "1", `{"n":0}`, `"mythos/idempotencyKey":"k"`), "counted", `"mythos/key":"scout/k/k"`)
	expect(t, modern.call(ctx, "1", `{ "n":0 }`, `"mythos/idempotencyKey":"k"`), "counted", `"mythos/replayed":true`)
	counted(t, dir, 2)

	// A connection ends: an equal call takes over; a call that is waited for is a separate one.
	block(t, dir, true)
	left := old.leaving(`{"n":7}`, "")
	counted(t, dir, 3)
	waited := make(chan string, 1)
	go func() { waited <- old.call(ctx, "8", `{"n":7}`, "") }()
	counted(t, dir, 4)
	left()
	for status = http.StatusBadRequest; status == http.StatusBadRequest; { // the id is taken until the server has noticed
		status, _ = old.post(ctx, `{"jsonrpc":"2.0","id":7,"method":"ping","params":{}}`)
	}
	block(t, dir, false)
	expect(t, <-waited, "counted", "!adopted")
	expect(t, old.call(ctx, "9", `{"n":7}`, ""), "counted", `"mythos/adopted":true`)
	counted(t, dir, 4)

	block(t, dir, true)
	left = modern.leaving(`{"n":8}`, `"mythos/idempotencyKey":"k8"`)
	counted(t, dir, 5)
	left()
	go func() { waited <- modern.call(ctx, "8", `{"n":8}`, `"mythos/idempotencyKey":"k8"`) }()
	block(t, dir, false)
	expect(t, <-waited, "counted", `"mythos/key":"scout/k/k8"`)
	counted(t, dir, 5)
	stop()
	mustRun(t, dir, "ledger", "verify")
}

// leaving begins a call; left ends its connection.
func (c *webClient) leaving(arguments, meta string) (left func()) {
	ctx, leave := context.WithCancel(c.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.call(ctx, "7", arguments, meta)
	}()
	return func() { leave(); <-done }
}
