package tools_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	osexec "os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/tools"
)

// build writes out the embedded sources of a tool and builds them, for this
// machine or as a module.
func build(t testing.TB, name string, env []string) string {
	t.Helper()
	dir := t.TempDir()
	files, err := tools.Files(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := fs.ReadFile(tools.Sources(), file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path.Base(file)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(tools.GoMod), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, name+".bin")
	cmd := osexec.Command("go", tools.BuildArgs(out)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), tools.BuildEnv()[2:]...), env...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", name, err, msg)
	}
	return out
}

// run runs a native tool.
func run(t testing.TB, bin string, request []byte) ([]byte, error) {
	t.Helper()
	cmd := osexec.Command(bin)
	cmd.Stdin = bytes.NewReader(request)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = errors.New(strings.TrimSpace(stderr.String()))
	}
	return out, err
}

// natives are the native tools, built once.
var natives = struct {
	sync.Mutex
	path map[string]string
}{path: map[string]string{}}

func native(t testing.TB, name string) string {
	t.Helper()
	natives.Lock()
	defer natives.Unlock()
	if p := natives.path[name]; p != "" {
		return p
	}
	dir, err := os.MkdirTemp("", "mythos-tools")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(build(t, name, nil))
	if err != nil {
		t.Fatal(err)
	}
	p := filepath.Join(dir, name+".exe")
	if err := os.WriteFile(p, data, 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	natives.path[name] = p
	return p
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, p := range natives.path {
		_ = os.RemoveAll(filepath.Dir(p))
	}
	os.Exit(code)
}

// goFiles returns the paths of some of the toolchain's own files, every step-th.
func goFiles(t testing.TB, step int, dirs ...string) []string {
	t.Helper()
	var files []string
	goroot, err := osexec.Command("go", "env", "GOROOT").Output() // runtime.GOROOT is empty in builds without paths
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		root := filepath.Join(strings.TrimSpace(string(goroot)), "src", dir)
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(p, ".go") && !strings.Contains(p, "testdata") {
				files = append(files, p)
			}
			return err
		})
		if err != nil {
			t.Skipf("no sources of the Go toolchain here: %v", err)
		}
	}
	var some []string
	for i := 0; i < len(files); i += step {
		some = append(some, files[i])
	}
	return some
}

// lines makes a dataset of files: each goes through the scorer.
func lines(t testing.TB, files []string) [][]byte {
	t.Helper()
	scorer := native(t, "scorer")
	type example struct {
		Episode string          `json:"episode"`
		Text    string          `json:"request_text"`
		Signals json.RawMessage `json:"signals"`
	}
	out := make([][]byte, len(files))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, file := range files {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
				return
			}
			e := example{Episode: fmt.Sprintf("%x", sha256.Sum256(text)), Text: string(text)}
			request, _ := json.Marshal(e)
			signals, err := run(t, scorer, request)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				return
			}
			e.Signals = signals
			out[i], _ = json.Marshal(e)
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	slices.SortFunc(out, bytes.Compare) // by episode, like a dataset
	return out
}

func join(header string, parts ...[]byte) []byte {
	return slices.Concat(append([][]byte{[]byte(header + "\n")}, parts...)...)
}

func jsonLines(list [][]byte) []byte { return append(bytes.Join(list, []byte("\n")), '\n') }

type response struct {
	WeightsBytes  int              `json:"weights_bytes"`
	WeightsSHA256 string           `json:"weights_sha256"`
	Examples      int64            `json:"examples"`
	Skipped       int64            `json:"skipped"`
	Metrics       map[string]int64 `json:"metrics"`
}

// split parses a response into its header and the weights.
func split(t testing.TB, out []byte) (response, []byte) {
	t.Helper()
	line, weights, ok := bytes.Cut(out, []byte("\n"))
	var r response
	if err := json.Unmarshal(line, &r); err != nil || !ok || len(weights) != r.WeightsBytes {
		t.Fatalf("response %.200q: %v, %d bytes of weights", line, err, len(weights))
	}
	if r.WeightsBytes > 0 && fmt.Sprintf("%x", sha256.Sum256(weights)) != r.WeightsSHA256 {
		t.Fatal("weights_sha256 is not that of the weights")
	}
	return r, weights
}

// TestModules builds every tool as a module and compares its answers with the native tool's: the same bytes.
func TestModules(t *testing.T) {
	if testing.Short() {
		t.Skip("builds modules")
	}
	data := lines(t, goFiles(t, 9, "strings", "unsafe", "sync"))
	train := join(`{"op":"train","label":"test","params":{"epochs":"2","bits":"10"}}`, jsonLines(data))
	ngrams := join(`{"op":"train","params":{"order":"3","max_text":"1024"}}`, jsonLines(data))
	requests := map[string][]byte{"textstat": data[0], "scorer": data[0], "linear": train, "ngram": ngrams}
	shelf := modules{}
	runner := wasm.New(shelf, wasm.Cache{})
	defer runner.Close(context.Background())
	for _, name := range tools.Names() {
		code, err := os.ReadFile(build(t, name, tools.BuildEnv()))
		if err != nil {
			t.Fatal(err)
		}
		h := object.Sum(code)
		shelf[h] = code
		call := exec.Call{Name: name, Module: exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &h, Confinement: exec.ConfineWASI}, Request: requests[name], Limits: exec.DefaultLimits()}
		got, err := runner.Run(t.Context(), call)
		if err != nil || got.Status != exec.StatusOK {
			t.Fatalf("%s: status %d, %s, %v", name, got.Status, got.Notes, err)
		}
		want, err := run(t, native(t, name), requests[name])
		if err != nil || !bytes.Equal(got.Body, want) {
			t.Errorf("%s: module and native tool answer differently (%v): %.300q, %.300q", name, err, got.Body, want)
		}
	}
}

type modules map[object.Hash][]byte

func (m modules) Bytes(_ context.Context, h object.Hash) ([]byte, error) { return m[h], nil }

// TestBuildsAreReproducible builds one tool in two places.
func TestBuildsAreReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds modules")
	}
	var sums [2][32]byte
	for i := range sums {
		data, err := os.ReadFile(build(t, "textstat", tools.BuildEnv()))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = sha256.Sum256(data)
	}
	if sums[0] != sums[1] {
		t.Error("two builds of textstat differ")
	}
}

func TestEmbedded(t *testing.T) {
	entries, err := fs.ReadDir(tools.Sources(), ".")
	if err != nil || len(entries) != len(tools.Names()) || !slices.IsSorted(tools.Names()) {
		t.Fatalf("%d folders, %d names, %v", len(entries), len(tools.Names()), err)
	}
	for _, e := range entries {
		files, err := tools.Files(e.Name())
		if err != nil || !slices.Contains(files, e.Name()+"/main.go") {
			t.Errorf("%s: %v, %v", e.Name(), files, err)
		}
	}
	if _, err := tools.Files("none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// The two trainers use the same protocol, with the same code.
	a, errA := fs.ReadFile(tools.Sources(), "linear/wire.go")
	b, errB := fs.ReadFile(tools.Sources(), "ngram/wire.go")
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Error("linear/wire.go and ngram/wire.go differ")
	}
}

func TestTextstat(t *testing.T) {
	bin := native(t, "textstat")
	for in, want := range map[string]string{
		"":              `{"bytes":0,"lines":0,"words":0,"longest_line":0,"ascii":true,"utf8":true,`,
		"a":             `{"bytes":1,"lines":1,"words":1,"longest_line":1,"ascii":true,"utf8":true,`,
		"a b\n\ncde \n": `{"bytes":10,"lines":3,"words":3,"longest_line":4,"ascii":true,"utf8":true,`,
		"é\n":           `{"bytes":3,"lines":1,"words":1,"longest_line":2,"ascii":false,"utf8":true,`,
		"\xff\n x":      `{"bytes":4,"lines":2,"words":2,"longest_line":2,"ascii":false,"utf8":false,`,
	} {
		out, err := run(t, bin, []byte(in))
		want += fmt.Sprintf("\"sha256\":\"%x\"}\n", sha256.Sum256([]byte(in)))
		if err != nil || string(out) != want {
			t.Errorf("%q: %s, %v; expected %s", in, out, err, want)
		}
	}
}

func TestScorer(t *testing.T) {
	bin := native(t, "scorer")
	const all = "//go:build linux\n\n// Code generated by hand. DO NOT EDIT.\n\npackage a\n\nimport \"C\"\nimport (\n\t\"testing\"\n\t\"unsafe\"\n)\n\nfunc TestA(t *testing.T) {}\n"
	cases := []struct{ request, want string }{
		{`{"request_text":"no go"}`, "lang=other test=0 unsafe=0 cgo=0 build_tag=0 generated=0"},
		{`{"request_text":"package a\n// import \"unsafe\"\nfunc TestA(t int) {}\n"}`, "lang=go test=0 unsafe=0 cgo=0 build_tag=0 generated=0"},
		{`{"request_text":` + quote(all) + `}`, "lang=go test=1 unsafe=1 cgo=1 build_tag=1 generated=1"},
		{`{"request_text":"package a\n\nimport \"testing\"\n\nfunc Testable(t testing.TB) {}\nfunc helper() {}"}`, "lang=go test=0 unsafe=0 cgo=0 build_tag=0 generated=0"},
		{`{"request_text":"package a","response_text":"{\"bytes\":9,\"sha256\":\"` + fmt.Sprintf("%x", sha256.Sum256([]byte("package a"))) + `\"}"}`, "lang=go test=0 unsafe=0 cgo=0 build_tag=0 generated=0 1"},
		{`{"request_text":"package a","response_text":"{\"bytes\":8,\"sha256\":\"00\"}"}`, "lang=go test=0 unsafe=0 cgo=0 build_tag=0 generated=0 0"},
		{`{"request_text":` + quote(all) + `,"label":"unsafe"}`, "1"},
		{`{"request_base64":"cGFja2FnZSBh","label":"lang"}`, "1"},
	}
	for _, c := range cases {
		out, err := run(t, bin, []byte(c.request))
		var signals []struct{ Type, Kind, Value any }
		if err == nil {
			err = json.Unmarshal(out, &signals)
		}
		var values []string
		for _, s := range signals {
			values = append(values, fmt.Sprint(s.Value))
		}
		if err != nil || strings.Join(values, " ") != c.want {
			t.Errorf("%s: %s, %v", c.request, out, err)
		}
	}
	for _, bad := range []string{``, `{}`, `[]`, `{"request_text":"a","label":"none"}`} {
		if out, err := run(t, bin, []byte(bad)); err == nil || err.Error() == "" || len(out) > 0 {
			t.Errorf("%q is accepted: %s", bad, out)
		}
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// BenchmarkTextstatModule is one call of textstat as a module, with a file of typical size: the cost per file of a run
// over many.
func BenchmarkTextstatModule(b *testing.B) {
	code, err := os.ReadFile(build(b, "textstat", tools.BuildEnv()))
	if err != nil {
		b.Fatal(err)
	}
	h := object.Sum(code)
	runner := wasm.New(modules{h: code}, wasm.Cache{})
	defer runner.Close(context.Background())
	request := bytes.Repeat([]byte("func main() { println(1) }\n"), 600)
	call := exec.Call{Name: "textstat", Module: exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &h, Confinement: exec.ConfineWASI}, Request: request, Limits: exec.DefaultLimits()}
	if err := runner.Prepare(b.Context(), call); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(request)))
	for b.Loop() {
		if res, err := runner.Run(b.Context(), call); err != nil || res.Status != exec.StatusOK {
			b.Fatal(res.Status, err)
		}
	}
}
