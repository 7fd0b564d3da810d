//go:build unix

package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := WriteOutput(name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Fatalf("%s holds %q, %v; expected %q", name, got, err, want)
	}
}

func mode(t *testing.T, name string) fs.FileMode {
	t.Helper()
	st, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode()
}

// TestOutputPermissions: a new file obeys the umask, a replaced one keeps its permissions. It is not parallel, since
// the umask belongs to the process.
func TestOutputPermissions(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		umask int
		want  fs.FileMode
	}{{0o077, 0o600}, {0o027, 0o640}, {0o022, 0o644}, {0, 0o666}} {
		old := syscall.Umask(c.umask)
		name := filepath.Join(dir, c.want.String())
		put(t, name, "new")
		if got := mode(t, name); got != c.want {
			t.Errorf("umask %03o: %v, expected %v", c.umask, got, c.want)
		}
		for _, has := range []fs.FileMode{0o600, 0o640, 0o444, 0o755} {
			if err := os.Chmod(name, has); err != nil {
				t.Fatal(err)
			}
			put(t, name, "again")
			if got := mode(t, name); got != has {
				t.Errorf("a file of %v has %v after it was replaced", has, got)
			}
		}
		syscall.Umask(old)
	}
}

func TestOutputThroughLinks(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(other, "real"), "old")
	for link, to := range map[string]string{"link": "second", "second": "other/real", "dangling": "other/new", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "link"), "one")
	holds(t, filepath.Join(other, "real"), "one")
	put(t, filepath.Join(dir, "dangling"), "two")
	holds(t, filepath.Join(other, "new"), "two")
	for _, link := range []string{"link", "second", "dangling"} {
		if mode(t, filepath.Join(dir, link)).Type() != fs.ModeSymlink {
			t.Errorf("%s is not a link any more", link)
		}
	}
	if _, err := Create(filepath.Join(dir, "loop")); err == nil {
		t.Error("a link to itself is written to")
	}
	if _, err := Create(other); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Error(err)
	}
	if _, err := Create(filepath.Join(dir, "none", "x")); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), ".tmp-") {
		t.Error(err)
	}
	if left := names(t, other); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOutputToPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		data, _ := os.ReadFile(pipe)
		got <- string(data)
	}()
	put(t, pipe, "hello")
	if text := <-got; text != "hello" {
		t.Errorf("%q", text)
	}
	if mode(t, pipe).Type() != fs.ModeNamedPipe {
		t.Error("the pipe is gone")
	}
	put(t, "/dev/null", "nothing")
	if mode(t, "/dev/null").Type() != fs.ModeDevice|fs.ModeCharDevice {
		t.Error("/dev/null is not a device any more")
	}
}

// TestOutputToDescriptor: output to a descriptor is written at its present position.
func TestOutputToDescriptor(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("head\n"); err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	dup := os.NewFile(uintptr(fd), "dup")
	defer dup.Close()
	put(t, "/dev/fd/"+strconv.Itoa(fd), "body\n")
	holds(t, name, "head\nbody\n")
	if _, err := Create("/dev/fd/9999"); err == nil {
		t.Error("a descriptor that is not open is written to")
	}
}

func TestFailedOutputChangesNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	put(t, name, "old")
	broken := errors.New("broken")
	if err := WriteOutput(name, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	holds(t, name, "old")
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
