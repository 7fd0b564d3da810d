package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// 32 processes work on one repository at the same time, and all of them succeed: without a server, and through the
// socket of one.
func TestManyProcesses(t *testing.T) {
	for _, served := range []bool{false, true} {
		t.Run(fmt.Sprintf("served=%v", served), func(t *testing.T) {
			dir := repository(t)
			t.Setenv("MYTHOS_BUSY", "1m") // other tests may keep the processors busy
			mustRun(t, dir, "tool", "add", "lines", "--retry-safe", "--unconfined", "--process", "wc", "-l")
			mustRun(t, dir, "cap", "issue", "--to", "self", "--scope", "tool.call:lines,calls=100", "--ttl", "1h")
			writeFile(t, filepath.Join(dir, "in"), 1, 1000)
			mustRun(t, dir, "call", "lines", "--key", "first", "--in", "in")
			if served {
				serve(t, dir)
			}
			crowd(t, dir, 32)
			if out := mustRun(t, dir, "fsck"); out != "" {
				t.Error(out)
			}
			if n := strings.Count(mustRun(t, dir, "blob", "ls", "--json"), "\n"); n < 11 {
				t.Errorf("%d blobs", n)
			}
			mustRun(t, dir, "ledger", "verify")
		})
	}
}

// crowd starts n commands at once; each must succeed.
func crowd(t *testing.T, dir string, n int) {
	var wg sync.WaitGroup
	for i := range n {
		name := fmt.Sprintf("f%d", i)
		writeFile(t, filepath.Join(dir, name), uint64(i+10), 1000+i*30_000)
		args := [][]string{{"blob", "put", name}, {"call", "lines", "--key", name, "--in", "in"}, {"ledger", "show", "first", "--tool", "lines"}}[i%3]
		cmd := command(dir, args...)
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("mythos %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		})
	}
	wg.Wait()
}

// serve starts a server on the repository and waits for it.
func serve(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := command(dir, "serve", "--listen", "127.0.0.1:0")
	log := &logBuffer{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve: %v\n%s", err, log.String())
		}
	})
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, ".mythos", "serve.sock")); err == nil {
			return cmd
		}
		if os.Getenv(enginesVar) != "" && servesOn.MatchString(log.String()) { // commands reach the database without it
			return cmd
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not begin: %s", log.String())
		}
	}
}
