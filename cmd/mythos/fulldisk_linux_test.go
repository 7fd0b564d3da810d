package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A put that fills the disk fails with exit code 1 and is not visible; existing blobs can be read, and after a
// collection there is room again.
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

// A result that cannot be written is not a success, for any command.
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

// smallDisk mounts a file system of so many MiB.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Skipf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestRoomCanBeMade: on a disk without a free byte blobs can be removed, and their space freed.
func TestRoomCanBeMade(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, 24)
	mustRun(t, dir, "init", "-q")
	if err := os.WriteFile(filepath.Join(dir, "big"), bytes.Repeat([]byte("0123456789abcdef"), 3<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	cid := issued(t, dir, "blob", "put", "-q", "big")
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 24<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	accepted(t, dir, nil, "blob", "rm", cid)
	accepted(t, dir, nil, "gc")
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if free := int64(st.Bavail) * int64(st.Bsize); free < 3<<20 {
		t.Errorf("%d bytes are free after a blob of 3 MiB was removed", free)
	}
	accepted(t, dir, nil, "fsck")
}

// TestNothingRunsWithoutRoom: near a full disk an effect is refused before its tool runs; whatever ran has a known
// outcome, and is replayed.
func TestNothingRunsWithoutRoom(t *testing.T) {
	t.Parallel()
	dir, ran := smallDisk(t, 16), filepath.Join(t.TempDir(), "ran")
	mustRun(t, dir, "init", "-q")
	mustRun(t, dir, "tool", "add", "-q", "note", "--unconfined", "--process", "/bin/sh", "-c", "echo ran >> "+ran+"; head -c 40000 /dev/urandom")
	mustRun(t, dir, "cap", "issue", "-q", "--scope", "tool.call:note,calls=999")
	known := 0
	for i := range 200 {
		code, out := answer(t, dir, nil, "call", "-q", "note", "--key", fmt.Sprint("k", i))
		if code != 0 {
			if !strings.Contains(out, "nothing was run") {
				t.Errorf("key k%d: exit code %d: %.300s", i, code, out)
			}
			break
		}
		known++
	}
	text, err := os.ReadFile(ran)
	if lines := strings.Count(string(text), "\n"); err != nil || lines != known || known == 0 || known == 200 {
		t.Errorf("the tool ran %d times, %d outcomes are known: %v", lines, known, err)
	}
	if _, out := answer(t, dir, nil, "status"); !strings.Contains(out, "0 unknown") {
		t.Errorf("%s", out)
	}
}
