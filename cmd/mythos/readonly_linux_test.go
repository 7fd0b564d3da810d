package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadOnlyRepository: commands that only read work where nothing can be written, as on a disc for an auditor;
// commands that write say why they cannot, and run nothing.
func TestReadOnlyRepository(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, "init", "-q")
	mustRun(t, dir, "tool", "add", "-q", "note", "--unconfined", "--process", "/bin/sh", "-c", "echo ran >> "+filepath.Join(t.TempDir(), "ran"))
	mustRun(t, dir, "cap", "issue", "-q", "--scope", "tool.call:note,calls=9")
	cid := issued(t, dir, "blob", "put", "-q", "in")
	mustRun(t, dir, "call", "-q", "note", "--key", "a", "--in", "in")
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("mounting: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("mounting read-only: %v", err)
	}
	for _, args := range []string{"blob ls", "blob get " + cid, "status", "log", "fsck", "ledger verify", "receipt ls", "tool ls", "cap ls", "trust ls"} {
		accepted(t, dir, nil, strings.Fields(args)...)
	}
	for _, args := range []string{"blob put /etc/hostname", "blob rm " + cid, "call note --key b --in in", "gc", "tool rm note", "init sub"} {
		if code, out := answer(t, dir, nil, strings.Fields(args)...); code == 0 || !strings.Contains(out, "read-only") {
			t.Errorf("%s: exit code %d: %s", args, code, out)
		}
	}
}
