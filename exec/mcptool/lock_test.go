//go:build linux

package mcptool_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/mcptool"
	"github.com/mythos-project/mythos/exec/process"
	"github.com/mythos-project/mythos/exec/runnertest"
)

// locked is a lock as an attempt holds it, and a second handle on it.
func locked(t *testing.T) (held, other *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lock")
	for _, f := range []**os.File{&held, &other} {
		var err error
		if *f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return held, other
}

// TestLock: a kept server holds the lock of each attempt while it works for it, even if the caller has died, and no
// longer.
func TestLock(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	runner := &mcptool.Runner{Process: &process.Runner{Dir: t.TempDir()}}
	defer runner.Close()
	for _, name := range []string{"answered", "given up"} {
		held, other := locked(t)
		ctx, cancel := context.WithCancel(t.Context())
		call := runnertest.Call(raw(t, "waits", fine, fifo), []byte("{}"))
		call.Alive = held
		done := make(chan error, 1)
		go func() {
			_, err := runner.Run(ctx, call)
			done <- err
		}()
		feed, err := os.OpenFile(fifo, os.O_WRONLY, 0) // the server has begun
		if err != nil {
			t.Fatal(err)
		}
		// As the kernel does when the caller is killed: our descriptor no longer has the lock.
		if err := syscall.Dup3(int(null.Fd()), int(held.Fd()), syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			t.Errorf("%s: the lock is free while the server works: %v", name, err)
		}
		if name == "answered" {
			feed.Close()
		} else {
			cancel()
		}
		if err := <-done; (err != nil) != (name == "given up") {
			t.Errorf("%s: %v", name, err)
		}
		feed.Close()                                                            // the idle server ends, too
		if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil { // it becomes free
			t.Errorf("%s: %v", name, err)
		}
		cancel()
		held.Close()
		other.Close()
	}
}

// TestServerSecrets: if a server writes the value of a variable to its standard error, no note and no error shows it.
func TestServerSecrets(t *testing.T) {
	const secret = "correct-horse-battery"
	runner := &mcptool.Runner{Process: &process.Runner{Dir: t.TempDir(), Lookup: func(string) (string, bool) { return secret, true }}}
	defer runner.Close()
	failing := raw(t, "waits", `{"content":[],"isError":true}`, os.DevNull)
	dying := raw(t, "waits", fine, "/no/such/file")
	for name, ref := range map[string]exec.ModuleRef{"note": failing, "error": dying} {
		ref.Env = []string{"MCP_TEST_SECRET"}
		res, err := runner.Run(t.Context(), runnertest.Call(checked(t, ref), []byte("{}")))
		text := res.Notes
		if err != nil {
			text += err.Error()
		}
		if strings.Contains(text, secret) || (err != nil) != (name == "error") {
			t.Errorf("%s: %q", name, text)
		}
		if name == "error" && !strings.Contains(text, "SECRET is [MCP_TEST_SECRET]") {
			t.Errorf("the server's words are lost: %q", text)
		}
	}
}

// TestServerSwapped: if a server's script was another one for a while, its answer is not an outcome.
func TestServerSwapped(t *testing.T) {
	dir := t.TempDir()
	path, evil := filepath.Join(dir, "server"), filepath.Join(dir, "evil")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n: $0\nexec " + self + " " + rawArg + " waits '" + fine + "' " + filepath.Join(dir, "fifo") + "\n"
	for _, p := range []string{path, evil} {
		if err := os.WriteFile(p, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	hash, err := process.HashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ref := checked(t, exec.ModuleRef{Kind: exec.KindMCP, ModuleHash: &hash, Argv: []string{path}, Tool: "t", Confinement: exec.ConfineNone})
	runner := &mcptool.Runner{Process: &process.Runner{Dir: t.TempDir()}}
	defer runner.Close()
	call := func(swap func()) error {
		done := make(chan error, 1)
		go func() {
			_, err := runner.Run(t.Context(), runnertest.Call(ref, []byte("{}")))
			done <- err
		}()
		feed, err := os.OpenFile(filepath.Join(dir, "fifo"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		swap()
		feed.Close()
		return <-done
	}
	if err := call(func() {}); err != nil {
		t.Fatal(err)
	}
	swap := func() {
		for range 2 {
			if err := errors.Join(os.Rename(path, path+".0"), os.Rename(evil, path), os.Rename(path+".0", evil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := call(swap); !errors.Is(err, exec.ErrPinned) || errors.Is(err, exec.ErrNotStarted) {
		t.Errorf("exchanged and put back during a call: %v", err)
	}
	if err := call(func() {}); err != nil { // it was started anew
		t.Errorf("afterwards: %v", err)
	}
}
