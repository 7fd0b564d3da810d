//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// agentClient is an MCP client that sends exactly what it is told to.
type agentClient struct {
	t *testing.T
	*started
	in    io.WriteCloser
	lines chan string
	held  []string // received while another message was waited for
}

// wrapped starts `mythos mcp wrap s` and greets the server.
func wrapped(t *testing.T, dir string, flags ...string) *agentClient {
	t.Helper()
	c := connected(t, dir, append([]string{"mcp", "wrap", "s"}, flags...)...)
	c.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{}},"clientInfo":{"name":"t","version":"1"}}}`)
	if answer := c.answer("0"); !strings.Contains(answer, `"more":{"n":1.0}`) || strings.Contains(answer, "tasks") {
		t.Fatalf("initialize: %s", answer)
	}
	c.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c
}

func connected(t *testing.T, dir string, args ...string) *agentClient {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &agentClient{t: t, started: &started{}, lines: make(chan string, 1000)}
	c.Cmd = command(dir, args...)
	c.Path, c.Env = self, append(os.Environ(), "TESTSCRIPT_COMMAND=mythos")
	c.Stderr = &c.err
	if c.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.lines)
		for r := bufio.NewReaderSize(out, 1<<20); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			c.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c
}

func (c *agentClient) say(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// call calls the tool that counts.
func (c *agentClient) call(id, arguments, meta string) {
	c.t.Helper()
	c.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"count","arguments":%s,"_meta":{%s}}}`, id, arguments, meta))
}

// answer waits for the answer to a request.
func (c *agentClient) answer(id string) string {
	c.t.Helper()
	is := func(line string) bool {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		return json.Unmarshal([]byte(line), &m) == nil && string(m.ID) == id && m.Method == ""
	}
	for i, line := range c.held {
		if is(line) {
			c.held = append(c.held[:i:i], c.held[i+1:]...)
			return line
		}
	}
	limit := time.After(2 * time.Minute)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				_ = c.Wait()
				c.t.Fatalf("it ended without an answer to %s: %s", id, c.err.String())
			}
			if is(line) {
				return line
			}
			c.held = append(c.held, line)
		case <-limit:
			c.t.Fatalf("no answer to %s", id)
		}
	}
}

// next waits for a line.
func (c *agentClient) next() string {
	c.t.Helper()
	select {
	case line := <-c.lines:
		return line
	case <-time.After(2 * time.Minute):
		c.t.Fatal("nothing is said")
		return ""
	}
}

// leave closes the client's end, and waits for the process.
func (c *agentClient) leave() {
	c.t.Helper()
	if err := c.in.Close(); err != nil {
		c.t.Fatal(err)
	}
	for range c.lines {
	}
	if err := c.Wait(); err != nil {
		c.t.Errorf("%v: %s", err, c.err.String())
	}
}

// counting makes a repository with the server that counts, registered as s.
func counting(t *testing.T, flags ...string) (dir string) {
	t.Helper()
	dir = repository(t)
	t.Cleanup(func() { _ = os.Remove(filepath.Join(dir, "block")) })
	mustRun(t, dir, append(append([]string{"mcp", "add", "s", "--unconfined"}, flags...), "--", "mcpserver", dir)...)
	mustRun(t, dir, "cap", "issue", "--scope", "tool.call:s.count", "--ttl", "1h")
	mustRun(t, dir, "cap", "issue", "--scope", "tool.call:s.Echo", "--ttl", "1h")
	return dir
}

// counted waits until the tool was called so many times.
func counted(t *testing.T, dir string, n int) {
	t.Helper()
	var c started
	waitFor(t, func() bool { return calls(t, dir) >= n }, &c.err)
	if got := calls(t, dir); got != n {
		t.Fatalf("%d calls, expected %d", got, n)
	}
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

// TestWrapRetried: a call that was interrupted and is asked for again happens once, whatever identifies it; two equal
// calls that are both waited for are two.
func TestWrapRetried(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	note(dir, "calls", "")
	c := wrapped(t, dir)

	// Keys of the client's own.
	for i, meta := range []string{`"mythos/idempotencyKey":"k1"`, `"claudecode/toolUseId":"toolu_1"`} {
		c.call("1", `{"n":1}`, meta)
		expect(t, c.answer("1"), `"text":"counted"`, `"mythos/receipt":"`, "!replayed", "!adopted")
		c.call("2", `{ "n" : 1 }`, meta)
		expect(t, c.answer("2"), `"text":"counted"`, `"mythos/replayed":true`)
		counted(t, dir, i+1)
	}
	c.call("3", `{"n":2}`, `"mythos/idempotencyKey":"k1"`)
	expect(t, c.answer("3"), "stands for a call with other arguments", `"isError":true`)
	c.call("4", `{"n":2}`, `"mythos/idempotencyKey":7`)
	expect(t, c.answer("4"), "a key is a text", `"isError":true`)
	counted(t, dir, 2)

	// Two that are waited for are two.
	block(t, dir, true)
	c.call("5", `{"n":5}`, "")
	c.call("6", `{"n":5}`, "")
	counted(t, dir, 4)

	// The client no longer waits for one of them: an equal call gets its outcome.
	c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}`)
	c.call("7", `{"n":5}`, "")
	block(t, dir, false)
	expect(t, c.answer("6"), "counted", "!adopted")
	expect(t, c.answer("7"), "counted", `"mythos/adopted":true`)
	counted(t, dir, 4)
	c.call("8", `{"n":5}`, "")
	expect(t, c.answer("8"), "counted", "!adopted")
	counted(t, dir, 5)

	// The client closes its end: work under way continues to its end.
	block(t, dir, true)
	c.call("9", `{"n":9}`, "")
	counted(t, dir, 6)
	if err := c.in.Close(); err != nil {
		t.Fatal(err)
	}
	block(t, dir, false)
	for range c.lines {
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %s", err, c.err.String())
	}
	c = wrapped(t, dir)
	c.call("1", `{"n":9}`, "")
	expect(t, c.answer("1"), "counted", `"mythos/adopted":true`, `"mythos/replayed":true`)
	counted(t, dir, 6)
	c.leave()
	mustRun(t, dir, "ledger", "verify")
}

// TestWrapKilled: if the process between client and server is killed, the outcome of a call is unknown: an equal call
// is told so, and the tool is not called again, unless it is retry-safe.
func TestWrapKilled(t *testing.T) {
	t.Parallel()
	for _, safe := range []bool{false, true} {
		dir := counting(t, map[bool][]string{true: {"--retry-safe"}}[safe]...)
		note(dir, "calls", "")
		block(t, dir, true)
		c := wrapped(t, dir)
		c.call("1", `{"n":1}`, "")
		counted(t, dir, 1)
		if err := c.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		block(t, dir, false)
		for n := range 2 {
			c = wrapped(t, dir)
			c.call("1", `{"n":1}`, "")
			answer := c.answer("1")
			switch {
			case safe && n == 0:
				expect(t, answer, "counted", `"mythos/adopted":true`)
				counted(t, dir, 2)
			case safe:
				expect(t, answer, "counted", "!adopted")
				counted(t, dir, 3)
			case n == 0:
				expect(t, answer, "It may have happened. Check before asking again.", `"isError":true`, `"mythos/adopted":true`)
				counted(t, dir, 1)
			default: // the client was told: asking once more is a new call
				expect(t, answer, "counted", "!adopted")
				counted(t, dir, 2)
			}
			c.leave()
		}
	}
}

// TestWrapBytes: messages between client and server are passed on unchanged.
func TestWrapBytes(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	odd := `{"jsonrpc":"2.0","method":"notifications/odd","params":{ "n":9007199254740993, "price":1.50,"e":1E5,"esc":"\u00e9\/" },"more":true}`
	asks := `{"id":"theirs","jsonrpc":"2.0","method":"roots/list","params":{"n":1.0}}`
	if err := os.WriteFile(filepath.Join(dir, "say"), []byte(odd+"\nno message\n"+asks+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := wrapped(t, dir)
	params := `{"b":1.10,"a":12345678901234567890, "esc":"\u00e9"}`
	c.say(`{"id":"x","jsonrpc":"2.0","method":"resources/odd","params":` + params + `,"own":1e400}`)
	c.say("this is not a message")
	if got := c.answer(`"x"`); got != `{"jsonrpc":"2.0","id":"x","result":`+params+`}` {
		t.Errorf("%s", got)
	}
	if c.held[0] != odd || c.held[1] != asks || len(c.held) != 2 {
		t.Errorf("%q", c.held)
	}
	reply := `{"jsonrpc":"2.0","id":"theirs","result":{"roots":[],"n":1.0}}`
	c.say(reply)
	c.say(`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"Echo","arguments":{ "z":1.50,"a":12345678901234567890,"k":"\u00e9" },"cursor":1.0,"_meta":{"own":1.0,"mythos/fence":7}}}`)
	expect(t, c.answer("5"), `"structuredContent":{"a":12345678901234567890,"k":"é","z":1.50},"price":1.50,"_meta":{"own":1.0,"mythos/receipt":"`, "!forged")
	c.say(`{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"count","_meta":{"progressToken":"p"}}}`)
	expect(t, c.answer("6"), "counted")
	expect(t, strings.Join(c.held, "\n"), `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}`)
	heard, err := os.ReadFile(filepath.Join(dir, "heard"))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, string(heard), "\n"+reply+"\n", `"method":"resources/odd","params":`+params+`,"own":1e400}`+"\n", "!no message",
		`"params":{"name":"Echo","arguments":{"a":12345678901234567890,"k":"é","z":1.50},"cursor":1.0,"_meta":{"own":1.0,"mythos/idempotencyKey":"`, `"mythos/fence":1}`)

	// When a server ends, its open requests fail, and it is started again with the same greeting.
	c.say(`{"jsonrpc":"2.0","id":8,"method":"die"}`)
	expect(t, c.answer("8"), `"error":{"code":-32000`)
	c.call("9", `{}`, "")
	expect(t, c.answer("9"), "counted")
	c.leave()
}

// TestWrapPins: a tool whose description differs from its registration is left out of the list and refused, until
// somebody approves it.
func TestWrapPins(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	c := wrapped(t, dir)
	list := func(id string) string {
		c.say(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/list"}`)
		return c.answer(id)
	}
	if got := list("1"); got != `{"jsonrpc":"2.0","id":1,"result":{ "tools":[ {"name":"count","description":"counts","inputSchema":{"type":"object"},"x":1.0},{"name":"Echo","inputSchema":{}}],"later":1e400 }}` {
		t.Errorf("%s", got)
	}
	note(dir, "calls", "")
	if err := os.WriteFile(filepath.Join(dir, "description"), []byte("counts\u202e and deletes"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.leave()
	c = wrapped(t, dir)
	expect(t, list("2"), `"Echo"`, "!count")
	c.call("3", `{}`, "")
	expect(t, c.answer("3"), "Refused (404)", `description was \"counts\", is \"counts\\u202e and deletes\"`, "mythos tool approve s", `"kind":"drift"`)
	counted(t, dir, 0)
	out := mustRun(t, dir, "tool", "approve", "s", "--dry-run")
	expect(t, out, `changed s.count`, `description was "counts", is "counts\u202e and deletes"`)
	if _, _, code := outcome(t, command(dir, "tool", "approve", "s", "--expect", strings.Repeat("0", 64))); code != 5 {
		t.Errorf("exit code %d", code)
	}
	mustRun(t, dir, "tool", "approve", "s")
	expect(t, list("4"), `"Echo"`, "count")
	c.call("5", `{}`, "")
	expect(t, c.answer("5"), "holds no capability for tool s.count", `--scope tool.call:s.count,calls=1`)
	mustRun(t, dir, "cap", "issue", "--scope", "tool.call:s.count,calls=1,eq:/path=/a", "--ttl", "1h")
	c.say(`{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"count","arguments":{"path":"/b"}}}`)
	expect(t, c.answer("6"), "Refused (403)", `/path is \"/a\"`, "calls=1,eq:/path=/b")
	c.say(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"count","arguments":{"path":"/a"}}}`)
	expect(t, c.answer("7"), "counted")
	counted(t, dir, 1)
	c.say(`{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"other"}}`)
	expect(t, c.answer("8"), `tool \"other\" of server s is not registered here`)
	c.leave()
}

// TestWrapAgent: an agent calls under its own name, and has only what it was given: one limit for all of its tools,
// none of the owner's capabilities, and nothing after it was disabled. The owner's calls do not use up what the agent
// has.
func TestWrapAgent(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	note(dir, "calls", "")
	if _, errOut, code := outcome(t, command(dir, "mcp", "wrap", "s", "--agent", "scout")); code != 3 || !strings.Contains(errOut, "mythos agent add scout") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	mustRun(t, dir, "agent", "add", "scout", "--tools", "s.*", "--calls", "2", "--ttl", "1h")
	c := wrapped(t, dir, "--agent", "scout")
	c.call("1", `{"n":1}`, `"mythos/idempotencyKey":"k"`)
	expect(t, c.answer("1"), "counted", `"mythos/key":"scout/k/k"`)
	mustRun(t, dir, "call", "s.count", "--key", "owner")
	c.say(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"Echo","arguments":{"n":2}}}`)
	expect(t, c.answer("2"), `"structuredContent":{"n":2}`)
	c.call("3", `{"n":3}`, "")
	expect(t, c.answer("3"), "Refused (", "mythos agent add scout --tools s.count --calls 1 --ttl 1h")
	c.call("4", `{"n":1}`, `"mythos/idempotencyKey":"k"`)
	expect(t, c.answer("4"), "counted", `"mythos/replayed":true`)
	counted(t, dir, 2)
	mustRun(t, dir, "agent", "add", "scout", "--tools", "s.count", "--calls", "9", "--ttl", "1h")
	c.call("5", `{"n":5}`, "")
	expect(t, c.answer("5"), "counted")
	mustRun(t, dir, "agent", "disable", "scout")
	c.call("6", `{"n":6}`, "")
	expect(t, c.answer("6"), "Refused (403)", "revo")
	counted(t, dir, 3)
	c.leave()
	log := mustRun(t, dir, "log", "--agent", "scout")
	expect(t, log, "scout/k/k", "s.Echo", "403", "!owner")
	if n := strings.Count(log, "\n"); n != 6 { // three calls, two refusals of a limit, one of authority
		t.Errorf("%d lines: %s", n, log)
	}
	mustRun(t, dir, "ledger", "verify")
	mustRun(t, dir, "fsck")
}

// TestServeKilled: if the process that serves the agent is killed while a tool runs, the agent that asks again is told
// that the outcome is unknown, and the tool is not called again. An answer given by serve also counts for wrap.
func TestServeKilled(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	note(dir, "calls", "")
	mustRun(t, dir, "agent", "add", "scout", "--tools", "s.*", "--ttl", "1h")
	start := func() *agentClient {
		c := connected(t, dir, "mcp", "serve", "--agent", "scout")
		c.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
		expect(t, c.answer("0"), `"listChanged":true`)
		c.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		return c
	}
	say := func(c *agentClient, id, name, rest string) {
		c.say(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + name + `",` + rest + `}}`)
	}
	c := start()
	say(c, "1", "s_Echo", `"arguments":{"n":12345678901234567890,"p":1.50}`)
	expect(t, c.answer("1"), `"structuredContent":{"n":12345678901234567890,"p":1.50},"price":1.50,"_meta":{"own":1.0,"mythos/receipt":"`, "!forged")
	say(c, "2", "s_count", `"arguments":{"n":0},"_meta":{"mythos/idempotencyKey":"k"}`)
	expect(t, c.answer("2"), "counted", `"mythos/key":"scout/k/k"`)
	block(t, dir, true)
	say(c, "3", "s_count", `"arguments":{"n":1}`)
	counted(t, dir, 2)
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	block(t, dir, false)
	c = start()
	say(c, "1", "s_count", `"arguments":{"n":1}`)
	expect(t, c.answer("1"), "It may have happened. Check before asking again.", `"isError":true`, `"mythos/adopted":true`)
	counted(t, dir, 2)
	c.leave()
	c = wrapped(t, dir, "--agent", "scout")
	c.call("1", `{"n":0}`, `"mythos/idempotencyKey":"k"`)
	expect(t, c.answer("1"), "counted", `"mythos/replayed":true`)
	counted(t, dir, 2)
	c.leave()
	mustRun(t, dir, "ledger", "verify")
}
