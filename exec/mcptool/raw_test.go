package mcptool_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/runnertest"
	"github.com/mythos-project/mythos/object"
)

// rawArg makes the test binary a hand-written server, which behaves as no library does.
const rawArg = "serve-raw"

type asked struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Name      string
		Arguments json.RawMessage
	}
}

// serveRaw is a server over standard input and output. It answers tools/call with args[0], and misbehaves in the way
// that mode names.
func serveRaw(mode string, args []string) int {
	say := func(id json.RawMessage, what string) { fmt.Printf("{\"jsonrpc\":\"2.0\",\"id\":%s,%s}\n", id, what) }
	switch mode {
	case "key-missing":
		fmt.Fprintln(os.Stderr, "starting\nWEATHER_KEY is not set")
		return 3
	case "banner":
		fmt.Print("Weather server 2.1 is ready\n{\"level\":\"info\"}\n\n")
	case "mark":
		fmt.Print("\ufeff")
	case "leaves":
		fmt.Println("goodbye, said the server")
		return 0
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var m asked
		if err := json.Unmarshal(in.Bytes(), &m); err != nil {
			return 4
		}
		switch m.Method {
		case "server/discover":
			switch mode {
			case "silent":
			case "ends":
				return 0
			case "nameless":
				fmt.Println(`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}`)
				for in.Scan() { // it sends nothing more
				}
			default:
				say(m.ID, `"error":{"code":-32601,"message":"Method not found"}`)
			}
		case "initialize":
			if mode == "strange" {
				say(m.ID, `"result":{"protocolVersion":"2031-01-01"}`)
				continue
			}
			say(m.ID, `"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}`)
		case "tools/list":
			if mode == "changes" {
				say(m.ID, `"result":{"tools":[`+args[1]+`]}`)
				continue
			}
			say(m.ID, `"result":{"tools":[`+strings.Join(args[1:], ",")+`]}`)
		case "tools/call":
			serveCall(mode, args, m, say)
		}
	}
	return 0
}

func serveCall(mode string, args []string, m asked, say func(json.RawMessage, string)) {
	switch mode {
	case "dies":
		os.Exit(9)
	case "asks":
		fmt.Println(`{"jsonrpc":"2.0","id":"theirs","method":"roots/list"}`)
		fmt.Println(`{"jsonrpc":"2.0","method":"notifications/progress","params":{}}`)
	case "batch":
		fmt.Printf("[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"},{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}]\r\n", m.ID, args[0])
		return
	case "pid":
		say(m.ID, fmt.Sprintf(`"result":{"content":[{"type":"text","text":"%d"}]}`, os.Getpid()))
		return
	case "latin1":
		say(m.ID, `"result":`+strings.ReplaceAll(args[0], "é", "\xe9"))
		return
	case "mirror":
		say(m.ID, `"result":{"structuredContent":`+string(m.Params.Arguments)+`}`)
		return
	case "changes":
		args[1] = args[2]
		fmt.Println(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	case "quoted":
		say(json.RawMessage(`"`+string(m.ID)+`"`), `"result":`+args[0])
		return
	case "waits": // for the other end of a pipe
		fmt.Fprintln(os.Stderr, "SECRET is "+os.Getenv("MCP_TEST_SECRET"))
		if _, err := os.ReadFile(args[1]); err != nil {
			os.Exit(5)
		}
	case "talks":
		fmt.Fprintln(os.Stderr, "it went wrong")
		for _, err := os.Stat(args[1]); err != nil; _, err = os.Stat(args[1]) { // standard error is another pipe
			time.Sleep(time.Millisecond)
		}
	}
	say(m.ID, `"result":`+args[0])
}

func raw(t testing.TB, mode string, args ...string) exec.ModuleRef {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := process.HashFile(self)
	if err != nil {
		t.Fatal(err)
	}
	return checked(t, exec.ModuleRef{Kind: exec.KindMCP, ModuleHash: &hash, Argv: append([]string{self, rawArg, mode}, args...),
		Tool: "t", Confinement: exec.ConfineNone})
}

const fine = `{"content":[{"type":"text","text":"fine"}]}`

// TestBytes: the response has the bytes that the server sent, over either transport.
func TestBytes(t *testing.T) {
	numbers := `{ "id":9007199254740993, "big":12345678901234567890,"price":1.50,"exp":1E5,"minus":-0,"note":"a<b","esc":"\u00e9\/" }`
	tests := []struct {
		name, result, want string
		status             uint16
	}{
		{"structured", `{"content":[],"structuredContent":` + numbers + `}`, numbers, 200},
		{"nothing but structured", `{"structuredContent":` + numbers + `}`, numbers, 200},
		{"text", `{"content":[{"type":"text","text":"a<b\n\u00e9"}],"isError":false}`, "a<b\né", 200},
		{"nulls say nothing", `{"content":[{"type":"text","text":"a","annotations":null}],"structuredContent":null,"_meta":null}`, "a", 200},
		{"text and structured", `{"content":[{"type":"text","text":"x"}],"structuredContent":` + numbers + `}`, "", 200},
		{"a kind that is not known", `{"content":[{"type":"text","text":"rendered"},{"type":"video","uri":"file:///clip.webm"}]}`, "", 200},
		{"a member that is not known", `{"content":[{"type":"text","text":"x","_meta":{"n":1.0}}]}`, "", 200},
		{"a member of the result", `{"content":[{"type":"text","text":"x"}],"cost":1.10}`, "", 200},
		{"meta", `{"_meta":{"trace":"01"},"content":[{"type":"text","text":"x"}]}`, "", 200},
		{"half a surrogate pair", `{"content":[{"type":"text","text":"\ud83d"}]}`, "", 200},
		{"error", `{"content":[{"type":"text","text":"no such user"}],"isError":true}`, "no such user", 500},
		{"error, structured", `{"content":[],"structuredContent":{"code":1.0},"isError":true}`, `{"code":1.0}`, 500},
		{"no object", `"text"`, "", 500},
		{"twice", `{"content":[],"content":[{"type":"text","text":"x"}]}`, "", 500},
	}
	web := rawEndpoint(t)
	runner := newRunner(t)
	for _, tt := range tests {
		if tt.want == "" {
			tt.want = tt.result
		}
		for where, module := range map[string]exec.ModuleRef{"stdio": raw(t, "", tt.result), "http": web(tt.result)} {
			res, err := runner.Run(t.Context(), runnertest.Call(module, nil))
			if err != nil || res.Status != tt.status || string(res.Body) != tt.want {
				t.Errorf("%s, %s: %d %q %q, %v", tt.name, where, res.Status, res.Body, res.Notes, err)
			}
			if tt.name == "error" && res.Notes != "the tool reports an error: no such user" {
				t.Errorf("%s: notes %q", where, res.Notes)
			}
		}
	}
}

// TestNoUTF8: a text in another encoding is stored as it was sent.
func TestNoUTF8(t *testing.T) {
	result := `{"content":[{"type":"text","text":"é"}]}`
	res, err := newRunner(t).Run(t.Context(), runnertest.Call(raw(t, "latin1", result), nil))
	if want := strings.ReplaceAll(result, "é", "\xe9"); err != nil || string(res.Body) != want {
		t.Errorf("%q, %v", res.Body, err)
	}
}

// rawEndpoint is a server over HTTP that answers with the result in its registration, alternately as JSON and as a
// stream.
func rawEndpoint(t *testing.T) func(result string) exec.ModuleRef {
	var turn atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m asked
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		result := ""
		switch m.Method {
		case "initialize":
			result = `{"protocolVersion":"2025-03-26","capabilities":{},"serverInfo":{"name":"s","version":"1"}}`
		case "tools/call":
			result = r.Header.Get("X-Result")
			if m.Params.Name != "t" || r.Header.Get("Mcp-Protocol-Version") != "2025-03-26" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
		case "server/discover":
			http.Error(w, "what?", http.StatusBadRequest)
			return
		default:
			w.WriteHeader(http.StatusAccepted)
			return
		}
		answer := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
		if turn.Add(1)%2 == 0 {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, answer)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprintf(w, ": hello\nevent: message\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\nid: 2\ndata: %s\n\n", answer)
	}))
	t.Cleanup(s.Close)
	return func(result string) exec.ModuleRef {
		return exec.ModuleRef{Kind: exec.KindMCP, URL: s.URL, Tool: "t", Headers: map[string]string{"X-Result": result}, Confinement: exec.ConfineRemote}
	}
}

// TestOddServers: servers with quirks seen in practice work.
func TestOddServers(t *testing.T) {
	for _, mode := range []string{"", "banner", "mark", "silent", "ends", "nameless", "asks", "batch", "quoted"} {
		t.Run("mode "+mode, func(t *testing.T) {
			t.Parallel()
			res, err := newRunner(t).Run(t.Context(), runnertest.Call(raw(t, mode, fine), nil))
			if err != nil || res.Status != exec.StatusOK || string(res.Body) != "fine" {
				t.Errorf("%d %q %q, %v", res.Status, res.Body, res.Notes, err)
			}
		})
	}
}

// TestNotStarted: an attempt that fails before the call is written certainly did nothing, and the error has the
// server's output.
func TestNotStarted(t *testing.T) {
	missing := raw(t, "", fine)
	tests := []struct {
		name   string
		module exec.ModuleRef
		change func(*exec.Call)
		want   []string
	}{
		{"a key is missing", raw(t, "key-missing", fine), nil, []string{"exit status 3", "WEATHER_KEY is not set"}},
		{"a banner, and the end", raw(t, "leaves", fine), nil, []string{"exit status 0", "goodbye, said the server"}},
		{"another version", raw(t, "strange", fine), nil, []string{"2031-01-01"}},
		{"no time", raw(t, "silent", fine), func(c *exec.Call) { c.Limits.Timeout = 100 * time.Millisecond }, []string{"has not answered"}},
		{"no object", missing, func(c *exec.Call) { c.Request = []byte("7") }, []string{"one JSON object"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			call := runnertest.Call(tt.module, nil)
			if tt.change != nil {
				tt.change(&call)
			}
			_, err := newRunner(t).Run(t.Context(), call)
			if !errors.Is(err, exec.ErrNotStarted) {
				t.Fatalf("%v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// TestUnknown: if a server dies after the call was written, the outcome is unknown.
func TestUnknown(t *testing.T) {
	_, err := newRunner(t).Run(t.Context(), runnertest.Call(raw(t, "dies", fine), nil))
	if err == nil || errors.Is(err, exec.ErrNotStarted) || !strings.Contains(err.Error(), "exit status 9") {
		t.Error(err)
	}
}

// TestKept: a server is started once, and again after it has ended or was given up.
func TestKept(t *testing.T) {
	runner, module := newRunner(t), raw(t, "pid", fine)
	pid := func(m exec.ModuleRef) string {
		res, err := runner.Run(t.Context(), runnertest.Call(m, nil))
		if err != nil || res.Status != exec.StatusOK {
			t.Fatalf("%d %q, %v", res.Status, res.Notes, err)
		}
		return string(res.Body)
	}
	first := pid(module)
	if again := pid(module); again != first {
		t.Errorf("servers %s and %s", first, again)
	}
	other := module
	other.Tool = "another"
	if again := pid(other); again != first {
		t.Errorf("of another tool: servers %s and %s", first, again)
	}
	other.Env = []string{"HOME"}
	if again := pid(other); again == first {
		t.Error("a server with another environment is the same")
	}
	call := runnertest.Call(raw(t, "", fine), nil)
	call.Limits.MaxResponse = 1
	if res, err := runner.Run(t.Context(), call); err != nil || res.Status != exec.StatusResponseTooBig {
		t.Errorf("%d, %v", res.Status, err)
	}
	number := 0
	if _, err := fmt.Sscan(first, &number); err != nil {
		t.Fatal(err)
	}
	server, err := os.FindProcess(number)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for { // a call that meets an ending server may be lost, and reports that
		res, err := runner.Run(t.Context(), runnertest.Call(module, nil))
		if err == nil && string(res.Body) != first {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q, %v", res.Body, err)
		}
	}
}

// TestDefinition: a tool whose definition changed is not called.
func TestDefinition(t *testing.T) {
	runner := newRunner(t)
	dry := `{"name":"t","description":"Dry run","inputSchema":{"type":"object","properties":{"n":{"type":"number","maximum":1.0}}},"icons":[]}`
	same := `{"inputSchema":{"properties":{"n":{"maximum":1.0,"type":"number"}},"type":"object"},"description":"Dry\u0020run","name":"t","_meta":{}}`
	real := strings.Replace(dry, "Dry run", "REALLY", 1)
	list, err := runner.List(t.Context(), runnertest.Call(raw(t, "", fine, dry), nil))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	want := `{"description":"Dry run","inputSchema":{"properties":{"n":{"maximum":1.0,"type":"number"}},"type":"object"},"name":"t"}`
	if string(list[0].Text) != want {
		t.Errorf("%s", list[0].Text)
	}
	pin := list[0].Hash()
	runner.Definitions = func(context.Context, object.Hash) ([]byte, error) { return list[0].Text, nil }
	for text, ok := range map[string]bool{dry: true, same: true, real: false, "": false, dry + "," + dry: false} {
		module := raw(t, "", fine, text)
		module.Definition = &pin
		_, err := runner.Run(t.Context(), runnertest.Call(module, nil))
		if (err == nil) != ok || (!ok && !errors.Is(err, exec.ErrNotStarted)) {
			t.Errorf("%s: %v", text, err)
		}
		var drift *mcptool.DriftError
		if text == real && (!errors.As(err, &drift) || !errors.Is(err, exec.ErrPinned) || !strings.Contains(string(drift.Now), "REALLY") ||
			!strings.Contains(err.Error(), `description was "Dry run", is "REALLY"`)) {
			t.Errorf("%v", err)
		}
	}
}

// TestManyAtOnce: calls that share a server get their own answers, and one list of its tools.
func TestManyAtOnce(t *testing.T) {
	runner := newRunner(t)
	tool := `{"name":"t","inputSchema":{"type":"object"}}`
	list, err := runner.List(t.Context(), runnertest.Call(raw(t, "mirror", "", tool), nil))
	if err != nil {
		t.Fatal(err)
	}
	pin := list[0].Hash()
	module := raw(t, "mirror", "", tool)
	module.Definition = &pin
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			want := fmt.Sprintf(`{"n":%d}`, i)
			res, err := runner.Run(t.Context(), runnertest.Call(module, []byte(want)))
			if err != nil || string(res.Body) != want {
				t.Errorf("%s: %d %q, %v", want, res.Status, res.Body, err)
			}
		})
	}
	wg.Wait()
}

// TestChange: a server that reports a change is asked for its list again.
func TestChange(t *testing.T) {
	runner := newRunner(t)
	module := raw(t, "changes", fine, `{"name":"t","description":"before"}`, `{"name":"t","description":"after"}`)
	list, err := runner.List(t.Context(), runnertest.Call(module, nil))
	if err != nil {
		t.Fatal(err)
	}
	pin := list[0].Hash()
	module.Definition = &pin
	if _, err := runner.Run(t.Context(), runnertest.Call(module, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := runner.Run(t.Context(), runnertest.Call(module, nil)); !errors.Is(err, mcptool.ErrDrift) {
		t.Error(err)
	}
}

// TestStderr: a working server's standard error is passed on, and stored for a failure without a message.
func TestStderr(t *testing.T) {
	heard := &hearing{file: filepath.Join(t.TempDir(), "heard")}
	call := runnertest.Call(raw(t, "talks", `{"content":[],"isError":true}`, heard.file), nil)
	call.Stderr = heard
	res, err := newRunner(t).Run(t.Context(), call)
	if err != nil || !strings.Contains(res.Notes, "it went wrong") {
		t.Errorf("%q, %q, %v", res.Notes, heard.text.String(), err)
	}
}

// hearing makes a file once it has received a failure.
type hearing struct {
	text strings.Builder
	file string
}

func (h *hearing) Write(data []byte) (int, error) {
	n, _ := h.text.Write(data)
	if !strings.Contains(h.text.String(), "it went wrong") {
		return n, nil
	}
	return n, os.WriteFile(h.file, nil, 0o600)
}

// BenchmarkKept measures a call over a kept connection.
func BenchmarkKept(b *testing.B) {
	runner := newRunner(b)
	call := runnertest.Call(raw(b, "mirror", ""), []byte(`{"n":1}`))
	for b.Loop() {
		if _, err := runner.Run(b.Context(), call); err != nil {
			b.Fatal(err)
		}
	}
}
