package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestForeignRepository: a repository that somebody else has put into a parent folder is not used without being named:
// its tools would run as the caller.
func TestForeignRepository(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("giving files to somebody else needs root")
	}
	dir := t.TempDir()
	mustRun(t, dir, "init", "-q")
	mustRun(t, dir, "tool", "add", "-q", "who", "--unconfined", "--process", "/bin/sh", "-c", "touch ran")
	below := filepath.Join(dir, "project")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	give(t, filepath.Join(dir, ".mythos"), 54321)
	refused(t, below, nil, "belongs to user 54321", "tool", "ls")
	refused(t, below, []string{"SUDO_UID=54322"}, "belongs to user 54321", "status")
	accepted(t, below, nil, "--repo", dir, "tool", "ls")
	accepted(t, below, []string{"MYTHOS_DIR=" + dir}, "tool", "ls")
	accepted(t, below, []string{"SUDO_UID=54321"}, "tool", "ls")
	accepted(t, below, []string{"MYTHOS_SAFE_DIRECTORIES=/other:" + dir}, "tool", "ls")
	give(t, filepath.Join(dir, ".mythos"), 0)
	accepted(t, below, nil, "tool", "ls")
	if err := os.Chmod(filepath.Join(dir, ".mythos"), 0o777); err != nil {
		t.Fatal(err)
	}
	refused(t, below, nil, "others can write to it", "tool", "ls")
}

// TestRepositoryBeyondFileSystem: the walk up ends where another file system begins.
func TestRepositoryBeyondFileSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustRun(t, dir, "init", "-q")
	below := filepath.Join(dir, "mount")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", below, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mounting: %v", err)
	}
	defer func() {
		if err := unix.Unmount(below, 0); err != nil {
			t.Error(err)
		}
	}()
	code, out := answer(t, below, nil, "tool", "ls")
	if code != 3 || !strings.Contains(out, "file system ends") {
		t.Errorf("%d %s", code, out)
	}
	accepted(t, below, nil, "--repo", dir, "tool", "ls")
}

// TestRootGivesBack: what root creates in somebody's repository belongs to its owner.
func TestRootGivesBack(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can lock others out")
	}
	dir := t.TempDir()
	mustRun(t, dir, "init", "-q")
	give(t, dir, 54321)
	accepted(t, dir, nil, "--repo", dir, "tool", "add", "-q", "who", "--unconfined", "--process", "id", "-un")
	accepted(t, dir, nil, "--repo", dir, "key", "gen", "second")
	accepted(t, dir, nil, "--repo", dir, "blob", "put", "-q", "/proc/self/exe")
	err := filepath.WalkDir(filepath.Join(dir, ".mythos"), func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err := errors.Join(err, unix.Lstat(path, &st)); err != nil {
			return err
		}
		if st.Uid != 54321 || st.Gid != 54321 {
			t.Errorf("%s belongs to %d:%d", path, st.Uid, st.Gid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func give(t *testing.T, dir string, uid int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, uid))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func answer(t *testing.T, dir string, env []string, args ...string) (code int, out string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "mythos"
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "TESTSCRIPT_COMMAND=mythos", "SUDO_UID="), env...)
	text, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

func refused(t *testing.T, dir string, env []string, why string, args ...string) {
	t.Helper()
	if code, out := answer(t, dir, env, args...); code != 4 || !strings.Contains(out, why) {
		t.Errorf("%v with %v: exit code %d: %s", args, env, code, out)
	}
}

func accepted(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	if code, out := answer(t, dir, env, args...); code != 0 {
		t.Errorf("%v with %v: exit code %d: %s", args, env, code, out)
	}
}
