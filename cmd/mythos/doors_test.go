//go:build unix

package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/config"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// told is what a client reads about its call.
type told struct {
	text string
	exit int  // of a command; 0 also where there is none
	done bool // the call was made, now or before
}

// door is a way in which calls reach the executor.
type door struct {
	name  string
	exit  int  // of a command whose call is refused
	anew  bool // an equal call that is made later is a new one, or refused
	alike bool // another door leads the same way: only its answers are checked
	// ask makes one call, like a client; key is its name, if clients name calls.
	ask func(key, request string) told
}

// house is a repository, another one whose calls it judges, and the open doors of both.
type house struct {
	t            *testing.T
	dir, near    string
	tool, once   string   // ids
	scout, hasty string   // bearer tokens
	cap          string   // of the owner, for note
	caps         []string // all that are in force, except those of agents
	bearer       string
	url          string // of the server
	stops        []func()
}

// doorsOf returns every door of a house. The calls of agents are made for agent.
func (h *house) doorsOf(agent, token string) []*door {
	h.t.Helper()
	tool := func(name string) string { return filepath.Join(h.dir, name) }
	mythos := func(dir string, args ...string) func() told {
		return func() told {
			out, errOut, code := outcome(h.t, command(dir, args...))
			return told{out + errOut, code, code == 0}
		}
	}
	doors := []*door{
		{name: "call", exit: 4, ask: func(key, request string) told {
			return mythos(h.dir, "call", "note", "--key", key, "--in", h.file(request))()
		}},
		{name: "call keyless", exit: 4, anew: true, ask: func(_, request string) told { return mythos(h.dir, "call", "note", "--in", h.file(request))() }},
		{name: "once", exit: 4, ask: func(key, request string) told {
			return mythos(h.dir, "once", "once-"+key, "--in", h.file(request), "--", "sh", tool("once.sh"), h.dir)()
		}},
		{name: "run", exit: 4, ask: func(key, request string) told { return mythos(h.dir, "run", h.program(key, request), "--cap", h.cap)() }},
		{name: "call --at", exit: 4, ask: func(key, request string) told {
			return mythos(h.near, "call", "note", "--key", "near-"+key, "--in", h.file(request), "--at", h.url)()
		}},
		{name: "http", ask: h.overHTTP},
	}
	for _, name := range []string{"claude", "codex", "cursor", "gemini"} {
		doors = append(doors, &door{name: "hook " + name, exit: map[bool]int{false: 2}[name == "cursor"], anew: true, alike: name == "codex" || name == "cursor", ask: h.hook(name, agent)})
	}
	wrap, serve := h.spoken(agent, "mcp", "wrap", "s"), h.spoken(agent, "mcp", "serve")
	return append(doors, &door{name: "mcp wrap", ask: wrap("count", true)}, &door{name: "mcp serve", ask: serve("note", false)},
		&door{name: "mcp wrap --listen", anew: true, ask: h.posted(token, "count", true, "mcp", "wrap", "s")},
		&door{name: "mcp serve --listen", anew: true, ask: h.posted(token, "note", false, "mcp", "serve")})
}

// file makes a file that holds a request.
func (h *house) file(request string) string {
	name := filepath.Join(h.dir, "in-"+object.SumText(request).Short())
	if err := os.WriteFile(name, []byte(request), 0o600); err != nil {
		h.t.Error(err)
	}
	return name
}

// program makes a bundle that makes one call.
func (h *house) program(key, request string) string {
	text := fmt.Sprintf(`.tool note (any) -> any id #%s
.const what bytes x"%s"
.const key bytes x"%s"
.task #"sym:main" () budget { cpu 10000, io 1, writes 0 } trace
	require_cap #%s
	const r0, $what
	effect #%[1]s, r0, r1, r2, $key
	ret r1
`, h.tool, hex.EncodeToString([]byte(request)), hex.EncodeToString([]byte("run-"+key)), h.cap)
	name := filepath.Join(h.dir, "program-"+object.SumText(text).Short())
	bundle, err := asm.Assemble([]byte(text))
	if err == nil {
		err = os.WriteFile(name, bundle, 0o600)
	}
	if err != nil {
		h.t.Error(err)
	}
	return name
}

func (h *house) overHTTP(key, request string) told {
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/v1/tools/note", strings.NewReader(request))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.bearer)
	req.Header.Set("Idempotency-Key", `"http-`+key+`"`)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Error(err)
		return told{}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Error(err)
	}
	return told{fmt.Sprintf("HTTP %d %s %s", res.StatusCode, res.Header, body), 0, res.StatusCode == http.StatusOK}
}

// hook is a harness: it runs what its hook allows, and reports it.
func (h *house) hook(name, agent string) func(key, request string) told {
	events := map[string][2]string{"claude": {"PreToolUse", "PostToolUse"}, "codex": {"PreToolUse", "PostToolUse"},
		"cursor": {"preToolUse", "postToolUse"}, "gemini": {"BeforeTool", "AfterTool"}}[name]
	return func(key, request string) told {
		tell := func(event, rest string) told {
			id := fmt.Sprintf(`,"tool_use_id":%q`, key)
			if name == "gemini" {
				id = ""
			}
			session := map[bool]string{true: "conversation_id", false: "session_id"}[name == "cursor"]
			c := command(h.dir, "hook", name, "--agent", agent)
			c.Stdin = strings.NewReader(fmt.Sprintf(`{%q:"s","hook_event_name":%q,"tool_name":"Shell","tool_input":{"command":%q}%s%s}`, session, event, request, id, rest))
			out, errOut, code := outcome(h.t, c)
			return told{out + errOut, code, code == 0 && out == "{}\n"}
		}
		before := tell(events[0], "")
		if before.done {
			note(h.dir, "calls", request+"\n")
			response := map[bool]string{true: `,"tool_output":"done"`, false: `,"tool_response":"done"`}[name == "cursor"]
			if after := tell(events[1], response); !after.done {
				h.t.Errorf("%s: after the call: %+v", name, after)
			}
		}
		return before
	}
}

// params returns the parameters of a call through MCP: a wrapped server takes the request as it is, serve takes it as a
// text.
func params(tool, request string, plain bool, meta string) string {
	arguments := request
	if !plain {
		arguments = `{"input":` + string(must2(json.Marshal(request))) + `}`
	}
	return fmt.Sprintf(`"method":"tools/call","params":{"name":%q,"arguments":%s,"_meta":{%s}}`, tool, arguments, meta)
}

func toldBy(answer string) told {
	return told{answer, 0, strings.Contains(answer, `"result"`) && !strings.Contains(answer, `"isError":true`)}
}

// spoken is an MCP server over lines; its clients name their calls.
func (h *house) spoken(agent string, args ...string) func(tool string, plain bool) func(key, request string) told {
	c := connected(h.t, h.dir, append(args, "--agent", agent)...)
	h.stops = append(h.stops, c.leave)
	c.say(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	c.answer("0")
	c.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	var mu sync.Mutex
	n := 0
	return func(tool string, plain bool) func(key, request string) told {
		return func(key, request string) told {
			mu.Lock()
			defer mu.Unlock()
			n++
			c.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, n, params(tool, request, plain, `"mythos/idempotencyKey":"`+args[1]+key+`"`)))
			return toldBy(c.answer(fmt.Sprint(n)))
		}
	}
}

// posted is an MCP server over HTTP; its clients do not name their calls.
func (h *house) posted(token, tool string, plain bool, args ...string) func(_, request string) told {
	url, stop := listening(h.t, h.dir, append(args, "--listen", "127.0.0.1:0")...)
	h.stops = append(h.stops, stop)
	c := &webClient{t: h.t, url: url, token: token}
	if status, text := c.post(h.t.Context(), `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`); status != http.StatusOK {
		h.t.Fatalf("HTTP %d: %s", status, text)
	}
	c.post(h.t.Context(), `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	var mu sync.Mutex
	n := 0
	return func(_, request string) told {
		mu.Lock()
		n++
		id := n
		mu.Unlock()
		one := *c
		_, text := one.post(h.t.Context(), fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,%s}`, id, params(tool, request, plain, "")))
		return toldBy(text)
	}
}

// here runs a command and returns its single output.
func (h *house) here(args ...string) string {
	h.t.Helper()
	return strings.TrimSpace(mustRun(h.t, h.dir, append(args, "-q")...))
}

// newHouse makes a house in which alice and bob have the role ops, with two agents: two of ops have to approve each
// call of scout, and hasty may call once in three days.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), near: t.TempDir()}
	for name, text := range map[string]string{"note.sh": `tee -a "$1/calls"`, "once.sh": `tee -a "$1/calls"`, "calls": ""} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, h.near, "init", "--name", "near")
	h.here("init", "--name", "desk")
	for _, name := range []string{"alice", "bob"} {
		h.here("key", "gen", name)
		h.here("trust", "add", name, "--for", "approve/ops")
	}
	add := []string{"tool", "add", "note", "-q", "--unconfined", "--process", "sh", filepath.Join(h.dir, "note.sh"), h.dir}
	h.tool = strings.TrimSpace(mustRun(t, h.dir, add...))
	mustRun(t, h.near, add...)
	mustRun(t, h.dir, "once", "first", "--", "sh", filepath.Join(h.dir, "once.sh"), h.dir)
	h.once = regexp.MustCompile(`once\.\S+`).FindString(mustRun(t, h.dir, "tool", "ls"))
	h.here("cap", "revoke", strings.Fields(mustRun(t, h.dir, "cap", "ls", "-q"))[0])
	mustRun(t, h.dir, "mcp", "add", "s", "--unconfined", "--", "mcpserver", h.dir)
	names := []string{"note", "s.count"}
	for _, name := range []string{"claude", "codex", "cursor", "gemini"} {
		h.here("tool", "add", name+".Shell", "--declared")
		names = append(names, name+".Shell")
	}
	for agent, limit := range map[string][]string{"scout": {"--approve", "2/ops"}, "hasty": {"--rate", "1/3d"}} {
		h.here(append([]string{"agent", "add", agent, "--ttl", "8h", "--tools", strings.Join(names, ",")}, limit...)...)
	}
	h.scout, h.hasty = h.here("agent", "token", "scout"), h.here("agent", "token", "hasty")
	return h
}

// allow gives the owner, and the other house, capabilities with a limit, replacing theirs.
func (h *house) allow(limit string) {
	h.t.Helper()
	for _, id := range h.caps {
		h.here("cap", "revoke", id)
	}
	near := strings.TrimSpace(mustRun(h.t, h.near, "key", "export"))
	h.cap = h.here("cap", "issue", "--to", "self", "--scope", "tool.call:note,"+limit, "--ttl", "8h")
	nearCap := h.here("cap", "issue", "--to", near, "--scope", "tool.call:note,"+limit, "--ttl", "8h")
	h.caps = []string{h.cap, nearCap, h.here("cap", "issue", "--to", "self", "--scope", "tool.call:"+h.once+","+limit, "--ttl", "8h")}
	h.bearer = h.here("cap", "bearer", h.cap, "--ttl", "8h")
	if err := os.WriteFile(filepath.Join(h.near, "cap"), []byte(mustRun(h.t, h.dir, "cap", "export", nearCap)), 0o600); err != nil {
		h.t.Fatal(err)
	}
	mustRun(h.t, h.near, "cap", "import", "cap")
}

// open opens the doors.
func (h *house) open(agent, token string) []*door {
	h.t.Helper()
	url, stop := listening(h.t, h.dir, "serve", "--listen", "127.0.0.1:0")
	h.url, h.stops = url, append(h.stops, stop)
	return h.doorsOf(agent, token)
}

// close closes them.
func (h *house) close() {
	for i := len(h.stops) - 1; i >= 0; i-- {
		h.stops[i]()
	}
	h.stops = nil
}

// people does something with the calls that wait for approval.
func (h *house) people(do func(*repo.Repo, *approval.Standing) error) {
	h.t.Helper()
	dir := filepath.Join(h.dir, repo.Folder)
	cfg, err := config.Load(dir)
	if err != nil {
		h.t.Fatal(err)
	}
	now := testClock()
	if now == nil {
		now = func() object.Time { return object.TimeOf(time.Now()) }
	}
	n, err := repo.Open(h.t.Context(), dir, repo.Options{Config: cfg, Now: now})
	if err != nil {
		h.t.Fatal(err)
	}
	defer n.Close()
	list, err := n.Approvals.Kept(h.t.Context(), false)
	if err != nil || len(list) == 0 {
		h.t.Fatal(len(list), err)
	}
	for _, waiting := range list {
		if err := do(n, waiting); err != nil {
			h.t.Fatal(err)
		}
	}
}

// agree approves everything that waits, in somebody's name. Those for whom a call is made may not, whatever role they
// have.
func (h *house) agree(name string) {
	h.t.Helper()
	h.people(func(n *repo.Repo, waiting *approval.Standing) error {
		for _, own := range []string{"desk", "scout"} {
			key, err := n.KeyNamed(own)
			if own == "desk" {
				key, err = n.Key, nil
			}
			if err != nil {
				return err
			}
			if slices.ContainsFunc(waiting.Agents, key.Agent().Same) {
				if _, err := n.Approvals.Decide(h.t.Context(), waiting.ID, key, true, ""); !errors.Is(err, approval.ErrAgent) {
					return fmt.Errorf("%s agrees to %s: %w", own, waiting.ID.Short(), err)
				}
			}
		}
		key, err := n.KeyNamed(name)
		if err == nil {
			_, err = n.Approvals.Decide(h.t.Context(), waiting.ID, key, true, "")
		}
		return err
	})
}

// ran returns how often a request reached its tool.
func (h *house) ran(request string) int {
	text, err := os.ReadFile(filepath.Join(h.dir, "calls"))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Count(string(text), request)
}

// wantRefused checks what a client reads about a refused call, and that it did not happen.
func (h *house) wantRefused(d *door, got told, request string, words ...string) {
	h.t.Helper()
	if got.done || got.exit != d.exit || h.ran(request) != 0 {
		h.t.Errorf("%s: %s ran %d times, exit code %d: %s", d.name, request, h.ran(request), got.exit, got.text)
	}
	for _, word := range words {
		if !regexp.MustCompile(word).MatchString(got.text) {
			h.t.Errorf("%s: %q is not in: %s", d.name, word, got.text)
		}
	}
}

func nameFor(d *door, what string) (key, request string) {
	key = strings.NewReplacer(" ", "", "-", "").Replace(d.name) + "-" + what
	return key, `{"n":"` + key + `"}`
}

// TestDoors: what is frozen, exceeds a rate, or has not been approved, happens at no door, and every door says what to
// do. What people approved happens once, whoever asks for it at the same time.
func TestDoors(t *testing.T) { //nolint:paralleltest // it sets variables
	t.Setenv("MYTHOS_APPROVAL_WAIT", "50ms")
	h := newHouse(t)
	h.allow("approve=2/ops")
	doors := h.open("scout", h.scout)
	refused := func(what, status string, words ...string) {
		t.Helper()
		for _, d := range doors {
			key, request := nameFor(d, what)
			got := d.ask(key, request)
			h.wantRefused(d, got, request, words...)
			if d.exit != 4 && !strings.Contains(got.text, status) { // a client that reads no exit code reads the status
				t.Errorf("%s: %s is not in: %s", d.name, status, got.text)
			}
		}
	}

	mustRun(t, h.dir, "freeze", "--reason", "incident 12")
	refused("frozen", "423", "everything is frozen since .* by desk: incident 12", "mythos thaw")
	mustRun(t, h.dir, "thaw")

	waits := []string{"waits for approval [0-9a-f]{12} by ops until ", "mythos approve sign [0-9a-f]{12}"}
	refused("call", "428", append(waits, "0 of 2 agreed")...)
	doors = slices.DeleteFunc(doors, func(d *door) bool { return d.alike })
	h.agree("alice")
	key, request := nameFor(doors[0], "call")
	h.wantRefused(doors[0], doors[0].ask(key, request), request, append(waits, "1 of 2 agreed")...)
	h.agree("bob")
	for _, d := range doors {
		key, request := nameFor(d, "call")
		_, other := nameFor(d, "other")
		h.wantRefused(d, d.ask(key, other), other, append(waits, "0 of 2 agreed")...)
		h.twice(d, key, request)
		if again := d.ask(key, request); h.ran(request) != 1 || d.anew == again.done {
			t.Errorf("%s: it ran %d times: %+v", d.name, h.ran(request), again)
		}
	}

	// An approval that was not used in time has expired.
	refused("late", "428", waits...)
	h.agree("alice")
	h.agree("bob")
	h.close()
	t.Setenv(clockVar, "20m")
	doors = slices.DeleteFunc(h.open("scout", h.scout), func(d *door) bool { return d.alike })
	refused("late", "428", append(waits, "0 of 2 agreed")...)
	h.close()

	h.allow("rate=1/3d")
	doors = h.open("hasty", h.hasty)
	for _, d := range doors {
		if !d.alike {
			d.ask(nameFor(d, "first"))
		}
	}
	refused("fast", "429", "its rate is 1/3d", "[Aa]sk again in [0-9]+ s")
	h.close()
	mustRun(t, h.dir, "ledger", "verify")
	mustRun(t, h.dir, "fsck")
}

// twice makes one call two times at the same time.
func (h *house) twice(d *door, key, request string) {
	h.t.Helper()
	both := make(chan told, 2)
	for range 2 {
		go func() { both <- d.ask(key, request) }()
	}
	one, other := <-both, <-both
	if n := h.ran(request); n != 1 || !one.done && !other.done {
		h.t.Errorf("%s: it ran %d times: %+v, %+v", d.name, n, one, other)
	}
}
