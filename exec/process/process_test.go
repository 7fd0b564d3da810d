package process_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/runnertest"
)

// module registers the program at path.
func module(t testing.TB, path string, args ...string) exec.ModuleRef {
	t.Helper()
	h, err := process.HashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ref := exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &h, Argv: append([]string{path}, args...), Confinement: exec.ConfineNone}
	if err := ref.Check(); err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestRunner(t *testing.T) {
	tool := runnertest.Build(t, runtime.GOOS, runtime.GOARCH)
	runner := &process.Runner{Dir: t.TempDir(), Lookup: func(name string) (string, bool) {
		return "value of " + name, name != "ABSENT"
	}}
	runnertest.Run(t, runnertest.Suite{Runner: runner, Module: func(args ...string) exec.ModuleRef { return module(t, tool, args...) }})
	t.Run("Environment", func(t *testing.T) { environment(t, runner, tool) })
	t.Run("Pinned", func(t *testing.T) { pinned(t, runner, tool) })
	t.Run("Group", func(t *testing.T) { group(t, runner) })
	t.Run("Landlock", func(t *testing.T) { landlock(t, runner, tool) })
	left, err := os.ReadDir(runner.Dir)
	if err != nil || len(left) > 0 {
		t.Errorf("working directories left behind: %v, %v", left, err)
	}
}

func environment(t *testing.T, runner *process.Runner, tool string) {
	call := runnertest.Call(module(t, tool, "env"), nil)
	call.Module.Env = []string{"NAMED", "ABSENT"}
	call.Key, call.Fence = []byte{0xab, 1}, 7
	res, err := runner.Run(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	want := "MYTHOS_FENCE=7\nMYTHOS_IDEMPOTENCY_KEY=ab01\nNAMED=value of NAMED\n"
	if string(res.Body) != want {
		t.Errorf("environment:\n%s", res.Body)
	}
}

func pinned(t *testing.T, runner *process.Runner, tool string) {
	path := filepath.Join(t.TempDir(), "changing")
	data, err := os.ReadFile(tool)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	call := runnertest.Call(module(t, path, "echo"), nil)
	if _, err := runner.Run(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, 0), 0o700); err != nil {
		t.Fatal(err)
	}
	var changed *exec.PinnedError
	if _, err := runner.Run(t.Context(), call); !errors.Is(err, exec.ErrPinned) || !errors.As(err, &changed) {
		t.Errorf("a changed binary: %v", err)
	}
}

// group: a program's background processes do not outlive it, whether it ends by itself or is stopped.
func group(t *testing.T, runner *process.Runner) {
	sh, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Skip("no shell here")
	}
	for name, script := range map[string]string{
		"ends":    `sleep 100 & echo $! >"$1"`,
		"stopped": `sleep 100 & echo $! >"$1"; sleep 100`,
	} {
		out := filepath.Join(t.TempDir(), name)
		call := runnertest.Call(module(t, sh, "-c", "PATH=/usr/bin:/bin; "+script, "sh", out), nil)
		call.Limits.Timeout = time.Second
		if _, err := runner.Run(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if pid := strings.TrimSpace(string(text)); runs(pid) {
			t.Errorf("%s: the background child %s lives on", name, pid)
		}
	}
}

// runs reports whether a process runs, on systems that show it.
func runs(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func landlock(t *testing.T, runner *process.Runner, tool string) {
	dir := t.TempDir()
	open, secret := filepath.Join(dir, "open"), filepath.Join(dir, "secret")
	for _, p := range []string{open, secret} {
		if err := os.WriteFile(p, []byte(filepath.Base(p)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	confined := func(path string) exec.Call {
		ref := module(t, tool, "read", path)
		ref.Confinement, ref.Read = exec.ConfineLandlock, []string{open}
		return runnertest.Call(ref, nil)
	}
	res, err := runner.Run(t.Context(), confined(open))
	if lack := process.Confinable(); lack != nil {
		if !errors.Is(err, process.ErrConfinement) {
			t.Errorf("the kernel cannot confine, yet: status %d, %v", res.Status, err)
		}
		t.Logf("the rest needs Landlock: %v", lack)
		return
	}
	if err != nil || string(res.Body) != "open" {
		t.Errorf("a named path: status %d, %q, %v", res.Status, res.Notes, err)
	}
	res, err = runner.Run(t.Context(), confined(secret))
	if err != nil || res.Status != exec.StatusFailed || !strings.Contains(res.Notes, "permission denied") {
		t.Errorf("another path: status %d, %q, %v", res.Status, res.Notes, err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, to := range [][]string{{"udp", "127.0.0.1:9"}, {"tcp", "127.0.0.1:9"}, {"udp6", "[::1]:9"}, {"unix", listener.Addr().String()}, {"unixgram", "@nobody"}} {
		ref := module(t, tool, "dial", to[0], to[1])
		ref.Confinement, ref.Read, ref.Write = exec.ConfineLandlock, []string{}, []string{dir}
		res, err := runner.Run(t.Context(), runnertest.Call(ref, nil))
		if err != nil || res.Status != exec.StatusFailed || !strings.Contains(res.Notes, "socket: permission denied") {
			t.Errorf("a connection to %v: status %d, %q, %v", to, res.Status, res.Notes, err)
		}
	}
	if res, err := runner.Run(t.Context(), runnertest.Call(module(t, tool, "dial", "unix", listener.Addr().String()), nil)); err != nil || res.Status != exec.StatusOK {
		t.Errorf("unconfined: status %d, %q, %v", res.Status, res.Notes, err)
	}
	// Only the program is confined: this process still reads everything.
	if _, err := os.ReadFile(secret); err != nil {
		t.Error(err)
	}
}
