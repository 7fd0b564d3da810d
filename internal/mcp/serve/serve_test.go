package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/mcp/inspect"
	"github.com/mythos-project/mythos/internal/mcp/serve"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/store/kv"
)

// desk is a repository with a tool that counts its calls, and waits where it is told to.
type desk struct {
	*repo.Repo
	t *testing.T

	mu    sync.Mutex
	calls []string
	began chan string   // takes each call's request
	hold  chan struct{} // closed: calls do not wait
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, began: make(chan string, 100), hold: make(chan struct{})}
	close(d.hold)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d.mu.Lock()
		d.calls = append(d.calls, string(body))
		hold := d.hold
		d.mu.Unlock()
		d.began <- string(body)
		<-hold
		if strings.HasPrefix(string(body), "long") {
			_, _ = io.WriteString(w, strings.Repeat("0123456789", 10000))
			return
		}
		fmt.Fprintf(w, "counted %s", body)
	}))
	t.Cleanup(web.Close)
	d.Repo = peertest.Repo(t, "alice")
	for _, name := range []string{"a.count", "b.count"} {
		d.add(name, web.URL+"/"+name)
	}
	return d
}

func (d *desk) add(name, url string) {
	d.t.Helper()
	if _, err := d.Toolbox.Add(d.t.Context(), toolbox.ToolSpec{Name: name, HTTP: url}); err != nil {
		d.t.Fatal(err)
	}
}

// block has the calls from now on wait for the function that it returns.
func (d *desk) block() (free func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hold := make(chan struct{})
	d.hold = hold
	return sync.OnceFunc(func() { close(hold) })
}

func (d *desk) counted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.calls)
}

// left waits until the clients of so many calls are known to be gone.
func (d *desk) left(n int) {
	d.t.Helper()
	for gone := -1; gone != n; {
		gone = 0
		err := kv.Scan(d.t.Context(), d.DB, kv.Awaited, func(_ string, value []byte) error {
			if strings.Contains(string(value), `"gone":`) {
				gone++
			}
			return nil
		})
		if err != nil {
			d.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// allow gives an agent tools.
func (d *desk) allow(agent, tools string) {
	d.t.Helper()
	if _, err := agents.Add(d.t.Context(), d.Repo, agents.Spec{Name: agent, Tools: strings.Split(tools, ","), Calls: 100, TTL: time.Hour}); err != nil {
		d.t.Fatal(err)
	}
}

// server serves an agent. Each is as of a process of its own.
func (d *desk) server(agent string, change ...func(*serve.Server)) *serve.Server {
	d.t.Helper()
	a, err := agents.Named(d.t.Context(), d.Repo, agent)
	if err != nil {
		d.t.Fatal(err)
	}
	instance, err := d.Tasks.NewInstance(engine.Member{Kind: "mcp"})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = instance.Close() })
	held := func(ctx context.Context) ([]caps.Chain, error) { return a.Held(ctx, d.Repo) }
	view := &inspect.View{Repo: d.Repo, Agent: agent, Held: held}
	s := &serve.Server{Registry: d.Tools, Texts: d.Store.Bytes, Notef: d.t.Logf, Reads: view, Own: view.Tools(),
		Session: &session.Session{Gate: d.Gate, KV: d.DB, Agent: agent, Bounded: true, Held: held, Instance: instance.ID, Alive: d.Tasks.InstanceAlive},
		Usable:  func(c caps.Chain) error { return d.Verifier.Verify(c, d.Self(), d.Now()) }}
	for _, fn := range change {
		fn(s)
	}
	if err := s.Start(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	return s
}

// client speaks lines with a server.
type client struct {
	t     *testing.T
	in    io.WriteCloser
	lines *bufio.Reader
	done  chan error
	held  []string
}

func speak(t *testing.T, s *serve.Server) *client {
	t.Helper()
	in, say := io.Pipe()
	hear, out := io.Pipe()
	c := &client{t: t, in: say, lines: bufio.NewReaderSize(hear, 1<<20), done: make(chan error, 1)}
	go func() {
		err := s.Lines(context.Background(), in, out)
		out.Close()
		c.done <- err
	}()
	t.Cleanup(func() { say.Close(); hear.Close() })
	c.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	c.answer("0")
	c.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c
}

func (c *client) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) call(id, name, input, meta string) {
	c.t.Helper()
	c.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":{"input":%q},"_meta":{%s}}}`, id, name, input, meta))
}

// answer waits for the answer to a request.
func (c *client) answer(id string) string {
	c.t.Helper()
	for i, line := range c.held {
		if is(line, id) {
			c.held = append(c.held[:i:i], c.held[i+1:]...)
			return line
		}
	}
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			c.t.Fatalf("no answer to %s: %v", id, err)
		}
		if is(line, id) {
			return line
		}
		c.held = append(c.held, line)
	}
}

func is(line, id string) bool {
	var m struct {
		ID     json.RawMessage
		Method string
	}
	return json.Unmarshal([]byte(line), &m) == nil && string(m.ID) == id && m.Method == ""
}

func expect(t *testing.T, answer string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		without, negated := strings.CutPrefix(part, "!")
		if strings.Contains(answer, without) == negated {
			t.Errorf("%q in %s", part, answer)
		}
	}
}

// TestCalls: an agent sees the tools that it has a capability for; what it calls happens once for
// its key; what it may not is refused in words, with a receipt.
func TestCalls(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.allow("scout", "a.count")
	s := d.server("scout", func(s *serve.Server) { s.Tell = true })
	c := speak(t, s)
	c.say(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	expect(t, c.answer("1"), `"name":"a_count"`, `"name":"mythos_log"`, "!b_count")
	for i, replayed := range []string{"!replayed", `"mythos/replayed":true`} {
		c.call(fmt.Sprint(2+i), "a_count", "x", `"mythos/idempotencyKey":"k"`)
		expect(t, c.answer(fmt.Sprint(2+i)), `"text":"counted x"`, `"mythos/key":"scout/k/k"`, `"mythos/receipt":"`, `"mythos/capability":"`, "Receipt ", replayed)
	}
	c.call("4", "a_count", "y", `"mythos/idempotencyKey":"k"`)
	expect(t, c.answer("4"), "stands for a call with other arguments", `"isError":true`)
	c.call("5", "b_count", "x", "")
	expect(t, c.answer("5"), "Refused (403): scout holds no capability for tool b.count", "mythos agent add scout --tools b.count", `"isError":true`, `"receipt":"`)
	c.say(`{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"a_count","arguments":{"input":5}}}`)
	expect(t, c.answer("6"), "do not fit the tool's schema", "/input", "Nothing happened")
	c.say(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a_count","arguments":{"input":"x","more":1e999999999}}}`)
	expect(t, c.answer("7"), "more than 400 digits", "Nothing happened")
	c.call("8", "none", "x", "")
	expect(t, c.answer("8"), `"error":{"code":-32602`)
	if d.counted() != 1 {
		t.Errorf("%d calls", d.counted())
	}
	c.in.Close()
	if err := <-c.done; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestCut: a call whose client went away and that is asked again happens once, on the same
// connection and on another; equal calls that are both waited for are two.
func TestCut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.allow("scout", "a.count")
	s := d.server("scout")
	c := speak(t, s)
	free := d.block()
	c.call("1", "a_count", "x", "")
	c.call("2", "a_count", "x", "")
	<-d.began
	<-d.began
	c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	d.left(1)
	c.call("3", "a_count", "x", "")
	c.call("4", "a_count", "last", "")
	<-d.began
	c.in.Close()                    // nobody waits for any of them
	go io.Copy(io.Discard, c.lines) //nolint:errcheck // until it ends
	d.left(3)
	again := speak(t, s)
	again.call("1", "a_count", "last", "")
	free()
	expect(t, again.answer("1"), "counted last", `"mythos/adopted":true`)
	again.call("2", "a_count", "last", "")
	expect(t, again.answer("2"), "counted last", "!adopted", "!replayed")
	<-d.began
	if d.counted() != 4 {
		t.Errorf("%d calls", d.counted())
	}
	for i := range 2 { // the two that were both waited for
		id := fmt.Sprint(3 + i)
		again.call(id, "a_count", "x", "")
		expect(t, again.answer(id), "counted x", `"mythos/adopted":true`)
	}
	again.call("5", "a_count", "x", "")
	expect(t, again.answer("5"), "counted x", "!adopted")
	if d.counted() != 5 {
		t.Errorf("%d calls", d.counted())
	}
	again.in.Close()
	<-again.done
	<-c.done
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestDefined: a tool that says what it takes gets the arguments as they are, in plain form, and one
// that says what it answers is held to it.
func TestDefined(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(web.Close)
	spec := toolbox.ToolSpec{Name: "echo", HTTP: web.URL, Description: "says it again",
		InputSchema:  []byte(`{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["n"],"definitions":{"n":{"type":"integer"}},"properties":{"n":{"$ref":"#/definitions/n"}}}`),
		OutputSchema: []byte(`{"type":"object","properties":{"n":{"maximum":9007199254740993}},"additionalProperties":false}`)}
	first, err := d.Toolbox.Add(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	spec.Name, spec.Description = "other", "says it once more"
	if second, err := d.Toolbox.Add(t.Context(), spec); err != nil || second.Tool.ID == first.Tool.ID {
		t.Error(second.Tool.ID, err)
	}
	for _, bad := range []string{`[]`, `{"type":7}`, `{"$ref":"http://127.0.0.1:1/x"}`, `{"a":1,"a":2}`} {
		spec.InputSchema = []byte(bad)
		if _, err := d.Toolbox.Add(t.Context(), spec); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	d.allow("scout", "echo")
	c := speak(t, d.server("scout"))
	c.say(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	expect(t, c.answer("1"), `"description":"says it again"`, `"required":["n"]`, `"maximum":9007199254740993`)
	call := func(id, arguments string) string {
		c.say(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"echo","arguments":` + arguments + `}}`)
		return c.answer(id)
	}
	expect(t, call("2", `{ "n":9007199254740993 }`), `"structuredContent":{"n":9007199254740993}`, `"text":"{\"n\":9007199254740993}"`, "!isError")
	expect(t, call("3", `{"n":"x"}`), `"isError":true`, "do not fit the tool's schema", "Nothing happened")
	expect(t, call("4", `{"n":9007199254740994}`), `"isError":true`, "It has happened", "!structuredContent")
	expect(t, call("5", `{"n":1,"m":2}`), `"isError":true`, "It has happened")
}

// TestHostile: what is not a message, twice there, or a batch ends nothing.
func TestHostile(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.allow("scout", "a.count")
	c := speak(t, d.server("scout"))
	huge := `"` + strings.Repeat("i", 2000) + `"`
	for _, line := range []string{"junk", "{", `{"jsonrpc":"2.0"}`, `{"jsonrpc":"1.0","id":1,"method":"ping"}`, "[]", "[1,2]", `{"id":1,"id":2,"jsonrpc":"2.0","method":"ping"}`,
		`{"jsonrpc":"2.0","id":` + huge + `,"method":"ping"}`, `{"jsonrpc":"2.0","id":9,"result":{}}`, `{"jsonrpc":"2.0","id":` + strings.Repeat("[", 20000) + `,"method":"ping"}`} {
		c.say(line)
	}
	free := d.block()
	c.call("1", "a_count", "x", "")
	<-d.began
	c.call("1", "a_count", "x", "")
	expect(t, c.answer("1"), `"error":{"code":-32600`, "a running request")
	free()
	expect(t, c.answer("1"), "counted x")
	c.say(`[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","id":3,"method":"ping"}]`)
	c.answer("2")
	c.answer("3")
	if len(c.held) != 0 || d.counted() != 1 {
		t.Errorf("%d calls, also heard: %.300q", d.counted(), c.held)
	}
}

// TestLong: a long result is cut, and the rest is there for the agent whose receipt names it, and
// for no other.
func TestLong(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.allow("scout", "a.count")
	d.allow("other", "b.count")
	c := speak(t, d.server("scout"))
	c.call("1", "a_count", "long", "")
	answer := c.answer("1")
	expect(t, answer, `"type":"resource_link"`, `"size":100000`, "the first 4096 of 100000 bytes")
	_, after, _ := strings.Cut(answer, `"uri":"mythos://blob/`)
	cid, _, _ := strings.Cut(after, `"`)
	_, after, _ = strings.Cut(answer, `"mythos/receipt":"`)
	receipt, _, _ := strings.Cut(after, `"`)
	o := speak(t, d.server("other"))
	for i, uri := range []string{"mythos://blob/" + cid + "?offset=99995", "mythos://receipt/" + receipt} {
		id := fmt.Sprint(2 + i)
		read := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"resources/read","params":{"uri":%q}}`, id, uri)
		c.say(read)
		expect(t, c.answer(id), []string{`"text":"56789"`, `\"status\":200`}[i])
		o.say(read)
		expect(t, o.answer(id), `"error":{"code":-32`, "not found", "!56789")
	}
	for i, one := range []struct{ name, arguments, has string }{
		{"mythos_fetch", fmt.Sprintf(`{"cid":%q,"offset":99995,"length":3}`, cid), `\"text\":\"567\"`},
		{"mythos_receipt", fmt.Sprintf(`{"receipt":%q}`, receipt), `\"status\":200`},
		{"mythos_why", fmt.Sprintf(`{"receipt":%q}`, receipt), "apability"},
	} {
		id := fmt.Sprint(4 + i)
		say := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, id, one.name, one.arguments)
		c.say(say)
		expect(t, c.answer(id), one.has, "!isError")
		o.say(say)
		expect(t, o.answer(id), "no receipt of this agent names it", `"isError":true`)
	}
	log := `{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"mythos_log","arguments":{}}}`
	c.say(log)
	expect(t, c.answer("8"), receipt, `a.count`)
	o.say(log)
	expect(t, o.answer("8"), "!"+receipt, "!a.count")
	c.say(`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"mythos_capabilities"}}`)
	expect(t, c.answer("9"), `a_count`, `{\"calls\":99}`)
}

// TestLibrary: the library's own client lists, calls, hears of progress and of changes.
func TestLibrary(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.allow("scout", "a.count")
	s := d.server("scout", func(s *serve.Server) { s.Beat = time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.Watch(ctx)
	in, say := io.Pipe()
	hear, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- s.Lines(ctx, in, out) }()
	changed, progress := make(chan bool, 100), make(chan bool, 1000)
	c := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, &mcp.ClientOptions{
		ToolListChangedHandler:      func(context.Context, *mcp.ToolListChangedRequest) { changed <- true },
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) { progress <- true }})
	cs, err := c.Connect(ctx, &mcp.IOTransport{Reader: hear, Writer: say}, nil)
	if err != nil {
		t.Fatal(err)
	}
	free := d.block()
	go func() { // the tool ends when the client has heard that it runs
		<-progress
		free()
	}()
	call := &mcp.CallToolParams{Name: "a_count", Arguments: map[string]any{"input": "x"}}
	call.SetProgressToken("p")
	res, err := cs.CallTool(ctx, call)
	if err != nil || res.Content[0].(*mcp.TextContent).Text != "counted x" || res.Meta["mythos/receipt"] == nil {
		t.Fatal(res, err)
	}
	d.allow("scout", "b.count")
	<-changed
	list, err := cs.ListTools(ctx, nil)
	if err != nil || list.Tools[0].Name != "a_count" || list.Tools[1].Name != "b_count" {
		t.Fatal(list, err)
	}
	if err := cs.Close(); err != nil {
		t.Error(err)
	}
	<-done
}
