package wasm_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/runnertest"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/object"
)

var errNoModule = errors.New("no such module")

// shelf stores modules by hash.
type shelf map[object.Hash][]byte

func (s shelf) Bytes(_ context.Context, h object.Hash) ([]byte, error) {
	if b, ok := s[h]; ok {
		return b, nil
	}
	return nil, errNoModule
}

func (s shelf) put(t testing.TB, path string) object.Hash {
	t.Helper()
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := object.Sum(code)
	s[h] = code
	return h
}

func TestRunner(t *testing.T) {
	modules := shelf{}
	tool := modules.put(t, runnertest.Build(t, "wasip1", "wasm"))
	cache := t.TempDir()
	module := func(args ...string) exec.ModuleRef {
		return exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &tool, Argv: args, Confinement: exec.ConfineWASI}
	}
	open := func(t *testing.T) *wasm.Runner {
		runner := wasm.New(modules, wasm.Cache{Dir: cache, Key: []byte("a key"), Debugf: t.Logf})
		t.Cleanup(func() {
			if err := runner.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return runner
	}
	runner := open(t)
	runnertest.Run(t, runnertest.Suite{Runner: runner, Module: module, Stderr: true, Absent: func() exec.ModuleRef {
		missing := object.SumText("no module")
		return exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &missing, Confinement: exec.ConfineWASI}
	}})

	t.Run("Sandbox", func(t *testing.T) {
		first, err := runner.Run(t.Context(), runnertest.Call(module("world"), nil))
		if err != nil || first.Status != exec.StatusOK || !strings.HasPrefix(string(first.Body), "1970-01-01 00:00:00 +0000 UTC true ") {
			t.Fatalf("status %d, %q, %q, %v", first.Status, first.Body, first.Notes, err)
		}
		again, err := open(t).Run(t.Context(), runnertest.Call(module("world"), nil)) // from the cache on disk
		if err != nil || string(again.Body) != string(first.Body) {
			t.Errorf("%q, then %q, %v", first.Body, again.Body, err)
		}
		if entries, err := os.ReadDir(cache); err != nil || len(entries) == 0 {
			t.Errorf("nothing was cached on disk: %v", err)
		}
	})
	t.Run("NoFiles", func(t *testing.T) {
		res, err := runner.Run(t.Context(), runnertest.Call(module("read", "/etc/hostname"), nil))
		if err != nil || res.Status != exec.StatusFailed {
			t.Errorf("status %d, %v", res.Status, err)
		}
	})
	t.Run("Memory", func(t *testing.T) {
		call := runnertest.Call(module("alloc", "20"), nil)
		if res, err := runner.Run(t.Context(), call); err != nil || res.Status != exec.StatusOK {
			t.Errorf("enough memory: status %d, %q, %v", res.Status, res.Notes, err)
		}
		call.Limits.MaxMemory = 16 << 20
		if res, err := runner.Run(t.Context(), call); err != nil || res.Status != exec.StatusFailed {
			t.Errorf("too little memory: status %d, %q, %v", res.Status, res.Notes, err)
		}
	})
	t.Run("UnknownModule", func(t *testing.T) {
		ref, other := module("echo"), object.SumText("no module")
		ref.ModuleHash = &other
		if _, err := runner.Run(t.Context(), runnertest.Call(ref, nil)); !errors.Is(err, errNoModule) {
			t.Errorf("%v", err)
		}
	})
}

func BenchmarkEcho(b *testing.B) {
	modules := shelf{}
	tool := modules.put(b, runnertest.Build(b, "wasip1", "wasm"))
	runner := wasm.New(modules, wasm.Cache{})
	defer runner.Close(context.Background())
	call := runnertest.Call(exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &tool, Argv: []string{"echo"}, Confinement: exec.ConfineWASI}, []byte("hello"))
	if _, err := runner.Run(b.Context(), call); err != nil { // compiles
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := runner.Run(b.Context(), call); err != nil {
			b.Fatal(err)
		}
	}
}
