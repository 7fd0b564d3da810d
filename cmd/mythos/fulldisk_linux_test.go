package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A put that fills the disk fails with exit code 1 and is not visible; what is there
// can be read, and after a collection there is room again.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("HOME", t.TempDir())
	mustRun(t, dir, "init")
	outside := t.TempDir()
	small, large := filepath.Join(outside, "small"), filepath.Join(outside, "large")
	data := writeFile(t, small, 1, 400_000)
	writeFile(t, large, 2, 100<<20)
	cid := strings.TrimSpace(mustRun(t, dir, "blob", "put", small))
	out, errOut, code := outcome(t, command(dir, "blob", "put", small, large))
	if code != 1 || out != "" || !strings.Contains(errOut, "no space left on device") {
		t.Fatalf("exit code %d, %q, %q", code, out, errOut)
	}
	if list := mustRun(t, dir, "blob", "ls", "--json"); strings.Count(list, "\n") != 1 || !strings.Contains(list, cid) {
		t.Errorf("visible: %s", list)
	}
	if got := mustRun(t, dir, "blob", "get", cid); got != string(data) {
		t.Errorf("%d bytes come back", len(got))
	}
	time.Sleep(20 * time.Millisecond) // the file system's clock
	mustRun(t, dir, "gc")
	writeFile(t, small, 3, 5<<20)
	mustRun(t, dir, "blob", "put", small)
	mustRun(t, dir, "fsck")
}

// A result that cannot be written is no success, whichever command it is of.
func TestFullOutput(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", t.TempDir())
	mustRun(t, dir, "init")
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"status"}, {"key", "ls"}, {"help"}, {"completion", "bash"}} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err)
		}
		cmd := command(dir, args...)
		var errOut strings.Builder
		cmd.Stdout, cmd.Stderr = full, &errOut
		if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errOut.String(), "no space left on device") {
			t.Errorf("%v: %v, %q", args, err, errOut.String())
		}
		full.Close()
	}
}
