package process

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/exec"
)

// asking is a script that is read from its path, which is watched.
func asking(t *testing.T, body string) exec.ModuleRef {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n: $0\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	return registered(t, path)
}

func registered(t *testing.T, path string) exec.ModuleRef {
	t.Helper()
	h, err := HashFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return exec.ModuleRef{Kind: exec.KindProcess, ModuleHash: &h, Argv: []string{path}, Confinement: exec.ConfineNone}
}

func called(ref exec.ModuleRef) exec.Call {
	return exec.Call{Module: ref, Limits: exec.Limits{Timeout: 1 << 40, MaxResponse: 1 << 10, MaxStderr: 1 << 10}}
}

// TestUnwatched: if the kernel has no watch left, nothing that needs one runs, and the refusal names the limit to
// raise. System files need no watch.
func TestUnwatched(t *testing.T) {
	real := inotify
	defer func() { inotify = real }()
	inotify = func(int) (int, error) { return -1, unix.EMFILE }
	runner := &Runner{Dir: t.TempDir()}
	ran := filepath.Join(t.TempDir(), "ran")
	_, err := runner.Run(t.Context(), called(asking(t, "echo > "+ran)))
	if !errors.Is(err, exec.ErrNotStarted) || !strings.Contains(err.Error(), "fs.inotify.max_user_instances") {
		t.Errorf("without a watch: %v", err)
	}
	if _, err := os.Stat(ran); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it ran: %v", err)
	}
	if path, err := filepath.EvalSymlinks("/bin/true"); err == nil && ownedBySystem(path) {
		if _, err := runner.Run(t.Context(), called(registered(t, path))); err != nil {
			t.Errorf("a program of the system: %v", err)
		}
	}
}

func ownedBySystem(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return system(f)
}

// mapped is a file in memory, with its descriptor closed.
func mapped(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !written(f) {
		t.Skip("this file system does not tell who writes")
	}
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestMapped: a file that somebody has mapped for writing can change without notice. It is not run; if it was mapped
// meanwhile, the run has no outcome.
func TestMapped(t *testing.T) {
	runner := &Runner{Dir: t.TempDir()}
	ref := asking(t, "read line; echo good\n")
	data := mapped(t, ref.Argv[0])
	if _, err := runner.Run(t.Context(), called(ref)); !errors.Is(err, exec.ErrNotStarted) || !strings.Contains(err.Error(), "open for writing") {
		t.Errorf("mapped before: %v", err)
	}
	if err := unix.Munmap(data); err != nil {
		t.Fatal(err)
	}
	cmd := runner.Command(t.Context(), called(ref), t.TempDir())
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = in
	if err := Start(cmd, ref, cmd.dir); err != nil {
		t.Fatal(err)
	}
	data = mapped(t, ref.Argv[0])
	copy(data[len(data)-5:], "evil\n")
	if _, err := feed.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(feed.Close(), in.Close()); err != nil {
		t.Fatal(err)
	}
	if err := Wait(cmd); !errors.Is(err, exec.ErrPinned) {
		t.Errorf("mapped meanwhile: %v", err)
	}
	if err := unix.Munmap(data); err != nil {
		t.Fatal(err)
	}
}
