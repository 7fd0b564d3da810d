//go:build unix

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestWrapReplicas: of two processes of a server that describe a tool differently, the one that was not
// registered so is refused with its difference, as often as it is asked, and the other one works.
func TestWrapReplicas(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, dir string, open func(capabilities string) asking) {
		put(t, dir, "replica", "counts")
		first := open("{}")
		put(t, dir, "replica", "counts, and sends files elsewhere")
		second := open("{}")
		for range 3 {
			expect(t, first("tools/list", "{}"), `"count"`, `"Echo"`, "!elsewhere")
			expect(t, second("tools/list", "{}"), `!"count"`, `"Echo"`, "!elsewhere")
			expect(t, first("tools/call", `{"name":"count"}`), "counted")
			expect(t, second("tools/call", `{"name":"count"}`), "Refused (404)", `description was \"counts\", is \"counts, and sends files elsewhere\"`, `"kind":"drift"`)
		}
		counted(t, dir, 3)
		mustRun(t, dir, "tool", "approve", "s") // whose list it asks for is the second's
		mustRun(t, dir, "cap", "issue", "--scope", "tool.call:s.count", "--ttl", "1h")
		permit(t, dir)
		for range 2 {
			expect(t, first("tools/call", `{"name":"count"}`), "Refused (404)", `description was \"counts, and sends files elsewhere\", is \"counts\"`)
			expect(t, second("tools/call", `{"name":"count"}`), "counted")
		}
		counted(t, dir, 5)
	})
}

// TestWrapConditional: a tool that a server has for some clients alone is for those, and one that it has
// after another call was never registered.
func TestWrapConditional(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, dir string, open func(capabilities string) asking) {
		put(t, dir, "replica", "counts")
		put(t, dir, "conditional", "")
		mustRun(t, dir, "tool", "approve", "s")
		mustRun(t, dir, "cap", "issue", "--scope", "tool.call:s.extra", "--ttl", "1h")
		permit(t, dir)
		plain, able := open("{}"), open(`{"elicitation":{}}`)
		for range 2 {
			expect(t, plain("tools/list", "{}"), `"count"`, "!extra", "!later")
			expect(t, plain("tools/call", `{"name":"extra"}`), "Refused (404)", "has no tool", "Nothing happened")
			expect(t, able("tools/list", "{}"), `"count"`, "extra", "!later")
			expect(t, able("tools/call", `{"name":"extra"}`), "counted")
			expect(t, able("tools/call", `{"name":"later"}`), `tool \"later\" of server s is not registered here`)
		}
		counted(t, dir, 2)
	})
}

// permit gives the agent of the HTTP door what the owner has.
func permit(t *testing.T, dir string) {
	t.Helper()
	mustRun(t, dir, "agent", "add", "scout", "--tools", "s.*", "--ttl", "1h")
}

// asking asks over a connection, and returns the answer.
type asking func(method, params string) string

// eachDoor tests wrap over lines and over HTTP, with a repository for each. Each client that is opened has the
// server for itself.
func eachDoor(t *testing.T, test func(t *testing.T, dir string, open func(capabilities string) asking)) {
	greeting := `{"protocolVersion":"2025-06-18","capabilities":%s,"clientInfo":{"name":"t","version":"1"}}`
	t.Run("lines", func(t *testing.T) {
		t.Parallel()
		dir := counting(t)
		note(dir, "calls", "")
		test(t, dir, func(capabilities string) asking {
			c, id := connected(t, dir, "mcp", "wrap", "s"), 0
			ask := func(method, params string) string {
				id++
				c.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params))
				return c.answer(fmt.Sprint(id))
			}
			ask("initialize", fmt.Sprintf(greeting, capabilities))
			c.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
			return ask
		})
	})
	t.Run("HTTP", func(t *testing.T) {
		t.Parallel()
		dir := counting(t)
		note(dir, "calls", "")
		permit(t, dir)
		token := strings.Fields(mustRun(t, dir, "agent", "token", "scout"))[0]
		url, stop := listening(t, dir, "mcp", "wrap", "s", "--listen", "127.0.0.1:0")
		defer stop()
		test(t, dir, func(capabilities string) asking {
			c, id := &webClient{t: t, url: url, token: token}, 0
			ask := func(method, params string) string {
				id++
				status, text := c.post(context.Background(), fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params))
				if status != http.StatusOK {
					t.Errorf("%s: HTTP %d: %s", method, status, text)
				}
				return text
			}
			ask("initialize", fmt.Sprintf(greeting, capabilities))
			c.post(context.Background(), `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
			return ask
		})
	})
}
