package tasks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/internal/agents"
	"github.com/mythos-project/mythos/internal/mcp/inspect"
	"github.com/mythos-project/mythos/internal/mcp/serve"
	"github.com/mythos-project/mythos/internal/mcp/session"
	"github.com/mythos-project/mythos/internal/mcp/tasks"
	"github.com/mythos-project/mythos/internal/peer/peertest"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// house is a repository with a tool that counts its calls.
type house struct {
	*repo.Repo
	t     *testing.T
	calls atomic.Int32
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.calls.Add(1)
		_, _ = io.WriteString(w, "counted")
	}))
	t.Cleanup(web.Close)
	h.Repo = peertest.Repo(t, "alice")
	if _, err := h.Toolbox.Add(t.Context(), toolbox.ToolSpec{Name: "count", HTTP: web.URL}); err != nil {
		t.Fatal(err)
	}
	return h
}

// give gives an agent scopes, and returns the ids of the capabilities.
func (h *house) give(agent string, scopes ...string) (ids []object.Hash) {
	h.t.Helper()
	for _, text := range scopes {
		what, err := h.Find.Scope(h.t.Context(), text)
		if err != nil {
			h.t.Fatal(err)
		}
		added, err := agents.Grant(h.t.Context(), h.Repo, agent, what, time.Hour)
		if err != nil {
			h.t.Fatal(err)
		}
		ids = append(ids, added.Cap.ID)
	}
	return ids
}

const running = "compute.spawn:local,workers=5,cpu=1s,io=50"

// server serves an agent. Each is as of a process of its own.
func (h *house) server(agent string, dotted bool) *serve.Server {
	h.t.Helper()
	a, err := agents.Named(h.t.Context(), h.Repo, agent)
	if err != nil {
		h.t.Fatal(err)
	}
	held := func(ctx context.Context) ([]caps.Chain, error) { return a.Held(ctx, h.Repo) }
	view := &inspect.View{Repo: h.Repo, Agent: agent, Held: held}
	desk := &tasks.Desk{Repo: h.Repo, Agent: agent, Bounded: true, Held: held, Reads: view, Until: context.Background()}
	s := &serve.Server{Registry: h.Tools, Texts: h.Store.Bytes, Notef: h.t.Logf, Reads: view, Own: desk.Tools(dotted), Besides: desk.Close,
		Session: &session.Session{Gate: h.Gate, KV: h.DB, Agent: agent, Bounded: true, Held: held, Instance: "i", Alive: func(string) (bool, error) { return true, nil }},
		Usable:  func(c caps.Chain) error { return h.Verifier.Verify(c, h.Self(), h.Now()) }}
	if err := s.Start(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			h.t.Error(err)
		}
	})
	return s
}

// client is the library's, over lines.
func (h *house) client(agent string, dotted bool) *mcp.ClientSession {
	h.t.Helper()
	in, say := io.Pipe()
	hear, out := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.server(agent, dotted).Lines(context.Background(), in, out); err != nil {
			h.t.Error(err)
		}
		out.Close()
	}()
	cs, err := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil).Connect(h.t.Context(), &mcp.IOTransport{Reader: hear, Writer: say}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { cs.Close(); say.Close(); <-done })
	return cs
}

// web is the library's client, over HTTP.
func (h *house) web(agent string) *mcp.ClientSession {
	h.t.Helper()
	s := h.server(agent, false)
	f := &serve.Front{Notef: h.t.Logf, Until: h.t.Context(),
		Server: func(context.Context, string) (*serve.Server, error) { return s, nil },
		Agent: func(_ context.Context, token string) (string, time.Time, error) {
			if token != "secret" {
				return "", time.Time{}, serve.ErrToken
			}
			return agent, time.Now().Add(time.Hour), nil
		}}
	server := httptest.NewServer(f.Handler())
	h.t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	cs, err := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil).Connect(h.t.Context(),
		&mcp.StreamableClientTransport{Endpoint: server.URL, HTTPClient: &http.Client{Transport: bearer{}}, DisableStandaloneSSE: true}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { cs.Close() })
	return cs
}

type bearer struct{}

func (bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer secret")
	return http.DefaultTransport.RoundTrip(r)
}

// answer is what a tool says.
type answer struct {
	TaskRef      string `json:"task_ref"`
	State        string `json:"state"`
	Admission    string `json:"admission"`
	CID          string `json:"cid"`
	Receipt      string `json:"receipt"`
	Replayed     bool   `json:"replayed"`
	Verification string `json:"verification"`
	Size         int    `json:"size"`
	Length       int    `json:"length"`
	Text         string `json:"text"`
	JSON         any    `json:"json"`
	Results      []struct {
		CID    string `json:"cid"`
		Halted bool   `json:"halted"`
		Value  any    `json:"value"`
		Size   int    `json:"size"`
	} `json:"results"`
	Receipts []string `json:"receipts"`

	said   string
	failed bool
}

type args map[string]any

func ask(ctx context.Context, t *testing.T, cs *mcp.ClientSession, tool string, a args) answer {
	t.Helper()
	res, err := cs.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: map[string]any(a)})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	out := answer{said: res.Content[0].(*mcp.TextContent).Text, failed: res.IsError}
	if !out.failed {
		if err := json.Unmarshal([]byte(out.said), &out); err != nil {
			t.Fatalf("%s: %v: %s", tool, err, out.said)
		}
	}
	return out
}

// ended waits until a task has ended.
func ended(t *testing.T, cs *mcp.ClientSession, ref string) answer {
	t.Helper()
	for {
		if a := ask(t.Context(), t, cs, "mythos_status", args{"task_ref": ref}); a.failed || a.State != "running" {
			return a
		}
		time.Sleep(time.Millisecond)
	}
}

// refused expects that a tool says no, in these words.
func refused(t *testing.T, cs *mcp.ClientSession, tool string, a args, words ...string) answer {
	t.Helper()
	got := ask(t.Context(), t, cs, tool, a)
	for _, word := range words {
		if !got.failed || !strings.Contains(got.said, word) {
			t.Errorf("%s: no %q in %.300s", tool, word, got.said)
		}
	}
	return got
}

func assembled(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := asm.Assemble([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func constant(t *testing.T, text string) []byte {
	return assembled(t, fmt.Sprintf(".const greeting text %q\n.task #\"sym:main\" () budget { cpu 1000, io 1, writes 1 }\n\n\tconst r0, $greeting\n\tret r0\n", text))
}

// three is a program that gives a list of three equal texts.
func three(t *testing.T, text string) []byte {
	return assembled(t, fmt.Sprintf(".const part text %q\n.task #\"sym:main\" () budget { cpu 100000, io 1, writes 1 }\n\n\tconst r0, $part\n\tlist r1, r0, r0, r0\n\tret r1\n", text))
}

func b64(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

// TestTasks: over lines and over HTTP, a program is published and submitted, by its content id and
// itself; what it gave is read, short and long.
func TestTasks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.give("scout", running, "blob.write:scout,max=1MiB")
	for name, cs := range map[string]*mcp.ClientSession{"lines": h.client("scout", false), "web": h.web("scout")} {
		bundle := constant(t, "hello "+name)
		p := ask(t.Context(), t, cs, "mythos_publish", args{"base64": b64(bundle)})
		if again := ask(t.Context(), t, cs, "mythos_publish", args{"base64": b64(bundle)}); p.CID == "" || again.CID != p.CID || !again.Replayed || again.Receipt != p.Receipt {
			t.Fatalf("%s: %+v, then %+v", name, p, again)
		}
		s := ask(t.Context(), t, cs, "mythos_submit", args{"key": name, "bundle": p.CID})
		if s.Admission != "accepted" || s.TaskRef == "" {
			t.Fatalf("%s: %s", name, s.said)
		}
		if e := ended(t, cs, s.TaskRef); e.State != "done" || e.Receipt == "" {
			t.Fatalf("%s: %s", name, e.said)
		}
		if again := ask(t.Context(), t, cs, "mythos.submit", args{"key": name, "bundle_base64": b64(bundle)}); again.Admission != "known" || again.TaskRef != s.TaskRef {
			t.Errorf("%s: %s", name, again.said)
		}
		r := ask(t.Context(), t, cs, "mythos_results", args{"task_ref": s.TaskRef})
		if len(r.Results) != 1 || r.Results[0].Value != "hello "+name || r.Results[0].Halted {
			t.Fatalf("%s: %s", name, r.said)
		}
		if f := ask(t.Context(), t, cs, "mythos_fetch", args{"cid": r.Results[0].CID, "task_ref": s.TaskRef, "as": "json"}); f.JSON != "hello "+name || f.Verification != "verified" {
			t.Errorf("%s: %s", name, f.said)
		}
		if f := ask(t.Context(), t, cs, "mythos_fetch", args{"cid": p.CID, "as": "bytes", "offset": 1, "length": 2}); f.Size != len(bundle) || !strings.Contains(f.said, `"base64":"`+b64(bundle[1:3])+`"`) {
			t.Errorf("%s: %s", name, f.said)
		}
		long := ask(t.Context(), t, cs, "mythos_submit", args{"key": "long " + name, "bundle_base64": b64(three(t, strings.Repeat("x", 8000)))})
		ended(t, cs, long.TaskRef)
		r = ask(t.Context(), t, cs, "mythos_results", args{"task_ref": long.TaskRef})
		if len(r.Results) != 1 || r.Results[0].Value != nil || r.Results[0].Size < 24_000 {
			t.Fatalf("%s: %s", name, r.said)
		}
		if f := ask(t.Context(), t, cs, "mythos_fetch", args{"cid": r.Results[0].CID, "task_ref": long.TaskRef}); f.Length != r.Results[0].Size {
			t.Errorf("%s: %d of %d bytes", name, f.Length, r.Results[0].Size)
		}
	}
	list, err := h.client("scout", true).ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != 5 || list.Tools[4].Name != "mythos.submit" || list.Tools[4].Annotations.ReadOnlyHint {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestOnce: whoever asks again under one key, at once or after being cut off, has one task.
func TestOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.give("scout", running, "tool.call:count,calls=9")[1]
	bundle := assembled(t, fmt.Sprintf(".tool count (bytes) -> bytes id #%s\n.const request bytes x\"00\"\n.task #\"sym:main\" () budget { cpu 1000, io 1, writes 1 }\n\n"+
		"\trequire_cap #%s\n\tconst r0, $request\n\teffect tool:count, r0, r1, r2\n\tret r1\n", h.toolID("count"), id))
	a := args{"key": "k", "bundle_base64": b64(bundle), "caps": []string{id.String()}}
	cut, cancel := context.WithCancel(t.Context())
	first := h.client("scout", false)
	go func() {
		_, _ = first.CallTool(cut, &mcp.CallToolParams{Name: "mythos_submit", Arguments: map[string]any(a)})
	}()
	cancel()
	var all sync.WaitGroup
	refs := make([]string, 6)
	for i := range refs {
		cs := h.client("scout", false)
		all.Go(func() { refs[i] = ask(t.Context(), t, cs, "mythos_submit", a).TaskRef })
	}
	all.Wait()
	cs := h.client("scout", false)
	if e := ended(t, cs, refs[0]); e.State != "done" {
		t.Fatal(e.said)
	}
	for _, ref := range refs {
		if ref != refs[0] {
			t.Errorf("%q", refs)
		}
	}
	if h.calls.Load() != 1 {
		t.Errorf("%d calls", h.calls.Load())
	}
	s, err := h.Ledger.Read(t.Context(), ledger.IdemID(exec.BuiltinID("compute.spawn"), []byte("scout/s/k")))
	if err != nil || s.Fence != 1 || s.At(h.Now()) != ledger.StatusCommitted {
		t.Errorf("%+v, %v", s, err)
	}
	r := ask(t.Context(), t, cs, "mythos_results", args{"task_ref": refs[0]})
	if len(r.Receipts) != 1 || r.Results[0].Halted {
		t.Errorf("%s", r.said)
	}
	refused(t, cs, "mythos_submit", args{"key": "k", "bundle_base64": b64(constant(t, "another"))}, "stands for another task")
	// Without the capability, the task does not act.
	other := ask(t.Context(), t, cs, "mythos_submit", args{"key": "without", "bundle_base64": b64(bundle)})
	ended(t, cs, other.TaskRef)
	if r := ask(t.Context(), t, cs, "mythos_results", args{"task_ref": other.TaskRef}); !r.Results[0].Halted || h.calls.Load() != 1 {
		t.Errorf("%d calls, %s", h.calls.Load(), r.said)
	}
}

func (h *house) toolID(name string) object.Hash {
	h.t.Helper()
	id, err := h.Toolbox.ID(h.t.Context(), name)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// TestOthers: what another agent submitted, published or holds is not there for this one.
func TestOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine := h.give("scout", running, "blob.write:scout,max=1MiB")
	theirs := h.give("other", running, "blob.write:other,max=1MiB", "tool.call:count,calls=9")
	scout, other := h.client("scout", false), h.client("other", false)
	p := ask(t.Context(), t, other, "mythos_publish", args{"base64": b64(constant(t, "secret"))})
	s := ask(t.Context(), t, other, "mythos_submit", args{"key": "k", "bundle": p.CID})
	ended(t, other, s.TaskRef)
	r := ask(t.Context(), t, other, "mythos_results", args{"task_ref": s.TaskRef})
	for _, tool := range []string{"mythos_status", "mythos_results"} {
		refused(t, scout, tool, args{"task_ref": s.TaskRef}, "no such task")
		refused(t, scout, tool, args{"task_ref": strings.Repeat("0", 64)}, "no such task")
	}
	refused(t, scout, "mythos_fetch", args{"cid": r.Results[0].CID, "task_ref": s.TaskRef}, "no such task")
	for _, cid := range []string{p.CID, r.Results[0].CID, s.Receipt, strings.Repeat("0", 64)} {
		if cid == "" {
			continue
		}
		if f := ask(t.Context(), t, scout, "mythos_fetch", args{"cid": cid}); f.Verification != "absent" || f.Text != "" || f.Size != 0 {
			t.Errorf("%s: %s", cid, f.said)
		}
	}
	refused(t, scout, "mythos_submit", args{"key": "k", "bundle": p.CID}, "you published no such bytes")
	refused(t, scout, "mythos_submit", args{"key": "k", "bundle_base64": b64(constant(t, "x")), "caps": []string{theirs[2].String()}}, "none of yours")
	refused(t, scout, "mythos_publish", args{"text": "x", "namespace": "other"}, "refused (403)", "Nothing happened", "Receipt ")
	// The same key of another agent is another task.
	own := ask(t.Context(), t, scout, "mythos_submit", args{"key": "k", "bundle_base64": b64(constant(t, "mine"))})
	if own.Admission != "accepted" || own.TaskRef == s.TaskRef {
		t.Error(own.said)
	}
	h.give("scout", "blob.read:"+p.CID)
	if f := ask(t.Context(), t, scout, "mythos_fetch", args{"cid": p.CID, "as": "bytes"}); f.Verification != "verified" || f.Size == 0 {
		t.Errorf("with blob.read: %s", f.said)
	}
	if _, _, err := h.Auth.Revoke(t.Context(), h.Self(), mine[0]); err != nil {
		t.Fatal(err)
	}
	refused(t, scout, "mythos_submit", args{"key": "later", "bundle_base64": b64(constant(t, "x"))}, "refused (403)")
}

// TestBounds: without authority, beyond a budget or with arguments that are none, nothing is run
// and nothing is kept.
func TestBounds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.give("scout", "compute.spawn:local,workers=1,cpu=2ms,io=9", "blob.write:scout,max=10")
	h.give("nobody", "tool.call:count,calls=1")
	bundle := constant(t, "hello")
	nobody := h.client("nobody", false)
	refused(t, nobody, "mythos_submit", args{"key": "k", "bundle_base64": b64(bundle)}, "refused (403)", "holds no compute.spawn", "mythos agent add nobody --scope compute.spawn:local,workers=1,cpu=1000us,io=1 --ttl 1h", "Receipt ")
	refused(t, nobody, "mythos_publish", args{"base64": b64(bundle)}, "refused (403)", "mythos agent add nobody --scope blob.write:nobody,max=")
	if _, err := h.Store.OpenBlob(t.Context(), object.Sum(bundle), codec.Keys{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it was kept: %v", err)
	}
	cs := h.client("scout", false)
	for name, c := range map[string]struct {
		tool string
		args args
		word string
	}{
		"ring":            {"mythos_submit", args{"key": "k", "bundle_base64": b64(bundle), "ring": 1}, "only ring 0"},
		"ring of bytes":   {"mythos_publish", args{"text": "x", "ring": 2}, "only ring 0"},
		"budget":          {"mythos_submit", args{"key": "k", "bundle_base64": b64(bundle), "budget": args{"cpu_us": 3000}}, "refused (403)"},
		"small budget":    {"mythos_submit", args{"key": "k", "bundle_base64": b64(bundle), "budget": args{"cpu_us": 1}}, "more than was asked for"},
		"no key":          {"mythos_submit", args{"bundle_base64": b64(bundle)}, "key"},
		"long key":        {"mythos_submit", args{"key": strings.Repeat("k", 257), "bundle_base64": b64(bundle)}, "1 to 256"},
		"control key":     {"mythos_submit", args{"key": "a\nb", "bundle_base64": b64(bundle)}, "control characters"},
		"no bundle":       {"mythos_submit", args{"key": "k"}, "one of bundle and bundle_base64"},
		"two bundles":     {"mythos_submit", args{"key": "k", "bundle": strings.Repeat("0", 64), "bundle_base64": b64(bundle)}, "one of bundle and bundle_base64"},
		"no base64":       {"mythos_submit", args{"key": "k", "bundle_base64": "%"}, "Nothing happened"},
		"junk":            {"mythos_submit", args{"key": "k", "bundle_base64": b64([]byte("junk"))}, "the bundle: "},
		"another task":    {"mythos_submit", args{"key": "k", "bundle_base64": b64(bundle), "task": strings.Repeat("0", 64)}, "name one"},
		"unknown":         {"mythos_submit", args{"key": "k", "bundle_base64": b64(bundle), "rings": 0}, "not known"},
		"too many caps":   {"mythos_submit", args{"key": "k", "bundle_base64": b64(bundle), "caps": make([]string, 65)}, "at most 64"},
		"no hash":         {"mythos_status", args{"task_ref": "x"}, "64 hex digits"},
		"no task at all":  {"mythos_results", args{}, "64 hex digits"},
		"more than given": {"mythos_publish", args{"text": strings.Repeat("x", 11)}, "refused (403)"},
		"text and base64": {"mythos_publish", args{"text": "x", "base64": "eA=="}, "one of text and base64"},
		"no form":         {"mythos_fetch", args{"cid": strings.Repeat("0", 64), "as": "yaml"}, "decoded, bytes or json"},
		"before it":       {"mythos_fetch", args{"cid": strings.Repeat("0", 64), "offset": -1}, "from 0 on"},
	} {
		if got := ask(t.Context(), t, cs, c.tool, c.args); !got.failed || !strings.Contains(got.said, c.word) {
			t.Errorf("%s: %.300s", name, got.said)
		}
	}
	s := ask(t.Context(), t, cs, "mythos_submit", args{"key": "k", "bundle_base64": b64(bundle)})
	ended(t, cs, s.TaskRef)
	refused(t, cs, "mythos_submit", args{"key": "more", "bundle_base64": b64(constant(t, "more"))}, "refused (429)", "has 0 workers left")
	if _, err := h.Store.OpenBlob(t.Context(), object.Sum(constant(t, "more")), codec.Keys{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it was kept: %v", err)
	}
	if again := ask(t.Context(), t, cs, "mythos_submit", args{"key": "k", "bundle_base64": b64(bundle)}); again.Admission != "known" || again.TaskRef != s.TaskRef {
		t.Errorf("with nothing left: %s", again.said)
	}
}
