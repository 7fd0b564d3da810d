//go:build unix

package trees

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/object/tree"
)

// openFolder opens a folder for reading. Only the top one may be behind a link.
func openFolder(name string, top bool) (*os.File, error) {
	flags := os.O_RDONLY | unix.O_DIRECTORY
	if !top {
		flags |= unix.O_NOFOLLOW
	}
	return os.OpenFile(name, flags, 0)
}

// openFile opens a file for reading. It refuses a link in its place, and does not wait for a pipe.
func openFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// look finds what a name in a folder stands for.
func look(dir *os.File, name string) (found, error) {
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return found{}, &os.PathError{Op: "stat", Path: filepath.Join(dir.Name(), name), Err: err}
	}
	return foundBy(name, &st), nil
}

func foundBy(name string, st *unix.Stat_t) found {
	f := found{name: name, stamp: stamp{size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), inode: st.Ino, dev: uint64(st.Dev)}}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.kind, f.exec = tree.File, st.Mode&0o100 != 0
	case unix.S_IFDIR:
		f.kind = tree.Folder
	case unix.S_IFLNK:
		f.kind = tree.Link
	}
	return f
}

// lookAt is look for an open file.
func lookAt(file *os.File) (found, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return found{}, &os.PathError{Op: "stat", Path: file.Name(), Err: err}
	}
	return foundBy("", &st), nil
}

func readLink(dir *os.File, name string) (string, error) {
	buf := make([]byte, tree.MaxTarget+1)
	n, err := unix.Readlinkat(int(dir.Fd()), name, buf)
	if err != nil {
		return "", &os.PathError{Op: "readlink", Path: filepath.Join(dir.Name(), name), Err: err}
	}
	if n > tree.MaxTarget {
		return "", fmt.Errorf("%s: the target of a link has at most %d bytes", filepath.Join(dir.Name(), name), tree.MaxTarget)
	}
	if n == 0 {
		return "", errors.New(filepath.Join(dir.Name(), name) + ": the link has no target")
	}
	return string(buf[:n]), nil
}
