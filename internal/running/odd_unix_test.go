//go:build unix

package running

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/object"
)

// Something other than a file in the place of a lock is an error: it is unknown whether the effect is under way.
func TestOdd(t *testing.T) {
	idem := object.Sum([]byte("effect"))
	for name, odd := range map[string]func(string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":   func(path string) error { return os.Symlink("nothing", path) },
	} {
		dir := t.TempDir()
		if err := odd(filepath.Join(dir, idem.String())); err != nil {
			t.Fatal(err)
		}
		d := New(dir)
		if _, err := d.Look(idem); !errors.Is(err, plainfile.ErrKind) {
			t.Errorf("%s: look: %v", name, err)
		}
		if _, err := d.Hold(idem); !errors.Is(err, plainfile.ErrKind) {
			t.Errorf("%s: hold: %v", name, err)
		}
	}
	for name, odd := range map[string]func(string) error{
		"pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link": func(path string) error { return os.Symlink(filepath.Base(path), path) },
	} {
		path := filepath.Join(t.TempDir(), "running")
		if err := odd(path); err != nil {
			t.Fatal(err)
		}
		if _, err := New(path).Hold(idem); !errors.Is(err, plainfile.ErrKind) {
			t.Errorf("%s in place of the folder: hold: %v", name, err)
		}
	}
}
