package wasm_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/runnertest"
	"github.com/mythos-project/mythos/exec/wasm"
	"github.com/mythos-project/mythos/object"
)

// wat makes a small module: a function type without parameters, one function with this code, and the rest as given.
func wat(code, export, imports, more string) []byte {
	section := func(id byte, body string) string {
		if body == "" {
			return ""
		}
		return string([]byte{id, byte(len(body))}) + body
	}
	exports, fn := "", "\x00"
	if imports != "" {
		fn = "\x01"
	}
	if export != "" {
		exports = "\x01" + string([]byte{byte(len(export))}) + export + "\x00" + fn
	}
	body := "\x00" + code + "\x0b"
	return []byte("\x00asm\x01\x00\x00\x00" + section(1, "\x01\x60\x00\x00") + section(2, imports) + section(3, "\x01\x00") + more +
		section(7, exports) + section(10, "\x01"+string([]byte{byte(len(body))})+body))
}

const (
	unreachable = "\x00"
	emptyModule = "\x00asm\x01\x00\x00\x00"
)

func open(t *testing.T, modules shelf, cache wasm.Cache) *wasm.Runner {
	t.Helper()
	cache.Debugf = t.Logf
	runner := wasm.New(modules, cache)
	t.Cleanup(func() {
		if err := runner.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return runner
}

// TestCheck: a module that would run nothing is not a tool, when it is added and when it is called.
func TestCheck(t *testing.T) {
	tests := []struct {
		name string
		code []byte
		want string // empty: it is a valid tool
	}{
		{"a command", wat("", "_start", "", ""), ""},
		{"nothing in it", []byte(emptyModule), "_start"},
		{"a library", wat("", "main", "", ""), "_start"},
		{"a reactor", wat("", "_initialize", "", ""), "_start"},
		{"another host", wat("", "_start", "\x01\x03env\x01f\x00\x00", ""), "env.f"},
		{"a function that WASI has not", wat("", "_start", "\x01\x16wasi_snapshot_preview1\x01f\x00\x00", ""), "wasi_snapshot_preview1.f"},
		{"another signature", wat("", "_start", "\x01\x16wasi_snapshot_preview1\x09proc_exit\x00\x00", ""), "proc_exit"},
		{"too much memory", wat("", "_start", "", "\x05\x04\x01\x00\xff\x7f"), "memory"},
		{"cut off", wat("", "_start", "", "")[:20], "compile"},
	}
	modules := shelf{}
	runner := open(t, modules, wasm.Cache{})
	for _, tt := range tests {
		hash := object.Sum(tt.code)
		modules[hash] = tt.code
		err := runner.Check(t.Context(), tt.code)
		call := runnertest.Call(exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &hash, Confinement: exec.ConfineWASI}, nil)
		prepared := runner.Prepare(t.Context(), call)
		res, ran := runner.Run(t.Context(), call)
		if tt.want == "" {
			if err != nil || prepared != nil || ran != nil || res.Status != exec.StatusOK {
				t.Errorf("%s: %v, %v, %d %v", tt.name, err, prepared, res.Status, ran)
			}
			continue
		}
		if !errors.Is(err, wasm.ErrModule) || !strings.Contains(err.Error(), tt.want) || prepared == nil || !errors.Is(ran, exec.ErrNotStarted) {
			t.Errorf("%s: %v, %v, %v", tt.name, err, prepared, ran)
		}
	}
}

// TestTrap: a module whose code ran and trapped has failed; so has one that trapped in its start section.
func TestTrap(t *testing.T) {
	modules := shelf{}
	runner := open(t, modules, wasm.Cache{})
	withStart := wat(unreachable, "_start", "", "")
	at := strings.Index(string(withStart), "\x0a\x05") // the code section
	withStart = []byte(string(withStart[:at]) + "\x08\x01\x00" + string(withStart[at:]))
	for name, code := range map[string][]byte{"_start": wat(unreachable, "_start", "", ""), "start section": withStart} {
		hash := object.Sum(code)
		modules[hash] = code
		res, err := runner.Run(t.Context(), runnertest.Call(exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &hash, Confinement: exec.ConfineWASI}, nil))
		if err != nil || res.Status != exec.StatusFailed || !strings.Contains(res.Notes, "unreachable") {
			t.Errorf("%s: %d %q, %v", name, res.Status, res.Notes, err)
		}
	}
}

// TestCacheIsChecked: whatever changes in a cache, the right module runs.
func TestCacheIsChecked(t *testing.T) {
	good, evil := wat("", "_start", "", ""), wat(unreachable, "_start", "", "")
	modules := shelf{object.Sum(good): good, object.Sum(evil): evil}
	run := func(t *testing.T, dir, key string, code []byte) uint16 {
		t.Helper()
		hash := object.Sum(code)
		res, err := open(t, modules, wasm.Cache{Dir: dir, Key: []byte(key)}).
			Run(t.Context(), runnertest.Call(exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &hash, Confinement: exec.ConfineWASI}, nil))
		if err != nil {
			t.Fatal(err)
		}
		return res.Status
	}
	change := func(dir string, fn func(path string) error) {
		t.Helper()
		n := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n++
			return fn(path)
		})
		if err != nil || n == 0 {
			t.Fatalf("%d files, %v", n, err)
		}
	}
	flip := func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data[len(data)/2] ^= 1
		return os.WriteFile(path, data, 0o600)
	}
	dir := t.TempDir()
	run(t, dir, "k", good)
	t.Run("kept", func(t *testing.T) {
		before, after := map[string]int64{}, map[string]int64{}
		note := func(m map[string]int64) {
			change(dir, func(path string) error {
				st, err := os.Stat(path)
				if err == nil {
					m[path] = st.ModTime().UnixNano()
				}
				return err
			})
		}
		note(before)
		if run(t, dir, "k", good) != exec.StatusOK {
			t.Error("the cached module does not run")
		}
		note(after)
		for path, at := range after {
			if before[path] != at {
				t.Errorf("%s was written again", path)
			}
		}
	})
	t.Run("flipped", func(t *testing.T) {
		change(dir, flip)
		if run(t, dir, "k", good) != exec.StatusOK {
			t.Error("it does not run")
		}
	})
	t.Run("exchanged", func(t *testing.T) {
		other := t.TempDir()
		run(t, other, "thief", evil)
		var code []byte
		change(other, func(path string) error {
			if strings.HasSuffix(path, ".seal") {
				return nil
			}
			data, err := os.ReadFile(path)
			code = data
			return err
		})
		change(dir, func(path string) error {
			if strings.HasSuffix(path, ".seal") {
				return nil
			}
			return os.WriteFile(path, code, 0o600)
		})
		if run(t, dir, "k", good) != exec.StatusOK {
			t.Error("another module's code ran")
		}
	})
	t.Run("another key", func(t *testing.T) {
		if run(t, dir, "another", good) != exec.StatusOK {
			t.Error("it does not run")
		}
	})
	t.Run("no cache", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{filepath.Join(file, "below"), "/proc/nowhere"} {
			if run(t, dir, "k", good) != exec.StatusOK {
				t.Errorf("%s: it does not run", dir)
			}
		}
	})
}
