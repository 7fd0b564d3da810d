package mcptool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/runnertest"
)

const secret = "s3cr3t-0123456789"

// serverArg makes the test binary a real MCP server over its standard streams.
const serverArg = "serve-mcp"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serverArg {
		if err := newServer(os.Args[2:], nil).Run(context.Background(), &mcp.StdioTransport{}); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == rawArg {
		os.Exit(serveRaw(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// over is closed when a test's server must end.
var over = make(chan struct{})

// gone receives calls of tools that must vanish.
var gone = make(chan struct{})

// newServer is a server whose tools behave like the tool of runnertest.
func newServer(args []string, r *http.Request) *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	add := func(name string, h mcp.ToolHandler) {
		s.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)}, h)
	}
	say := func(text string) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
	}
	add("echo", func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return say(string(req.Params.Arguments))
	})
	add("big", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		n, _ := strconv.Atoi(args[1])
		return say(strings.Repeat("x", n))
	})
	add("spin", func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if r == nil {
			select {} // the process has to be killed
		}
		select {
		case <-ctx.Done():
		case <-over:
		}
		return nil, context.Canceled
	})
	add("fail", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "partial"}}, IsError: true}, nil
	})
	add("noise", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		fmt.Fprint(os.Stderr, strings.Repeat("a line that nobody reads\n", 2))
		return say("quiet")
	})
	add("used", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Meta: mcp.Meta{"mythos/used": args[1]}, Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
	})
	add("data", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{}, StructuredContent: map[string]any{"n": 1}}, nil
	})
	add("vanish", func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if r == nil {
			os.Exit(9)
		}
		gone <- struct{}{}
		<-over
		return nil, context.Canceled
	})
	add("meta", func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		auth := ""
		if r != nil {
			auth = r.Header.Get("Authorization")
		}
		return say(fmt.Sprint(req.Params.Meta["mythos/idempotencyKey"], " ", req.Params.Meta["mythos/fence"], " ", auth))
	})
	return s
}

func newRunner(t testing.TB) *mcptool.Runner {
	web := httptool.New(nil, func(string) (string, error) { return secret, nil })
	t.Cleanup(web.Close)
	r := &mcptool.Runner{Process: &process.Runner{Dir: t.TempDir()}, HTTP: web, Debugf: t.Logf}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func stdio(t testing.TB) func(args ...string) exec.ModuleRef {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := process.HashFile(self)
	if err != nil {
		t.Fatal(err)
	}
	return func(args ...string) exec.ModuleRef {
		return checked(t, exec.ModuleRef{Kind: exec.KindMCP, ModuleHash: &hash, Argv: append([]string{self, serverArg}, args...),
			Tool: args[0], Confinement: exec.ConfineNone})
	}
}

func checked(t testing.TB, m exec.ModuleRef) exec.ModuleRef {
	t.Helper()
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	return m
}

func streamable(t testing.TB) func(args ...string) exec.ModuleRef {
	handler := mcp.NewStreamableHTTPHandler(func(r *http.Request) *mcp.Server {
		return newServer(strings.Split(strings.Trim(r.URL.Path, "/"), "/"), r)
	}, nil)
	s := httptest.NewServer(handler)
	go func() {
		for {
			select {
			case <-gone:
				s.CloseClientConnections()
			case <-over:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(over)
		s.Close()
	})
	return func(args ...string) exec.ModuleRef {
		return checked(t, exec.ModuleRef{Kind: exec.KindMCP, URL: s.URL + "/" + strings.Join(args, "/"), Tool: args[0],
			Headers: map[string]string{"Authorization": "Bearer env:TOKEN"}, Confinement: exec.ConfineRemote})
	}
}

func TestStdio(t *testing.T) {
	runner, module := newRunner(t), stdio(t)
	runnertest.Run(t, runnertest.Suite{Runner: runner, Module: module, JSON: true, Remote: true, Vanishes: true,
		Absent: func() exec.ModuleRef { return program(t, "/bin/false") }})
	t.Run("Answers", func(t *testing.T) { answers(t, runner, module, "") })
	t.Run("Pinned", func(t *testing.T) { pinned(t, runner, module("echo")) })
	if err := runner.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(runner.Process.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("working directories left behind: %v, %v", left, err)
	}
}

func TestStreamable(t *testing.T) {
	runner, module := newRunner(t), streamable(t)
	runnertest.Run(t, runnertest.Suite{Runner: runner, Module: module, JSON: true, Remote: true, Vanishes: true,
		Absent: func() exec.ModuleRef {
			return exec.ModuleRef{Kind: exec.KindMCP, URL: "http://127.0.0.1:1/", Tool: "x", Confinement: exec.ConfineRemote}
		}})
	t.Run("Answers", func(t *testing.T) { answers(t, runner, module, "Bearer [secret]") })
}

func answers(t *testing.T, runner *mcptool.Runner, module func(...string) exec.ModuleRef, auth string) {
	tests := []struct {
		tool   string
		status uint16
		want   string
	}{
		{"data", 200, `{"n":1}`},
		{"meta", 200, strings.TrimSpace("k1 7 ") + " " + auth},
		{"nosuch", 500, `{"code":-32602,"message":"unknown tool \"nosuch\""}`},
	}
	for _, tt := range tests {
		call := runnertest.Call(module(tt.tool), nil)
		call.Key, call.Fence = []byte("k1"), 7
		res, err := runner.Run(t.Context(), call)
		if err != nil || res.Status != tt.status || string(res.Body) != tt.want {
			t.Errorf("%s: %d %q %q, %v", tt.tool, res.Status, res.Body, res.Notes, err)
		}
	}
	for _, request := range []string{"[]", "{", `"text"`, "{} {}", `{"a":1,"a":2}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}"} {
		if err := runner.Prepare(t.Context(), runnertest.Call(module("echo"), []byte(request))); !errors.Is(err, exec.ErrRequest) {
			t.Errorf("%s: %v", request, err)
		}
	}
	call := runnertest.Call(module("big", "3000000"), nil)
	call.Limits.MaxResponse = 10
	if res, err := runner.Run(t.Context(), call); err != nil || res.Status != exec.StatusResponseTooBig {
		t.Errorf("a flood: %d, %v", res.Status, err)
	}
}

func pinned(t *testing.T, runner *mcptool.Runner, module exec.ModuleRef) {
	path := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	module.Argv = []string{path}
	if err := runner.Prepare(t.Context(), runnertest.Call(module, nil)); !errors.Is(err, exec.ErrPinned) {
		t.Error(err)
	}
}

// TestNobody: a program that is not a server, and an address without one, give no response.
func TestNobody(t *testing.T) {
	for _, m := range []exec.ModuleRef{program(t, "/bin/true"), {Kind: exec.KindMCP, URL: "http://127.0.0.1:1/", Tool: "x", Confinement: exec.ConfineRemote}} {
		if res, err := newRunner(t).Run(t.Context(), runnertest.Call(checked(t, m), nil)); !errors.Is(err, exec.ErrNotStarted) {
			t.Errorf("%v: status %d, %v", m.Argv, res.Status, err)
		}
	}
}

func program(t *testing.T, path string) exec.ModuleRef {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Skip(err)
	}
	hash, err := process.HashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return exec.ModuleRef{Kind: exec.KindMCP, ModuleHash: &hash, Argv: []string{path}, Tool: "x", Confinement: exec.ConfineNone}
}
