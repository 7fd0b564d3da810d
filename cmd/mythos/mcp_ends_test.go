//go:build unix

package main

import (
	"strings"
	"testing"
)

// TestLastWord: a client that has said all it has to say gets its answers, as the input of a script ends before its output
// is read. Nobody knows whether they are read: an equal call takes over what was made, and the tool does not run again.
func TestLastWord(t *testing.T) {
	t.Parallel()
	for _, door := range [][]string{{"wrap", "s", "count"}, {"serve", "s_count"}} {
		dir := counting(t)
		note(dir, "calls", "")
		mustRun(t, dir, "agent", "add", "scout", "--tools", "s.*", "--ttl", "1h")
		for n, adopted := range []string{"!adopted", `"mythos/adopted":true`} {
			c := connected(t, dir, append(append([]string{"mcp"}, door[:len(door)-1]...), "--agent", "scout")...)
			c.say(strings.Join([]string{
				`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
				`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
				`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`,
				`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"` + door[len(door)-1] + `","arguments":{"n":1}}}`}, "\n"))
			if err := c.in.Close(); err != nil {
				t.Fatal(err)
			}
			expect(t, c.answer("0"), `"result"`)
			expect(t, c.answer("1"), "count")
			expect(t, c.answer("2"), "counted", adopted)
			for range c.lines {
			}
			if err := c.Wait(); err != nil {
				t.Errorf("%v: %s", err, c.err.String())
			}
			if counted(t, dir, 1); t.Failed() {
				t.Fatalf("%v, time %d", door, n)
			}
		}
	}
}

// TestWrapWaits: a client that asked for progress hears what its call waits for, and then the progress of the tool as its server
// tells it.
func TestWrapWaits(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	note(dir, "calls", "")
	mustRun(t, dir, "key", "gen", "bob")
	mustRun(t, dir, "trust", "add", "bob", "--for", "approve/ops")
	mustRun(t, dir, "agent", "add", "scout", "--tools", "s.*", "--approve", "1/ops", "--ttl", "1h")
	c := wrapped(t, dir, "--agent", "scout")
	c.call("1", `{"n":1}`, `"progressToken":"p"`)
	expect(t, c.next(), `"method":"notifications/progress"`, `"progressToken":"p","progress":-1,"message":"waits for approval `, `0 of 1 agreed, since `)
	id, _, _ := strings.Cut(mustRun(t, dir, "approve", "ls"), "\t")
	mustRun(t, dir, "approve", "sign", id, "--key", "bob")
	expect(t, c.answer("1"), "counted")
	if last := c.held[len(c.held)-1]; last != `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}` {
		t.Errorf("%q", c.held)
	}
	counted(t, dir, 1)
	c.leave()
}
