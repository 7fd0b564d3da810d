package exec_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/exectest"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/runnertest"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/memory"
)

func unconfined(t testing.TB, path string, args ...string) exec.ModuleRef {
	t.Helper()
	h, err := process.HashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &h, Argv: append([]string{path}, args...), Confinement: exec.ConfineNone}
}

func TestRegistry(t *testing.T) {
	e := exectest.New(t, 1)
	tools := e.Gate.Tools
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	one, err := tools.Add(t.Context(), exec.Tool{Name: "one", Module: unconfined(t, self, "a")})
	if err != nil {
		t.Fatal(err)
	}
	def, err := one.Def()
	if err != nil {
		t.Fatal(err)
	}
	if id, err := ir.ToolID(def); err != nil || id != one.ID {
		t.Errorf("id %s, definition %s, %v", one.ID, id, err)
	}
	for _, text := range []string{"one", one.ID.String()} {
		if got, err := tools.Find(t.Context(), text); err != nil || got.ID != one.ID {
			t.Errorf("%s: %v", text, err)
		}
	}
	// Policy is local; arguments are part of the implementation.
	retry := exec.Tool{Name: "same", Module: unconfined(t, self, "a"), Policy: exec.Policy{RetrySafe: true}}
	var others *exec.PolicyError
	if _, err := tools.Add(t.Context(), retry); !errors.As(err, &others) || !slices.Equal(others.Others, []string{"one"}) {
		t.Errorf("another policy for another name: %v", err)
	}
	same, changed, err := tools.Replace(t.Context(), retry)
	if err != nil || same.ID != one.ID || !slices.Equal(changed, []string{"one"}) {
		t.Errorf("another id for the same module: %v, %v", changed, err)
	}
	other, err := tools.Add(t.Context(), exec.Tool{Name: "one", Module: unconfined(t, self, "b")})
	if err != nil || other.ID == one.ID {
		t.Errorf("the same id for other arguments: %v", err)
	}
	if old, err := tools.Get(t.Context(), one.ID); err != nil || old.Module.Argv[1] != "a" {
		t.Errorf("the old registration: %v", err)
	}
	given, err := tools.Add(t.Context(), exec.Tool{Name: "echo", ID: object.SumText("tool:echo"), Given: true, Module: unconfined(t, self)})
	if err != nil || given.ID != object.SumText("tool:echo") {
		t.Errorf("a given id: %v", err)
	}
	var names []string
	if err := tools.List(t.Context(), func(tool exec.Tool) error { names = append(names, tool.Name); return nil }); err != nil || fmt.Sprint(names) != "[echo one same]" {
		t.Errorf("%v, %v", names, err)
	}
	if others, err := tools.Remove(t.Context(), "echo"); err != nil || len(others) > 0 {
		t.Errorf("%v, %v", others, err)
	}
	if _, err := tools.Find(t.Context(), "echo"); !errors.Is(err, exec.ErrNoTool) {
		t.Errorf("%v", err)
	}
}

// Several names may stand for one tool: none affects the others.
func TestAliases(t *testing.T) {
	e := exectest.New(t, 1)
	tools := e.Gate.Tools
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var id object.Hash
	for _, name := range []string{"b", "a", "c"} {
		tool, err := tools.Add(t.Context(), exec.Tool{Name: name, Module: unconfined(t, self)})
		if err != nil {
			t.Fatal(err)
		}
		id = tool.ID
	}
	probe := object.SumText("probe")
	for _, policy := range []exec.Policy{{RetrySafe: true}, {Cacheable: true}, {Limits: &exec.ModuleLimits{TimeoutUs: 1}}, {Probe: &probe}} {
		if _, err := tools.Add(t.Context(), exec.Tool{Name: "d", Module: unconfined(t, self), Policy: policy}); !errors.Is(err, exec.ErrPolicyOfOthers) {
			t.Errorf("%+v: %v", policy, err)
		}
	}
	for _, step := range []struct {
		name string
		left []string
	}{{"c", []string{"a", "b"}}, {"a", []string{"b"}}, {"b", nil}} {
		others, err := tools.Remove(t.Context(), step.name)
		if err != nil || !slices.Equal(others, step.left) {
			t.Errorf("without %s: %v, %v", step.name, others, err)
		}
		tool, err := tools.Get(t.Context(), id)
		if len(step.left) > 0 && (err != nil || tool.Name != step.left[0]) || len(step.left) == 0 && !errors.Is(err, exec.ErrNoTool) {
			t.Errorf("without %s: %q, %v", step.name, tool.Name, err)
		}
	}
	if _, err := tools.Add(t.Context(), exec.Tool{Name: "b", Module: unconfined(t, self), Policy: exec.Policy{RetrySafe: true}}); err != nil {
		t.Errorf("the policy of a tool without names: %v", err)
	}
	if _, err := tools.Add(t.Context(), exec.Tool{Name: "b", Module: unconfined(t, self)}); err != nil {
		t.Errorf("a name's own policy: %v", err)
	}
}

// TestAddAll: many tools at once are registered as they would be one after another.
func TestAddAll(t *testing.T) {
	tools := exectest.New(t, 1).Gate.Tools
	module := func(tool string) exec.ModuleRef {
		return exec.ModuleRef{Kind: exec.KindMCP, URL: "http://127.0.0.1/", Confinement: exec.ConfineRemote, Tool: tool}
	}
	var list []exec.Tool
	for i := range 600 {
		list = append(list, exec.Tool{Name: fmt.Sprintf("t%03d", i), Module: module(fmt.Sprint(i))})
	}
	list = append(list, exec.Tool{Name: "again", Module: module("7")})
	if err := tools.AddAll(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for _, want := range list {
		if got, err := tools.Find(t.Context(), want.Name); err != nil || got.ID != want.ID || want.ID.IsZero() {
			t.Errorf("%s: %s, %v", want.Name, got.ID, err)
		}
	}
	var others *exec.PolicyError
	same := []exec.Tool{{Name: "u", Module: module("u")}, {Name: "v", Module: module("u"), Policy: exec.Policy{RetrySafe: true}}}
	if err := tools.AddAll(t.Context(), same); !errors.As(err, &others) || !slices.Equal(others.Others, []string{"u"}) {
		t.Errorf("another policy for another name: %v", err)
	}
	var seen []string
	err := tools.Names(t.Context(), "t00", func(name string, id object.Hash) error {
		if id != list[len(seen)].ID {
			t.Errorf("%s stands for %s", name, id)
		}
		seen = append(seen, name)
		return nil
	})
	if err != nil || len(seen) != 10 {
		t.Errorf("%q, %v", seen, err)
	}
}

// Names that are added at once share one policy or are refused.
func TestAliasesAtOnce(t *testing.T) {
	e := exectest.New(t, 1)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	module := unconfined(t, self)
	var wg sync.WaitGroup
	var added sync.Map
	for i := range 8 {
		wg.Go(func() {
			tool := exec.Tool{Name: fmt.Sprintf("t%d", i), Module: module, Policy: exec.Policy{RetrySafe: i%2 == 0}}
			if _, err := e.Gate.Tools.Add(t.Context(), tool); err == nil {
				added.Store(tool.Name, tool.Policy.RetrySafe)
			}
		})
	}
	wg.Wait()
	seen := 0
	added.Range(func(name, retrySafe any) bool {
		seen++
		if tool, err := e.Gate.Tools.Find(t.Context(), name.(string)); err != nil || tool.Policy.RetrySafe != retrySafe.(bool) {
			t.Errorf("%s was registered with retry_safe %v, and has %v, %v", name, retrySafe, tool.Policy.RetrySafe, err)
		}
		return true
	})
	if seen == 0 {
		t.Error("none was registered")
	}
}

// A name without a tool is reported, and hides no other.
func TestDanglingName(t *testing.T) {
	e := exectest.New(t, 1)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"a", "b", "c"} {
		if _, err := e.Gate.Tools.Add(t.Context(), exec.Tool{Name: name, Module: unconfined(t, self, fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := e.Gate.Tools.Find(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	key := "t/i/" + b.ID.String()
	raw, _, err := e.DB.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := e.DB.Update(t.Context(), map[string][]byte{key: raw}, map[string][]byte{key: nil}); !ok || err != nil {
		t.Fatal(err)
	}
	var names []string
	err = e.Gate.Tools.List(t.Context(), func(tool exec.Tool) error { names = append(names, tool.Name); return nil })
	var dangling *exec.DanglingError
	if !errors.As(err, &dangling) || !slices.Equal(dangling.Names, []string{"b"}) || !slices.Equal(names, []string{"a", "c"}) {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := e.Gate.Tools.Remove(t.Context(), "b"); err != nil {
		t.Error(err)
	}
	if err := e.Gate.Tools.List(t.Context(), func(exec.Tool) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestRegistryRefuses(t *testing.T) {
	e := exectest.New(t, 1)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	good := unconfined(t, self)
	for name, change := range map[string]func(*exec.Tool){
		"name":            func(t *exec.Tool) { t.Name = "No Name" },
		"built-in name":   func(t *exec.Tool) { t.Name = "mythos.blob.get" },
		"relative path":   func(t *exec.Tool) { t.Module.Argv = []string{"sh"} },
		"no hash":         func(t *exec.Tool) { t.Module.ModuleHash = nil },
		"no confinement":  func(t *exec.Tool) { t.Module.Confinement = "" },
		"confined and un": func(t *exec.Tool) { t.Module.Read = []string{"/usr"} },
		"relative read":   func(t *exec.Tool) { t.Module.Confinement, t.Module.Read = exec.ConfineLandlock, []string{"usr"} },
		"relative folder": func(t *exec.Tool) { t.Module.Dir = "src" },
		"relative pin":    func(t *exec.Tool) { t.Module.Files = []exec.PinnedFile{{Path: "s.sh"}} },
		"pins in disorder": func(t *exec.Tool) {
			t.Module.Files = []exec.PinnedFile{{Path: "/b"}, {Path: "/a"}}
		},
		"a pin twice":         func(t *exec.Tool) { t.Module.Files = []exec.PinnedFile{{Path: "/a"}, {Path: "/a"}} },
		"interpreter at will": func(t *exec.Tool) { t.Module.Interpreter = []string{"/bin/sh"} },
		"kind":                func(t *exec.Tool) { t.Module.Kind = 9 },
		"built-in kind":       func(t *exec.Tool) { t.Module.Kind = exec.KindBuiltin },
		"limits":              func(t *exec.Tool) { t.Policy.Limits = &exec.ModuleLimits{MaxMemory: 1 << 50} },
		"wasm with env":       func(t *exec.Tool) { t.Module.Kind, t.Module.Env = exec.KindWasm, []string{"HOME"} },
	} {
		tool := exec.Tool{Name: "good", Module: good}
		change(&tool)
		if _, err := e.Gate.Tools.Add(t.Context(), tool); err == nil {
			t.Errorf("%s: it was registered", name)
		}
	}
}

// TestProcessBehindTheGate counts the invocations of a process by its traces on the disk: many callers, one key, one
// byte.
func TestProcessBehindTheGate(t *testing.T) {
	path := runnertest.Build(t, runtime.GOOS, runtime.GOARCH)
	e := exectest.New(t, 1)
	e.Gate.Runners[exec.KindProcess] = &process.Runner{Dir: t.TempDir()}
	count := filepath.Join(t.TempDir(), "count")
	tool, err := e.Gate.Tools.Add(t.Context(), exec.Tool{Name: "count", Module: unconfined(t, path, "count", count)})
	if err != nil {
		t.Fatal(err)
	}
	chain := e.Cap("tool.call:" + tool.ID.String() + ",calls=1")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			out, err := e.Gate.Do(t.Context(), exec.Effect{Tool: tool.ID, Request: []byte("r"), Key: []byte("k"), Caps: []caps.Chain{chain}})
			if err != nil || string(out.Body) != "r" {
				t.Errorf("%+v, %v", out, err)
				return
			}
			module, _ := tool.Module.Hash()
			if ev := e.Receipt(out.ReceiptID).Evidence; len(ev) != 3 || ev[0] != chain[0].ID || ev[1] != module || ev[2] != *tool.Module.ModuleHash {
				t.Errorf("evidence %v", ev)
			}
		})
	}
	wg.Wait()
	if data, err := os.ReadFile(count); err != nil || len(data) != 1 {
		t.Errorf("it was invoked %d times, %v", len(data), err)
	}
	// A changed binary is refused before anything is registered.
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	more := e.Cap("tool.call:" + tool.ID.String())
	_, err = e.Gate.Do(t.Context(), exec.Effect{Tool: tool.ID, Request: []byte("r"), Key: []byte("k2"), Caps: []caps.Chain{more}})
	var refused *exec.RefusedError
	if !errors.Is(err, exec.ErrPinned) || !errors.As(err, &refused) || e.Receipt(refused.ReceiptID).Status != exec.StatusNotFound {
		t.Errorf("a changed binary: %v", err)
	}
}

func TestWasmBehindTheGate(t *testing.T) {
	code, err := os.ReadFile(runnertest.Build(t, "wasip1", "wasm"))
	if err != nil {
		t.Fatal(err)
	}
	e := exectest.New(t, 1)
	h, err := e.Store.PutBytes(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	runner := wasm.New(e.Store, wasm.Cache{})
	defer runner.Close(t.Context())
	e.Gate.Runners[exec.KindWasm] = runner
	ref := exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &h, Argv: []string{"echo"}, Confinement: exec.ConfineWASI}
	tool, err := e.Gate.Tools.Add(t.Context(), exec.Tool{Name: "echo", Module: ref, Policy: exec.Policy{Cacheable: true}})
	if err != nil {
		t.Fatal(err)
	}
	chain := e.Cap("tool.call:" + tool.ID.String())
	spec := run.CallSpec{Tool: tool, Request: []byte("hello"), Caps: []object.Hash{chain[0].ID}, Author: e.Key.Agent(), EmitTrace: true}
	for i := range 2 { // without a key: a cacheable tool uses its request as the key
		res, err := (&run.Executor{Gate: e.Gate, Store: e.Store, KV: e.DB}).Call(t.Context(), spec, run.Options{Caps: []caps.Chain{chain}})
		if err != nil || res.Halt != nil || string(res.Value.Data()) != "hello" || res.Replayed != i {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	missing := object.SumText("no module")
	ref.ModuleHash = &missing
	gone, err := e.Gate.Tools.Add(t.Context(), exec.Tool{Name: "gone", Module: ref})
	if err != nil {
		t.Fatal(err)
	}
	var refused *exec.RefusedError
	if _, err := e.Gate.Do(t.Context(), exec.Effect{Tool: gone.ID, Caps: []caps.Chain{e.Cap("tool.call:" + gone.ID.String())}}); !errors.As(err, &refused) {
		t.Errorf("a missing module: %v", err)
	}
}

// TestAmend: concurrent changes of different parts of a registration are all effective, under every name.
func TestAmend(t *testing.T) {
	t.Parallel()
	tools := exec.NewTools(memory.New())
	m := exec.ModuleRef{Kind: exec.KindHTTP, URL: "http://127.0.0.1/", Confinement: exec.ConfineRemote, Method: "POST"}
	for _, name := range []string{"a", "b"} {
		if _, err := tools.Add(t.Context(), exec.Tool{Name: name, Module: m}); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for _, change := range []func(p *exec.Policy){
		func(p *exec.Policy) { p.Price = 7 }, func(p *exec.Policy) { p.RetrySafe = true }, func(p *exec.Policy) { p.Cancellable = true }, func(p *exec.Policy) { p.Reads = true },
	} {
		all.Go(func() {
			got, others, err := tools.Amend(t.Context(), "b", func(t *exec.Tool) error { change(&t.Policy); return nil })
			if err != nil || got.Name != "b" || !slices.Equal(others, []string{"a"}) {
				t.Errorf("%s, %v, %v", got.Name, others, err)
			}
		})
	}
	all.Wait()
	if got, err := tools.Find(t.Context(), "a"); err != nil || got.Policy.Price != 7 || !got.Policy.RetrySafe || !got.Policy.Cancellable || !got.Policy.Reads {
		t.Errorf("%+v, %v", got.Policy, err)
	}
	if _, _, err := tools.Amend(t.Context(), "none", nil); !errors.Is(err, exec.ErrNoTool) {
		t.Errorf("a tool that is not there: %v", err)
	}
}
