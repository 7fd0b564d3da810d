// Package plainfile opens files that must be regular. A pipe, socket, device or folder in place of one is an error that
// names it, without waiting.
package plainfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrKind means that something other than a regular file has the name.
var ErrKind = errors.New("not a regular file")

// Open is os.OpenFile for a file that only we create: it also refuses a symbolic link. Errors wrap ErrKind, or are
// those of os.OpenFile.
func Open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return open(path, flag|noFollow, perm, os.Lstat)
}

// OpenLinked is Open for reading a file that people arrange: a symbolic link may lead to it.
func OpenLinked(path string) (*os.File, error) { return open(path, os.O_RDONLY, 0, os.Stat) }

// Read opens a file like OpenLinked, and reads at most limit bytes and one more.
func Read(path string, limit int64) ([]byte, error) {
	f, err := OpenLinked(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

func open(path string, flag int, perm fs.FileMode, stat func(string) (fs.FileInfo, error)) (*os.File, error) {
	f, err := os.OpenFile(path, flag|nonBlock, perm)
	if err != nil {
		return nil, explain(path, err, stat)
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// explain says what has the name, if that is why it cannot be opened.
func explain(path string, err error, stat func(string) (fs.FileInfo, error)) error {
	info, serr := stat(path)
	if serr != nil {
		if info, lerr := os.Lstat(path); lerr == nil && info.Mode().Type() == fs.ModeSymlink && !errors.Is(serr, fs.ErrPermission) {
			return fmt.Errorf("%s: %w: it is a symbolic link that leads nowhere", path, ErrKind)
		}
		return err
	}
	if kerr := regular(path, info); kerr != nil {
		return kerr
	}
	return err
}

func regular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s: %w: it is a %s", path, ErrKind, kind(info.Mode()))
}

func kind(m fs.FileMode) string {
	switch m.Type() &^ fs.ModeCharDevice {
	case fs.ModeDir:
		return "folder"
	case fs.ModeSymlink:
		return "symbolic link"
	case fs.ModeNamedPipe:
		return "named pipe"
	case fs.ModeSocket:
		return "socket"
	}
	return "device"
}

// Folder refuses a name of something other than a folder or a symbolic link to one. A missing file is fine.
func Folder(path string) error {
	info, err := os.Stat(path)
	if err == nil {
		if info.IsDir() {
			return nil
		}
		return fmt.Errorf("%s: %w: it is not a folder", path, ErrKind)
	}
	if info, lerr := os.Lstat(path); lerr == nil && info.Mode().Type() == fs.ModeSymlink && !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: %w: it is a symbolic link that leads nowhere", path, ErrKind)
	}
	return nil
}
