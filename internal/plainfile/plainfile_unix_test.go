//go:build unix

package plainfile

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// odd makes files that are not regular, by kind.
var odd = map[string]func(t *testing.T, path string){
	"folder":     func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o700)) },
	"named pipe": func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) },
	"socket": func(t *testing.T, path string) {
		l, err := net.Listen("unix", path)
		must(t, err)
		t.Cleanup(func() { l.Close() })
	},
	"link to nothing": func(t *testing.T, path string) { must(t, os.Symlink("nothing", path)) },
	"link to itself":  func(t *testing.T, path string) { must(t, os.Symlink(filepath.Base(path), path)) },
	"link to device":  func(t *testing.T, path string) { must(t, os.Symlink(os.DevNull, path)) },
	"link to folder":  func(t *testing.T, path string) { must(t, os.Symlink("/", path)) },
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A file that is not regular is named in the error, for each way to open it, and nothing waits.
func TestOdd(t *testing.T) {
	for name, make := range odd {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			make(t, path)
			for _, flag := range []int{os.O_RDONLY, os.O_RDWR, os.O_WRONLY, os.O_RDWR | os.O_CREATE} {
				_, err := Open(path, flag, 0o600)
				check(t, err, path)
			}
			_, err := OpenLinked(path)
			check(t, err, path)
			_, err = Read(path, 10)
			check(t, err, path)
		})
	}
}

func check(t *testing.T, err error, path string) {
	t.Helper()
	if !errors.Is(err, ErrKind) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

// Regular files open; behind links only where people arrange them; missing ones are still missing.
func TestRegular(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(dir, "link")
	if _, err := OpenLinked(path); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrKind) {
		t.Error(err)
	}
	f, err := Open(path, os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	_, err = f.WriteString("eleven bytes"[:11])
	must(t, errors.Join(err, f.Close(), os.Symlink("f", link)))
	data, err := Read(link, 11)
	if string(data) != "eleven byte" || err != nil {
		t.Errorf("%q %v", data, err)
	}
	if data, err := Read(link, 3); string(data) != "elev" || err != nil {
		t.Errorf("%q %v, want one byte more than the limit", data, err)
	}
	_, err = Open(link, os.O_RDONLY, 0)
	check(t, err, link)
	check(t, Folder(path), path)
	if err := errors.Join(Folder(dir), Folder(filepath.Join(dir, "none"))); err != nil {
		t.Error(err)
	}
}
