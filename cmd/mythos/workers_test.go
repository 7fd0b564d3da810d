//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
	"github.com/mythos-project/mythos/object/sign"
)

// clusterVar enables the tests for `make cluster`: they wait until processes are noticed as missing.
const clusterVar = "MYTHOS_TEST_CLUSTER"

// keyedJob is a task with one effect, which has a key.
const keyedJob = `.tool job (bytes) -> bytes id #%s
.const request bytes x"00"
.const key     text "%s"
.task #"sym:main" () budget { cpu 100000, io 1, writes 1, tokens 0 }
	require_cap #%s
	const  r0, $request
	effect tool:job, r0, r1, r2, $key
	ret    r1
`

// result is the result of the job, as a task returns it.
const result = `{"$b":"646f6e650a"}`

// process is a mythos process that runs until it is ended.
type process struct {
	*osexec.Cmd
	log *logBuffer
}

func begin(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{command(dir, args...), &logBuffer{}}
	p.Stderr = p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// TestWorkersDie: a worker is killed while it runs a task, and another one is stopped until it is noticed as missing.
// Each time another worker runs the task again, its author gets one answer, and what the stopped one does later changes
// nothing.
func TestWorkersDie(t *testing.T) {
	if os.Getenv(clusterVar) == "" {
		t.Skip("make cluster: it waits until processes are missed")
	}
	t.Setenv(enginesVar, "")
	root, key := t.TempDir(), sign.FromSeed([32]byte{0x5a}, "ci")
	where := []string{"--store", pgtest.Shared(t).Database(t), "--chunks", s3test.Shared(t).Bucket(t)}
	folder := func(name string) string { return filepath.Join(root, name) }
	mustRun(t, root, append([]string{"init", "far", "--accept-loss"}, where...)...)
	mustRun(t, root, append([]string{"join", "w1"}, where...)...)
	mustRun(t, root, append([]string{"join", "w2"}, where...)...)
	mustRun(t, root, "init", "near")
	t.Setenv("MYTHOS_KEY", fmt.Sprintf("5a%062d", 0))
	t.Setenv("MYTHOS_LEASE", "5s")
	for _, name := range []string{"far", "w1", "w2", "near"} {
		mustRun(t, folder(name), "trust", "add", key.Agent().KeyHex(), "--name", "ci", "--for", "*")
	}
	ran, ready, script := folder("ran"), folder("ready"), folder("job.sh")
	text := fmt.Sprintf("echo began >>%s\nuntil [ -e %s ]; do sleep 0.1; done\necho done\n", ran, ready)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tool := strings.TrimSpace(mustRun(t, folder("far"), "-q", "tool", "add", "job", "--unconfined", "--retry-safe", "--process", "sh", script))
	link := strings.TrimSpace(mustRun(t, folder("far"), "-q", "cap", "issue", "--to", "self", "--scope", "tool.call:job,calls=9"))
	if err := os.WriteFile(folder("cap"), []byte(mustRun(t, folder("far"), "cap", "export", link)), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, folder("near"), "cap", "import", folder("cap"))
	serve := begin(t, folder("far"), "serve", "--leave-tasks", "--listen", "127.0.0.1:0")
	waitFor(t, func() bool { return servesOn.MatchString(serve.log.String()) }, serve.log)
	url := servesOn.FindStringSubmatch(serve.log.String())[1]
	began := func() int {
		text, _ := os.ReadFile(ran) // it does not exist at first
		return bytes.Count(text, []byte("began\n"))
	}
	submit := func(name string) string {
		t.Helper()
		source, bundle := folder(name+".mir"), folder(name+".bundle")
		if err := os.WriteFile(source, fmt.Appendf(nil, keyedJob, tool, name, link), 0o600); err != nil {
			t.Fatal(err)
		}
		mustRun(t, root, "asm", source, "-o", bundle)
		return strings.TrimSpace(mustRun(t, folder("near"), "-q", "submit", url, bundle, "--cap", link, "--no-wait"))
	}
	answered := func(id string, since time.Time, worker *process) {
		t.Helper()
		if err := os.WriteFile(ready, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for { // a server waits for 20 seconds
			out, errOut, code := outcome(t, command(folder("near"), "-q", "task", "result", id))
			if code == 7 {
				continue
			}
			if code != 0 || !strings.Contains(out, result) {
				t.Fatalf("exit code %d: %s%s\n%s", code, out, errOut, worker.log)
			}
			t.Logf("answered %.0f s after its worker was gone", time.Since(since).Seconds())
			return
		}
	}

	first := begin(t, folder("w1"), "worker")
	id := submit("killed")
	waitFor(t, func() bool { return began() == 1 }, first.log)
	second := begin(t, folder("w2"), "worker")
	first.signal(t, syscall.SIGKILL)
	_ = first.Wait()
	answered(id, time.Now(), second)
	if n := began(); n != 2 {
		t.Errorf("the tool, which is safe to repeat, began %d times", n)
	}

	if err := os.Remove(ready); err != nil {
		t.Fatal(err)
	}
	id = submit("stopped")
	waitFor(t, func() bool { return began() == 3 }, second.log)
	second.signal(t, syscall.SIGSTOP)
	third := begin(t, folder("w1"), "worker")
	answered(id, time.Now(), third)
	second.signal(t, syscall.SIGCONT)
	waitFor(t, func() bool { return strings.Contains(second.log.String(), "another server has the task") }, second.log)
	if again := mustRun(t, folder("near"), "-q", "task", "result", id); !strings.Contains(again, result) || began() != 4 {
		t.Errorf("%q; the tool began %d times", again, began())
	}
	for _, p := range []*process{second, third, serve} {
		p.signal(t, syscall.SIGTERM)
		_ = p.Wait()
	}
	mustRun(t, folder("far"), "ledger", "verify")
	if status := mustRun(t, folder("far"), "cluster", "status", "--json"); !strings.Contains(status, `"stuck":[]`) || !strings.Contains(status, `"running":0`) {
		t.Errorf("afterwards: %s", status)
	}
}
