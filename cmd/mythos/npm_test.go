//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npm returns the folder in which `make mcp` has installed the packages of testdata/npm; without it the test is
// skipped.
func npm(t *testing.T) (dir, node string) {
	t.Helper()
	dir = os.Getenv("MYTHOS_TEST_NPM")
	if dir == "" {
		t.Skip("MYTHOS_TEST_NPM names no packages: make mcp")
	}
	node = filepath.Join(dir, "node_modules/node/bin/node")
	if _, err := os.Stat(node); err != nil {
		t.Fatal(err)
	}
	return dir, node
}

// everythingServer starts the go-sdk's server for conformance tests, and returns its address.
func everythingServer(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "everything")
	if out, err := osexec.Command("go", "build", "-o", binary, "github.com/modelcontextprotocol/go-sdk/conformance/everything-server").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := osexec.Command(binary, append([]string{"-http", address}, flags...)...)
	var log bytes.Buffer
	c.Stderr = &log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	waitFor(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, &log)
	return "http://" + address
}

// withToken is a proxy that adds an agent's token to requests. It has read a request before it passes it on: a ReverseProxy that
// still reads it when the answer begins sometimes breaks the answer off.
func withToken(t *testing.T, to, token string) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("Authorization", "Bearer "+token)
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.CloseClientConnections)
	t.Cleanup(s.Close)
	return s.URL
}

// conformance runs the suite of a revision against a server. It returns the failed checks and the number of checks
// made.
func conformance(t *testing.T, at, revision string) (failed map[string]string, made map[string]int) {
	t.Helper()
	dir, node := npm(t)
	out := t.TempDir()
	c := osexec.Command(node, filepath.Join(dir, "node_modules/@modelcontextprotocol/conformance/dist/index.js"), "server", "--url", at, "--requirements", revision, "-o", out)
	c.Dir = out
	said, err := c.CombinedOutput()
	failed, made = map[string]string{}, map[string]int{}
	err2 := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "checks.json" {
			return err
		}
		var checks []struct{ ID, Name, Status, ErrorMessage string }
		if err := readJSON(path, &checks); err != nil {
			return err
		}
		scenario, _, _ := strings.Cut(filepath.Base(filepath.Dir(path)), "-20")
		for _, check := range checks {
			made[scenario+": "+check.ID]++
			if check.Status == "FAILURE" {
				failed[scenario+": "+check.ID] = check.ErrorMessage
			}
		}
		return nil
	})
	if err2 != nil || len(made) == 0 {
		t.Fatalf("%v, %v: %s", err, err2, said)
	}
	return failed, made
}

func readJSON(path string, to any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, to)
}

// TestNPMConformance: no check of the official suite fails only behind wrap.
func TestNPMConformance(t *testing.T) {
	npm(t)
	for revision, flag := range map[string]string{"2025-11-25": "-stateless=false", "2026-07-28": "-stateless=true"} {
		t.Run(revision, func(t *testing.T) {
			upstream := everythingServer(t, flag)
			bare, made := conformance(t, upstream, revision)
			dir := repository(t)
			mustRun(t, dir, "mcp", "add", "e", "--url", upstream)
			mustRun(t, dir, "agent", "add", "scout", "--tools", "e.*", "--ttl", "1h")
			token := strings.Fields(mustRun(t, dir, "agent", "token", "scout"))[0]
			at, stop := listening(t, dir, "mcp", "wrap", "e", "--listen", "127.0.0.1:0")
			behind, madeBehind := conformance(t, withToken(t, at, token), revision)
			t.Logf("%s: bare %d of %d checks fail, behind wrap %d of %d", revision, len(bare), len(made), len(behind), len(madeBehind))
			for _, name := range slices.Sorted(maps.Keys(behind)) {
				if _, too := bare[name]; !too {
					t.Errorf("fails only behind wrap: %s: %s", name, behind[name])
				}
			}
			for _, name := range slices.Sorted(maps.Keys(made)) {
				// Its streams have no ids: a client that lost one asks again, and gets the outcome of the first call.
				if madeBehind[name] == 0 && !strings.HasPrefix(name, "server-server-sse-polling:") {
					t.Errorf("made bare and not behind wrap: %s", name)
				}
			}
			stop()
			mustRun(t, dir, "ledger", "verify")
		})
	}
}

// TestNPMServe: what the suite checks for any server holds for serve. The rest needs the suite's own tools, prompts and
// resources.
func TestNPMServe(t *testing.T) {
	npm(t)
	home := repository(t)
	mustRun(t, home, "tool", "add", "echo", "--process", "/bin/cat")
	mustRun(t, home, "agent", "add", "scout", "--tools", "echo", "--ttl", "1h")
	token := strings.Fields(mustRun(t, home, "agent", "token", "scout"))[0]
	at, _ := listening(t, home, "mcp", "serve", "--listen", "127.0.0.1:0")
	front := withToken(t, at, token)
	for revision, scenarios := range map[string][]string{
		"2025-11-25": {"initialize", "session-lifecycle", "ping", "tools-list", "dns-rebinding-protection", "sse-multiple-streams"},
		"2026-07-28": {"stateless", "tools-list", "dns-rebinding-protection", "http-header-validation"},
	} {
		failed, made := conformance(t, front, revision)
		for _, scenario := range scenarios {
			any := false
			for name := range made {
				if !strings.HasPrefix(strings.TrimPrefix(name, "server-"), scenario+":") && !strings.HasPrefix(name, "server-server-"+scenario+":") {
					continue
				}
				any = true
				if why, wrong := failed[name]; wrong && !ofTheSuite(why) {
					t.Errorf("%s: %s: %s", revision, name, why)
				}
			}
			if !any {
				t.Errorf("%s: nothing of %s was checked", revision, scenario)
			}
		}
		t.Logf("%s: %d checks, of which %d need what a server of the suite has", revision, len(made), len(failed))
	}
}

// ofTheSuite reports whether a check is about something that only a server of the suite has.
func ofTheSuite(why string) bool {
	return strings.Contains(why, "does not list the diagnostic tool") || strings.Contains(why, "prompts")
}

// script runs a program for node next to the packages.
func script(t *testing.T, text string, args ...string) string {
	t.Helper()
	dir, node := npm(t)
	file, err := os.CreateTemp(dir, "test-*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	_ = file.Close() // it was written
	c := osexec.CommandContext(context.WithoutCancel(t.Context()), node, append([]string{file.Name()}, args...)...)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, errs.String())
	}
	return string(out)
}

const clientScript = `
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as newer from "@modelcontextprotocol/client";
import { StdioClientTransport as NewerStdio } from "@modelcontextprotocol/client/stdio";
const [which, kind, first, ...rest] = process.argv.slice(2);
const env = { ...process.env };
let transport;
if (kind === "http") {
  const o = { requestInit: { headers: { Authorization: "Bearer " + rest.shift() } } };
  transport = which === "old" ? new StreamableHTTPClientTransport(new URL(first), o) : new newer.StreamableHTTPClientTransport(new URL(first), o);
} else {
  const n = rest.indexOf("--");
  const o = { command: first, args: rest.splice(0, n), env };
  rest.shift();
  transport = which === "old" ? new StdioClientTransport(o) : new NewerStdio(o);
}
const about = { name: "t", version: "1" };
const client = which === "old" ? new Client(about) : new newer.Client(about);
await client.connect(transport);
const { tools } = await client.listTools();
const results = [];
for (const [name, args] of JSON.parse(rest[0])) results.push(await client.callTool({ name, arguments: args }));
console.log(JSON.stringify({ tools, results }));
await client.close();
`

// named returns the path of this program under the name of the command.
func named(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "mythos")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// spoken is what a client from npm reads from a server.
type spoken struct {
	Tools   []struct{ Name string }
	Results []map[string]any
}

func speak(t *testing.T, which string, server []string, calls string) (s spoken) {
	t.Helper()
	out := script(t, clientScript, append(append([]string{which}, server...), calls)...)
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

// TestNPMClients: the clients of the official SDKs list and call the official servers, bare and behind wrap and serve,
// and read the same, except for our members of _meta.
func TestNPMClients(t *testing.T) {
	packages, node := npm(t)
	self := named(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.txt"), []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	everything := []string{node, filepath.Join(packages, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")}
	files := []string{node, filepath.Join(packages, "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js"), folder}
	dir := repository(t)
	mustRun(t, dir, append([]string{"mcp", "add", "every", "--unconfined", "--"}, everything...)...)
	mustRun(t, dir, append([]string{"mcp", "add", "fs", "--runtime", "node", "--read", filepath.Join(packages, "node_modules"), "--write", folder, "--"}, files...)...)
	mustRun(t, dir, "agent", "add", "scout", "--tools", "every.*,fs.*", "--ttl", "1h")
	token := strings.Fields(mustRun(t, dir, "agent", "token", "scout"))[0]
	for _, server := range []struct {
		name, calls string
		argv        []string
	}{
		{"every", `[["echo",{"message":"hello"}],["get-sum",{"a":1,"b":2}],["get-structured-content",{"location":"Chicago"}],["get-annotated-message",{"messageType":"error","includeImage":true}]]`, everything},
		{"fs", fmt.Sprintf(`[["read_text_file",{"path":%[1]q}],["list_directory",{"path":%[2]q}],["read_text_file",{"path":"/etc/passwd"}]]`, filepath.Join(folder, "a.txt"), folder), files},
	} {
		at, stop := listening(t, dir, "mcp", "wrap", server.name, "--listen", "127.0.0.1:0")
		for _, which := range []string{"old", "new"} {
			bare := speak(t, which, append(append([]string{"stdio"}, server.argv...), "--"), server.calls)
			for how, argv := range map[string][]string{
				"wrap":          {"stdio", self, "-C", dir, "mcp", "wrap", server.name, "--agent", "scout", "--"},
				"wrap --listen": {"http", at, token},
			} {
				got := speak(t, which, argv, server.calls)
				for _, r := range got.Results {
					meta, _ := r["_meta"].(map[string]any)
					if meta["mythos/receipt"] == nil {
						t.Errorf("%s, %s client, %s: no receipt: %v", server.name, which, how, r)
					}
					for name := range meta {
						if strings.HasPrefix(name, "mythos/") {
							delete(meta, name)
						}
					}
					if len(meta) == 0 {
						delete(r, "_meta")
					}
				}
				was, is := must2(json.Marshal(bare)), must2(json.Marshal(got))
				if len(bare.Results) == 0 || !bytes.Equal(was, is) {
					t.Errorf("%s, %s client, %s:\n%s\nbare:\n%s", server.name, which, how, is, was)
				}
			}
		}
		stop()
	}
	for _, which := range []string{"old", "new"} {
		got := speak(t, which, []string{"stdio", self, "-C", dir, "mcp", "serve", "--agent", "scout", "--"}, `[["every_get-structured-content",{"location":"Chicago"}],["fs_list_allowed_directories",{}]]`)
		if len(got.Tools) < 20 || len(got.Results) != 2 || got.Results[0]["structuredContent"] == nil || got.Results[1]["isError"] == true {
			t.Errorf("serve, %s client: %v", which, got)
		}
	}
	inspector := filepath.Join(packages, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js")
	c := osexec.Command(node, inspector, "--cli", self, "-C", dir, "mcp", "wrap", "fs", "--agent", "scout", "--method", "tools/list")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "read_text_file") {
		t.Errorf("inspector: %v: %s", err, out)
	}
	mustRun(t, dir, "ledger", "verify")
}
