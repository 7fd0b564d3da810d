package main

import (
	"encoding/json"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// born is a program that prints when the kernel started it, in its ticks since boot.
const born = `d=$1; read -r a </proc/$$/stat; set -- $a; echo "${22}"`

// TestFreezeProcesses: many processes call while another one freezes everything. No tool was started after the freeze
// had returned, every caller is refused, and a refused call is charged to nobody.
func TestFreezeProcesses(t *testing.T) { //nolint:paralleltest // it sets a variable
	callers := 10
	if os.Getenv("MYTHOS_TEST_ONCE") != "" {
		callers = 64
	}
	const most = 1_000_000
	t.Setenv("MYTHOS_BUSY", "2m")
	dir := repository(t)
	script := filepath.Join(dir, "born.sh")
	if err := os.WriteFile(script, []byte(born+` >>"$d/ran"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, "tool", "add", "born", "--unconfined", "--process", "sh", script, dir)
	mustRun(t, dir, "agent", "add", "scout", "--tools", "born", "--calls", strconv.Itoa(most), "--ttl", "1h")
	serve(t, dir)
	begun, made := make(chan struct{}, callers), make([]int, callers)
	var under sync.WaitGroup
	for i := range callers {
		c := connected(t, dir, "mcp", "serve", "--agent", "scout")
		c.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
		c.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		under.Go(func() {
			defer func() { begun <- struct{}{} }() // also if it fails
			for n := 1; ; n++ {
				c.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"born","arguments":{"input":"%d"}}}`, n, n))
				answer := c.answer(fmt.Sprint(n))
				if !toldBy(answer).done {
					expect(t, answer, "423", "everything is frozen since ", "mythos thaw")
					c.leave()
					return
				}
				if made[i]++; n == 1 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range callers {
		<-begun
	}
	mustRun(t, dir, "freeze", "--reason", "incident 12")
	now, err := osexec.Command("sh", "-c", born).Output()
	if err != nil {
		t.Fatal(err)
	}
	under.Wait()
	all := 0
	for _, n := range made {
		all += n
	}
	text, err := os.ReadFile(filepath.Join(dir, "ran"))
	if err != nil {
		t.Fatal(err)
	}
	ran := strings.Fields(string(text))
	for _, at := range ran {
		if ticks(t, at) > ticks(t, strings.TrimSpace(string(now))) {
			t.Errorf("a tool was started at %s, after the freeze had returned at %s", at, now)
		}
	}
	if len(ran) != all || all < callers {
		t.Errorf("%d calls were made, the tool ran %d times", all, len(ran))
	}
	var agent struct {
		Left int `json:"calls_left"`
	}
	if err := json.Unmarshal([]byte(mustRun(t, dir, "agent", "ls", "--json")), &agent); err != nil || agent.Left != most-all {
		t.Errorf("%d calls are left of %d, %d were made: %v", agent.Left, most, all, err)
	}
	mustRun(t, dir, "ledger", "verify")
}

func ticks(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
