//go:build unix

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	osexec "os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// TestLostAnswer: if an endpoint accepts a request and hangs up, the outcome is unknown, now and the next time; a
// retry-safe endpoint is asked again.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); r.URL.Path == "/safe" && asked.Load() > 1 {
			_, _ = w.Write([]byte("done"))
			return
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	dir := repository(t)
	mustRun(t, dir, "tool", "add", "pay", "--http", server.URL+"/pay")
	mustRun(t, dir, "tool", "add", "safe", "--retry-safe", "--http", server.URL+"/safe")
	mustRun(t, dir, "cap", "issue", "--scope", "tool.call:pay")
	mustRun(t, dir, "cap", "issue", "--scope", "tool.call:safe")
	for range 2 {
		_, errOut, code := outcome(t, command(dir, "call", "pay", "--key", "k"))
		if code != 4 || !strings.Contains(errOut, "may or may not have happened") {
			t.Errorf("exit code %d: %s", code, errOut)
		}
	}
	if n := asked.Swap(0); n != 1 {
		t.Errorf("asked %d times", n)
	}
	out, errOut, code := outcome(t, command(dir, "call", "safe", "--key", "k", "--retry", "1"))
	if n := asked.Load(); code != 0 || out != "done" || n != 2 {
		t.Errorf("exit code %d, %q, asked %d times: %s", code, out, n, errOut)
	}
}

// TestFewDescriptors: a process that may open too few files does not report the database as damaged.
func TestFewDescriptors(t *testing.T) {
	t.Parallel()
	dir := repository(t)
	program, err := osexec.LookPath("mythos")
	if err != nil {
		t.Fatal(err)
	}
	for n := 8; n <= 16; n++ {
		c := osexec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" status`, n), program)
		c.Dir = dir
		if _, errOut, code := outcome(t, c); code == 5 || strings.Contains(errOut, "damaged") {
			t.Errorf("%d descriptors: exit code %d: %s", n, code, errOut)
		}
	}
}
