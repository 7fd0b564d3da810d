//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestWrapHostile: whatever a client says, nothing that is not a call with plain arguments happens, each
// request has one answer, and what comes after is served.
func TestWrapHostile(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	note(dir, "calls", "")
	c := wrapped(t, dir)

	// Junk, and what several readers would take for several things.
	for _, junk := range []string{"junk", "{", "[]", "null", `"text"`, "\x00\xff", `{"jsonrpc":"2.0"}`, `{"jsonrpc":"1.0","id":1,"method":"tools/call"}`,
		`{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call","params":{"name":"count"}}`} {
		c.say(junk)
	}
	c.say(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"count"}}`)
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	for i, bad := range []string{`{"a":` + deep + `}`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `{"a":"\ud800"}`, `[]`, `7`} {
		id := fmt.Sprint(10 + i)
		c.call(id, bad, "")
		expect(t, c.answer(id), `"isError":true`, "Nothing happened")
	}
	c.say(`{"jsonrpc":"2.0","id":"mythos/1","method":"tools/call","params":{"name":"count"}}`)
	expect(t, c.answer(`"mythos/1"`), "clients may not use")
	counted(t, dir, 0)

	// A long line, a long id, a batch.
	params := `{"text":"` + strings.Repeat("0123456789", 1<<20) + `"}`
	c.say(`{"jsonrpc":"2.0","id":20,"method":"resources/odd","params":` + params + `}`)
	if got := c.answer("20"); got != `{"jsonrpc":"2.0","id":20,"result":`+params+`}` {
		t.Errorf("%d bytes came back of %d", len(got), len(params))
	}
	long := `"` + strings.Repeat("i", 100<<10) + `"`
	c.call(long, `{}`, "")
	expect(t, c.answer(long), "counted")
	c.say(`[{"jsonrpc":"2.0","id":21,"method":"resources/odd","params":{"n":1.0}},{"jsonrpc":"2.0","id":22,"method":"tools/call","params":{"name":"count"}}]`)
	expect(t, c.answer("21"), `"result":{"n":1.0}`)
	expect(t, c.answer("22"), "counted")
	counted(t, dir, 2)

	// An id that is taken: the second call is refused, whatever it is written like.
	block(t, dir, true)
	c.call("30", `{}`, "")
	counted(t, dir, 3)
	c.call(`"30"`, `{}`, "")
	expect(t, c.answer(`"30"`), "a running call has the id")
	block(t, dir, false)
	expect(t, c.answer("30"), "counted")
	counted(t, dir, 3)
	c.leave()
	mustRun(t, dir, "ledger", "verify")
}
