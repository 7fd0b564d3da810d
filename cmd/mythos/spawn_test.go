//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/pgtest"
	"github.com/mythos-project/mythos/internal/s3test"
	"github.com/mythos-project/mythos/internal/spawn"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// spawnJob is a task that spawns others under a key.
const spawnJob = `.tool spawn (bytes) -> bytes id #"tool:mythos.compute.spawn"
.const request bytes x"%x"
.const key     text "all"
.task #"sym:main" () budget { cpu 1000000, io 1, writes 0, tokens 0, spawn 1 }
	require_cap #%s
	require_cap #%s
	const  r0, $request
	effect tool:spawn, r0, r1, r2, $key
	ret    r1
`

// TestSpawnerDies: `mythos run` spawns a task that a server runs, and is killed meanwhile. Run again, it waits for the
// same task, which is not run a second time. When that server is killed, another one runs the task again, and the spawn
// has its result.
func TestSpawnerDies(t *testing.T) {
	root := t.TempDir()
	mustRun(t, root, "init")
	spawnerDies(t, root, root, func(t *testing.T) *process {
		p := begin(t, root, "serve", "--listen", "127.0.0.1:0")
		waitFor(t, func() bool { return servesOn.MatchString(p.log.String()) }, p.log)
		return p
	})
}

// TestSpawnerDiesElsewhere is the same with workers, on another machine than who spawns.
func TestSpawnerDiesElsewhere(t *testing.T) {
	if os.Getenv(clusterVar) == "" {
		t.Skip("make cluster: it waits until processes are missed")
	}
	t.Setenv(enginesVar, "")
	t.Setenv("MYTHOS_KEY", fmt.Sprintf("5b%062d", 0))
	root := t.TempDir()
	where := []string{"--store", pgtest.Shared(t).Database(t), "--chunks", s3test.Shared(t).Bucket(t)}
	mustRun(t, root, append([]string{"init", "far", "--accept-loss"}, where...)...)
	mustRun(t, root, append([]string{"join", "near"}, where...)...)
	t.Setenv("MYTHOS_LEASE", "5s")
	spawnerDies(t, root, filepath.Join(root, "far"), func(t *testing.T) *process {
		return begin(t, filepath.Join(root, "near"), "worker", "--concurrency", "1")
	})
}

// spawnerDies spawns in the repository at dir; taker starts a process that takes tasks. root is for files.
func spawnerDies(t *testing.T, root, dir string, taker func(*testing.T) *process) {
	here := func(name string) string { return filepath.Join(root, name) }
	read := func(name string) []byte {
		data, _ := os.ReadFile(here(name)) // it does not exist at first
		return data
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(here(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	say := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(mustRun(t, dir, append([]string{"-q"}, args...)...))
	}
	write("job.sh", fmt.Sprintf("echo began >>%s\nuntil [ -e %s ]; do sleep 0.05; done\necho done\n", here("ran"), here("ready")))
	tool := say("tool", "add", "job", "--unconfined", "--retry-safe", "--process", "sh", here("job.sh"))
	link := say("cap", "issue", "--to", "self", "--scope", "tool.call:job,calls=9")
	workers := say("cap", "issue", "--to", "self", "--scope", "compute.spawn:workers,workers=9")
	tasks := []object.Hash{}
	text := fmt.Sprintf(keyedJob, tool, "one", link)
	write("jobs.mir", text)
	mustRun(t, root, "asm", "jobs.mir", "-o", "jobs.bundle")
	b, _, err := ir.Validate(read("jobs.bundle"))
	if err != nil {
		t.Fatal(err)
	}
	for _, is := range b.Tasks.Tasks {
		tasks = append(tasks, is.TaskID)
	}
	cid, err := object.ParseHash(say("blob", "put", here("jobs.bundle")))
	if err != nil {
		t.Fatal(err)
	}
	request, err := can.Marshal(&vm.SpawnRequest{PoolID: spawn.WorkersPool, Bundle: cid, Tasks: tasks, CPUus: 1_000_000, IO: 9})
	if err != nil {
		t.Fatal(err)
	}
	write("all.mir", fmt.Sprintf(spawnJob, request, workers, link))
	mustRun(t, root, "asm", "all.mir", "-o", "all.bundle")

	first := taker(t)
	run := []string{"run", here("all.bundle"), "--cap", workers, "--cap", link}
	killed := begin(t, dir, run...)
	began := func() int { return bytes.Count(read("ran"), []byte("began\n")) }
	waitFor(t, func() bool { return began() == 1 }, killed.log)
	killed.signal(t, syscall.SIGKILL)
	_ = killed.Wait()
	again := command(dir, run...)
	var out, errOut logBuffer
	again.Stdout, again.Stderr = &out, &errOut
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Process.Kill() })
	second := taker(t)
	if began() != 1 {
		t.Errorf("the job began %d times before its worker was killed", began())
	}
	first.signal(t, syscall.SIGKILL)
	_ = first.Wait()
	waitFor(t, func() bool { return began() == 2 }, second.log)
	write("ready", "")
	if err := again.Wait(); err != nil {
		t.Fatalf("%v: %s\n%s", err, errOut.String(), second.log)
	}
	if res, err := object.Decode[vm.Spawned]([]byte(out.String())); err != nil || len(res.Results) != 1 || res.Halted[0] || began() != 2 {
		t.Errorf("%+v, %v; the job began %d times", res, err, began())
	}
	second.signal(t, syscall.SIGTERM)
	if err := second.Wait(); err != nil {
		t.Errorf("what takes tasks: %v: %s", err, second.log)
	}
	mustRun(t, dir, "ledger", "verify")
}
