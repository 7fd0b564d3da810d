package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrapPolicy: what a tool's policy says holds for the calls of a client that is there already.
func TestWrapPolicy(t *testing.T) {
	t.Parallel()
	dir := counting(t)
	note(dir, "calls", "")
	c := wrapped(t, dir)
	mustRun(t, dir, "tool", "policy", "s.count", "--key-from", "/n")
	c.call("1", `{"n":"x"}`, "")
	expect(t, c.answer("1"), "counted", `/a/\"x\""`, "!replayed")
	c.call("2", `{"n":"x"}`, "")
	expect(t, c.answer("2"), "counted", `"mythos/replayed":true`)
	c.call("3", `{"n":"x","m":1}`, "")
	expect(t, c.answer("3"), "stands for a call with other arguments")
	c.call("4", `{"m":"x"}`, "")
	expect(t, c.answer("4"), "Refused (400)", "its key is at /n, which is missing", "Nothing happened", `"receipt":"`)
	c.call("5", `{"m":"x"}`, `"mythos/idempotencyKey":"k"`)
	expect(t, c.answer("5"), "counted", "/k/k")
	counted(t, dir, 2)

	mustRun(t, dir, "tool", "policy", "s.count", "--key-from", "", "--read")
	for _, id := range []string{"6", "7"} {
		c.call(id, `{"n":"x"}`, "")
		expect(t, c.answer(id), "counted", `"mythos/receipt":"`, `!"mythos/key"`, "!adopted")
	}
	counted(t, dir, 4)

	mustRun(t, dir, "tool", "policy", "s.count", "--read=false", "--cancellable")
	if err := os.WriteFile(filepath.Join(dir, "block"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.call("8", `{"n":"y"}`, "")
	counted(t, dir, 5)
	c.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}`)
	heard := func() bool {
		return strings.Contains(string(must2(os.ReadFile(filepath.Join(dir, "heard")))), `"notifications/cancelled"`)
	}
	waitFor(t, heard, &c.err)
	c.call("9", `{"n":"y"}`, "")
	expect(t, c.answer("9"), "Nobody knows what became of this call", "Check before asking again")
	counted(t, dir, 5)
	if err := os.Remove(filepath.Join(dir, "block")); err != nil {
		t.Fatal(err)
	}
	c.leave()
	mustRun(t, dir, "ledger", "verify")
}
