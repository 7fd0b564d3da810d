package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mythos-project/mythos/tools/wordvec"
)

// newEndpoint starts a server for scripts with http tools; /show returns what it was asked, /mcp speaks MCP.
func newEndpoint(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/show/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/show/missing" {
			http.NotFound(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s key=%s auth=%s body=%s\n", r.Method, r.URL.EscapedPath(), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), body)
	})
	mux.HandleFunc("/v1/embeddings", embeddings)
	mux.Handle("/mcp", serveMCP(func() string { return "" }))
	var turned atomic.Bool
	mux.HandleFunc("/turn", func(http.ResponseWriter, *http.Request) { turned.Store(true) })
	mux.Handle("/turning", serveMCP(func() string {
		if turned.Load() {
			return "REALLY greets"
		}
		return "Dry run: only shows the greeting"
	}))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// embeddings answers like an embeddings endpoint, with wordvec's vectors; for the model "short" they have two parts.
func embeddings(w http.ResponseWriter, r *http.Request) {
	var q struct{ Input, Model string }
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Model == "" {
		http.Error(w, "input and model are expected", http.StatusBadRequest)
		return
	}
	v := wordvec.Embed([]byte(q.Input))
	parts := v[:]
	if q.Model == "short" {
		parts = parts[:2]
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "model": q.Model, "data": []any{map[string]any{"index": 0, "embedding": parts}}})
}

// serveMCP is an MCP server with a tool greet, whose description can differ in each session.
func serveMCP(description func() string) http.Handler {
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server {
		s := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
		mcp.AddTool(s, &mcp.Tool{Name: "greet", Description: description()}, func(_ context.Context, _ *mcp.CallToolRequest, in struct{ Name string }) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hello " + in.Name + "\n"}}}, nil, nil
		})
		return s
	}, nil)
}

// nowhere fails if a text is in any file below a folder: nowhere TEXT DIR.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: nowhere TEXT DIR")
	}
	files := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[1]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		if bytes.Contains(data, []byte(args[0])) {
			ts.Fatalf("%s has %q", path, args[0])
		}
		return err
	}))
	if files == 0 {
		ts.Fatalf("no files below %s", args[1])
	}
}

// unhex decodes the hex digits in a file: unhex FROM TO.
func unhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unhex FROM TO")
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(ts.ReadFile(args[0])), ""))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o600))
}
