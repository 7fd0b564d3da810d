package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/rogpeppe/go-internal/testscript"
)

// newEndpoint starts a server for scripts of http tools; /show tells what it was asked, /mcp speaks MCP.
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
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server {
		s := mcp.NewServer(&mcp.Implementation{Name: "test", Version: "1"}, nil)
		mcp.AddTool(s, &mcp.Tool{Name: "greet"}, func(_ context.Context, _ *mcp.CallToolRequest, in struct{ Name string }) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hello " + in.Name + "\n"}}}, nil, nil
		})
		return s
	}, nil))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// nowhere fails when a text is in any file below a folder: nowhere TEXT DIR.
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
