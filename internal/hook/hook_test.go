package hook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/hook"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// desk is a repository with declared tools that scout may call.
type desk struct {
	*repo.Repo
	t *testing.T
}

func newDesk(t *testing.T, tools ...string) *desk {
	t.Helper()
	n := peertest.Repo(t, "alice")
	for _, name := range tools {
		if _, err := n.Toolbox.Add(t.Context(), toolbox.ToolSpec{Name: name, Declared: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := agents.Add(t.Context(), n, agents.Spec{Name: "scout", Tools: tools, Calls: 3, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	return &desk{n, t}
}

func (d *desk) hook(harness, agent string) *hook.Hook {
	d.t.Helper()
	h, ok := hook.For(harness)
	if !ok {
		d.t.Fatalf("no harness %q", harness)
	}
	a, err := agents.Named(d.t.Context(), d.Repo, agent)
	if err != nil {
		d.t.Fatal(err)
	}
	return hook.New(h, &session.Session{Gate: d.Gate, KV: d.DB, Agent: agent, Bounded: true,
		Held: func(ctx context.Context) ([]caps.Chain, error) { return a.Held(ctx, d.Repo) }})
}

// tell hands an event to a hook.
func (d *desk) tell(k *hook.Hook, event string) (exec.Outcome, error) {
	d.t.Helper()
	e, err := k.Harness.Parse([]byte(event))
	if err != nil {
		d.t.Fatal(err)
	}
	if e.After {
		return k.After(d.t.Context(), e)
	}
	_, err = k.Before(d.t.Context(), e)
	return exec.Outcome{}, err
}

func (d *desk) state(tool, key string) ledger.State {
	d.t.Helper()
	t, err := d.Tools.Find(d.t.Context(), tool)
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := d.Ledger.Read(d.t.Context(), ledger.IdemID(t.ID, []byte(key)))
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

// records are the calls that wait for their outcome.
func (d *desk) records() (n int) {
	d.t.Helper()
	if err := kv.Scan(d.t.Context(), d.DB, kv.Declared, func(string, []byte) error { n++; return nil }); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// event is a harness's; more are further members.
func event(name, tool, input, more string) string {
	return fmt.Sprintf(`{"session_id":"s","conversation_id":"s","generation_id":"g","cwd":"/proj","permission_mode":"default","model":"m","hook_event_name":%q,"tool_name":%q,"tool_input":%s%s}`, name, tool, input, more)
}

const (
	ls  = `{"command":"ls","description":"List"}`
	one = `,"tool_use_id":"toolu_1"`
)

// TestCall: what is asked for is charged and registered, what is told is recorded as it was
// written, and a second question or telling changes nothing.
func TestCall(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "claude.Bash")
	k := d.hook("claude", "scout")
	const key = "scout/h/claude/s/toolu_1"
	if _, err := d.tell(k, event("PreToolUse", "Bash", ls, one)); err != nil {
		t.Fatal(err)
	}
	if s := d.state("claude.Bash", key); s.At(d.Now()) != ledger.StatusUnknown || s.Fence != 1 || *s.Request != object.Sum([]byte(`{"command":"ls","description":"List"}`)) {
		t.Errorf("%+v", s)
	}
	if _, err := d.tell(k, event("PreToolUse", "Bash", ls, one)); !errors.Is(err, hook.ErrAskedBefore) {
		t.Errorf("asked again: %v", err)
	}
	out, err := d.tell(k, event("PostToolUse", "Bash", `{ "description":"List", "command":"ls" }`, one+`,"tool_response":{"stdout": "a\n"}`))
	if err != nil || out.Status != 200 || string(out.Body) != `{"stdout": "a\n"}` {
		t.Fatalf("%+v, %v", out, err)
	}
	r, _, err := ledger.OpenReceipt(out.ReceiptRaw)
	if err != nil {
		t.Fatal(err)
	}
	tool, err := d.Tools.Find(t.Context(), "claude.Bash")
	if err != nil {
		t.Fatal(err)
	}
	module, err := tool.Module.Hash()
	if err != nil || len(r.Evidence) != 2 || r.Evidence[1] != module || !strings.HasPrefix(*r.Notes, "declared by claude, for scout") {
		t.Errorf("%v, %+v", err, r)
	}
	held, err := d.hook("claude", "scout").Session.Held(t.Context())
	if err != nil || r.Evidence[0] != held[0][0].ID {
		t.Errorf("the receipt is under %s: %v", r.Evidence[0].Short(), err)
	}
	if left, err := d.Quotas.Left(t.Context(), held[0]); err != nil || left["calls"] != 2 {
		t.Errorf("left: %v, %v", left, err)
	}
	if s := d.state("claude.Bash", key); s.At(d.Now()) != ledger.StatusCommitted || d.records() != 0 {
		t.Errorf("%s, %d records", s.At(d.Now()), d.records())
	}
	for _, again := range []string{"PreToolUse", "PostToolUse"} {
		_, err := d.tell(k, event(again, "Bash", ls, one+`,"tool_response":"another"`))
		if !errors.Is(err, hook.ErrAskedBefore) && !errors.Is(err, hook.ErrNotAsked) {
			t.Errorf("%s again: %v", again, err)
		}
	}
	if s := d.state("claude.Bash", key); s.At(d.Now()) != ledger.StatusCommitted || s.Commit.ResponseHash != out.ResponseHash {
		t.Errorf("%+v", s)
	}
}

// TestHarnesses: each harness's documented events, from the question to the outcome.
func TestHarnesses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harness, tool, before, after string
		status                       uint16
		response                     string
	}{
		"a failure of Claude Code": {"claude", "claude.Bash", event("PreToolUse", "Bash", ls, one), event("PostToolUseFailure", "Bash", ls, one+`,"error":"exit 1","is_interrupt":false`), 500, `"exit 1"`},
		"Codex":                    {"codex", "codex.Bash", event("PreToolUse", "Bash", ls, one+`,"turn_id":"t"`), event("PostToolUse", "Bash", ls, one+`,"turn_id":"t","tool_response":"a\n"`), 200, `"a\n"`},
		"a tool of MCP in Codex":   {"codex", "codex.mcp__fs__read", event("PreToolUse", "mcp__fs__read", `{"path":"/a"}`, one), event("PostToolUse", "mcp__fs__read", `{"path":"/a"}`, one+`,"tool_response":{"content":[],"isError":true}`), 500, `{"content":[],"isError":true}`},
		"Gemini CLI":               {"gemini", "gemini.run_shell_command", event("BeforeTool", "run_shell_command", ls, ""), event("AfterTool", "run_shell_command", ls, `,"tool_response":{"llmContent":"a","returnDisplay":"a"}`), 200, `{"llmContent":"a","returnDisplay":"a"}`},
		"an error of Gemini CLI":   {"gemini", "gemini.read_file", event("BeforeTool", "read_file", ls, ""), event("AfterTool", "read_file", ls, `,"tool_response":{"llmContent":"","error":{"message":"no file"}}`), 500, `{"llmContent":"","error":{"message":"no file"}}`},
		"Cursor":                   {"cursor", "cursor.Shell", event("preToolUse", "Shell", ls, one), event("postToolUse", "Shell", ls, one+`,"tool_output":"{\"exitCode\":0}","duration":5`), 200, `"{\"exitCode\":0}"`},
		"a timeout of Cursor":      {"cursor", "cursor.Shell", event("preToolUse", "Shell", ls, one), event("postToolUseFailure", "Shell", ls, one+`,"error_message":"30 s","failure_type":"timeout"`), 504, `"30 s"`},
		"a command of Cursor": {"cursor", "cursor.Shell", `{"conversation_id":"s","hook_event_name":"beforeShellExecution","command":"ls","cwd":"/proj"}`,
			`{"conversation_id":"s","hook_event_name":"afterShellExecution","command":"ls","output":"a","duration":5}`, 200, `"a"`},
		"a tool of MCP in Cursor": {"cursor", "cursor.read", event("beforeMCPExecution", "read", `"{\"path\":\"/a\"}"`, `,"command":"fs"`),
			event("afterMCPExecution", "read", `"{ \"path\": \"/a\" }"`, `,"result_json":"{\"isError\":true}"`), 500, `"{\"isError\":true}"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, c.tool)
			k := d.hook(c.harness, "scout")
			if _, err := d.tell(k, c.before); err != nil {
				t.Fatal(err)
			}
			out, err := d.tell(k, c.after)
			if err != nil || out.Status != c.status || string(out.Body) != c.response {
				t.Fatalf("status %d, %s, %v", out.Status, out.Body, err)
			}
			if _, err := d.tell(k, c.after); !errors.Is(err, hook.ErrNotAsked) {
				t.Errorf("told again: %v", err)
			}
		})
	}
}

// TestRefused: a tool that is not registered, that somebody else holds the capability for, or
// whose capability is used up, is not allowed, and nothing waits for its outcome.
func TestRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "claude.Bash")
	if _, err := d.Toolbox.Add(t.Context(), toolbox.ToolSpec{Name: "claude.Web", HTTP: "http://127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := agents.Add(t.Context(), d.Repo, agents.Spec{Name: "other", Tools: []string{"claude.Web"}, Calls: 3, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	k := d.hook("claude", "scout")
	for i := range 3 {
		if _, err := d.tell(k, event("PreToolUse", "Bash", ls, fmt.Sprintf(`,"tool_use_id":"t%d"`, i))); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		hook *hook.Hook
		tool string
		is   error
	}{
		"used up":          {k, "Bash", caps.ErrQuota},
		"not registered":   {k, "Edit", exec.ErrNoTool},
		"run here":         {k, "Web", hook.ErrNotDeclared},
		"another's":        {d.hook("claude", "other"), "Bash", caps.ErrDenied},
		"another harness":  {d.hook("codex", "scout"), "Bash", exec.ErrNoTool},
		"a name that none": {k, "../x", exec.ErrNoTool},
	} {
		if _, err := d.tell(c.hook, event("PreToolUse", c.tool, ls, `,"tool_use_id":"new"`)); !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.records() != 3 {
		t.Errorf("%d records", d.records())
	}
	tool, err := d.Tools.Find(t.Context(), "claude.Bash")
	if err != nil {
		t.Fatal(err)
	}
	d.Gate.Runners[exec.KindDeclared] = nil // as in every other process
	held, err := k.Session.Held(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Gate.Do(t.Context(), exec.Effect{Tool: tool.ID, Request: []byte("{}"), Caps: held}); !errors.Is(err, exec.ErrNoTool) {
		t.Errorf("called here: %v", err)
	}
}

// TestEqualCalls: without names, an outcome is the oldest equal call's; another agent's, another
// session's and another input's are none of them.
func TestEqualCalls(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "gemini.read_file")
	if _, err := agents.Add(t.Context(), d.Repo, agents.Spec{Name: "other", Tools: []string{"gemini.read_file"}, Calls: 3, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	k := d.hook("gemini", "scout")
	for range 2 {
		if _, err := d.tell(k, event("BeforeTool", "read_file", ls, "")); err != nil {
			t.Fatal(err)
		}
	}
	after := event("AfterTool", "read_file", ls, `,"tool_response":{}`)
	for name, err := range map[string]error{
		"another agent":   second(d.tell(d.hook("gemini", "other"), after)),
		"another session": second(d.tell(k, strings.Replace(after, `"session_id":"s"`, `"session_id":"z"`, 1))),
		"another input":   second(d.tell(k, strings.Replace(after, "ls", "rm", 1))),
	} {
		if !errors.Is(err, hook.ErrNotAsked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var keys []string
	for range 2 {
		out, err := d.tell(k, after)
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := ledger.OpenReceipt(out.ReceiptRaw)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(r.IdempotencyKey))
	}
	first, then := d.state("gemini.read_file", keys[0]), d.state("gemini.read_file", keys[1])
	if keys[0] == keys[1] || first.Register.TimeObserved >= then.Register.TimeObserved {
		t.Errorf("%q: begun %s and %s", keys, first.Register.TimeObserved, then.Register.TimeObserved)
	}
	if _, err := d.tell(k, after); !errors.Is(err, hook.ErrNotAsked) {
		t.Error(err)
	}
}

func second(_ exec.Outcome, err error) error { return err }

// TestOtherInput: what was run with another input than was asked for is not an outcome of the call.
func TestOtherInput(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "claude.Bash")
	k := d.hook("claude", "scout")
	if _, err := d.tell(k, event("PreToolUse", "Bash", ls, one)); err != nil {
		t.Fatal(err)
	}
	_, err := d.tell(k, event("PostToolUse", "Bash", `{"command":"rm -r /proj"}`, one+`,"tool_response":""`))
	if !errors.Is(err, hook.ErrOtherInput) {
		t.Error(err)
	}
	if s := d.state("claude.Bash", "scout/h/claude/s/toolu_1"); s.At(d.Now()) != ledger.StatusDivergent || s.Commit != nil {
		t.Errorf("%+v", s)
	}
}

// TestSweep: a collection leaves the calls that wait for their outcome, and removes what is over.
func TestSweep(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "claude.Bash")
	k := d.hook("claude", "scout")
	for _, id := range []string{"a", "b"} {
		if _, err := d.tell(k, event("PreToolUse", "Bash", ls, fmt.Sprintf(`,"tool_use_id":%q`, id))); err != nil {
			t.Fatal(err)
		}
	}
	tool, err := d.Tools.Find(t.Context(), "claude.Bash")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Ledger.Resolve(t.Context(), ledger.IdemID(tool.ID, []byte("scout/h/claude/s/a")), ledger.ResolveAbandon, 1, nil, "nobody knows"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Upkeep.GC(t.Context(), false, time.Hour, nil); err != nil {
		t.Fatal(err)
	}
	if d.records() != 1 {
		t.Errorf("%d records", d.records())
	}
	if _, err := d.tell(k, event("PostToolUse", "Bash", ls, `,"tool_use_id":"a","tool_response":""`)); !errors.Is(err, hook.ErrNotAsked) {
		t.Errorf("of an abandoned call: %v", err)
	}
	if _, err := d.tell(k, event("PostToolUse", "Bash", ls, `,"tool_use_id":"b","tool_response":""`)); err != nil {
		t.Error(err)
	}
}

// TestAtOnce: of many questions about one call at once, one is allowed; of many tellings, one
// is recorded.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "claude.Bash")
	k := d.hook("claude", "scout")
	for _, e := range []string{event("PreToolUse", "Bash", ls, one), event("PostToolUse", "Bash", ls, one+`,"tool_response":"a"`)} {
		errs := make([]error, 8)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = d.tell(k, e) })
		}
		all.Wait()
		done := 0
		for _, err := range errs {
			switch {
			case err == nil:
				done++
			case !errors.Is(err, hook.ErrAskedBefore) && !errors.Is(err, hook.ErrNotAsked):
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("%d of %.40s", done, e)
		}
	}
	s := d.state("claude.Bash", "scout/h/claude/s/toolu_1")
	if s.At(d.Now()) != ledger.StatusCommitted || s.Fence != 1 || len(s.History) != 3 {
		t.Errorf("%s, %d attempts, %d entries", s.At(d.Now()), s.Fence, len(s.History))
	}
}

// TestHostile: what is not an event, or more of one than there may be, is refused by name.
func TestHostile(t *testing.T) {
	t.Parallel()
	h, _ := hook.For("claude")
	good := event("PreToolUse", "Bash", ls, one)
	if _, err := h.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":               "",
		"junk":                  "junk",
		"null":                  "null",
		"a list":                "[" + good + "]",
		"two events":            good + good,
		"cut":                   good[:len(good)-1],
		"no event":              `{"session_id":"s"}`,
		"another event":         event("Stop", "Bash", ls, one),
		"another's event":       event("BeforeTool", "Bash", ls, one),
		"a number for a name":   strings.Replace(good, `"Bash"`, "5", 1),
		"an empty name":         strings.Replace(good, `"Bash"`, `""`, 1),
		"a long name":           strings.Replace(good, `"Bash"`, `"`+strings.Repeat("B", 129)+`"`, 1),
		"no session":            strings.Replace(good, `"session_id":"s",`, "", 1),
		"a long session":        strings.Replace(good, `"session_id":"s"`, `"session_id":"`+strings.Repeat("s", 1025)+`"`, 1),
		"a long id":             strings.Replace(good, "toolu_1", strings.Repeat("t", 1025), 1),
		"an id that is a list":  strings.Replace(good, `"toolu_1"`, `["toolu_1"]`, 1),
		"a lone surrogate":      strings.Replace(good, `"ls"`, `"\ud800"`, 1),
		"no text":               strings.Replace(good, `"ls"`, "\"\xff\"", 1),
		"two inputs":            strings.Replace(good, `"tool_input":`, `"tool_input":{},"tool_input":`, 1),
		"two commands":          strings.Replace(good, `"command":`, `"command":"rm","command":`, 1),
		"an escaped second one": strings.Replace(good, `"command":`, `"comm\u0061nd":"rm","command":`, 1),
		"an input that is none": strings.Replace(good, ls, "null", 1),
		"a text for an input":   strings.Replace(good, ls, `"ls"`, 1),
		"a deep input":          strings.Replace(good, ls, `{"a":`+strings.Repeat("[", 300)+strings.Repeat("]", 300)+"}", 1),
		"a deep text":           strings.Replace(good, ls, `"`+strings.Repeat("[", 300)+strings.Repeat("]", 300)+`"`, 1),
		"deep junk":             strings.Repeat("[", 1<<20),
		"no JSON in it":         strings.Replace(good, `"cwd":"/proj"`, `"cwd":{junk}`, 1),
		"a large one":           strings.Replace(good, `"/proj"`, `"`+strings.Repeat("x", hook.MaxEvent)+`"`, 1),
		"an outcome without":    event("PostToolUse", "Bash", ls, one),
	} {
		e, err := h.Parse([]byte(text))
		if !errors.Is(err, hook.ErrEvent) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	e, err := h.Parse([]byte(event("PostToolUse", "Bash", ls, one+`,"tool_response":null`)))
	if err != nil || string(e.Response) != "null" || e.Status != 200 {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestNames: names of sessions and calls that are like others under a key are told apart.
func TestNames(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "claude.Bash")
	k := d.hook("claude", "scout")
	for _, c := range [][2]string{{"a/b", "c"}, {"a", "b/c"}} {
		e := strings.Replace(event("PreToolUse", "Bash", ls, fmt.Sprintf(`,"tool_use_id":%q`, c[1])), `"session_id":"s"`, fmt.Sprintf(`"session_id":%q`, c[0]), 1)
		if _, err := d.tell(k, e); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
}
