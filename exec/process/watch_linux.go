package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/exec"
)

// watch notices when a file that was hashed changes while it is used. The kernel queues
// every write to it, and every change of the names that lead to it (inotify(7)). Where
// the kernel has no watch left, and on file systems that others change over a network,
// stamps are compared instead. A nil watch notices nothing.
type watch struct {
	fd    int // -1: there is none
	files []watched
}

type watched struct {
	file  *os.File
	path  string // where it must stay; empty: only its bytes matter
	stamp string
}

func newWatch() *watch {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		fd = -1
	}
	return &watch{fd: fd}
}

const (
	bytesChange = unix.IN_MODIFY | unix.IN_CLOSE_WRITE
	placeChange = unix.IN_MOVE_SELF | unix.IN_DELETE_SELF | unix.IN_ATTRIB
)

// content watches the bytes of a file.
func (w *watch) content(f *os.File) error {
	if w == nil || system(f) {
		return nil
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	w.add("/proc/self/fd/"+strconv.Itoa(int(f.Fd())), bytesChange)
	w.files = append(w.files, watched{file: f, stamp: fmt.Sprint(st.Size(), st.ModTime().UnixNano())})
	return nil
}

func (w *watch) add(path string, mask uint32) {
	if w.fd < 0 {
		return
	}
	if _, err := unix.InotifyAddWatch(w.fd, path, mask|unix.IN_MASK_ADD); err != nil {
		unix.Close(w.fd)
		w.fd = -1
	}
}

// place watches that path goes on leading to the file f, which was opened by it.
func (w *watch) place(path string, f *os.File) error {
	if system(f) {
		return nil
	}
	if err := w.names(path); err != nil {
		return err
	}
	w.add("/proc/self/fd/"+strconv.Itoa(int(f.Fd())), placeChange)
	st, err := f.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(path)
	if err != nil {
		return err
	}
	if identity(now) != identity(st) {
		return fmt.Errorf("%w: %s was replaced while it was checked", exec.ErrPinned, path)
	}
	w.files = append(w.files, watched{f, path, stampOf(st)})
	return nil
}

// maxLinks bounds how many symbolic links a path may lead through, as the kernel does.
const maxLinks = 40

// names watches every folder and symbolic link on the way to path.
func (w *watch) names(path string) error {
	links := 0
	rest, at := strings.Split(strings.TrimPrefix(filepath.Clean(path), "/"), "/"), "/"
	for len(rest) > 0 {
		at = filepath.Join(at, rest[0])
		rest = rest[1:]
		st, err := os.Lstat(at)
		if err != nil {
			return err
		}
		switch {
		case st.Mode()&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return fmt.Errorf("%s: too many links", path)
			}
			w.add(at, placeChange|unix.IN_DONT_FOLLOW)
			to, err := os.Readlink(at)
			if err != nil {
				return err
			}
			if at = filepath.Dir(at); filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(strings.Trim(filepath.Clean(to), "/"), "/"), rest...)
		case len(rest) > 0:
			w.add(at, unix.IN_MOVE_SELF|unix.IN_DELETE_SELF)
		}
	}
	return nil
}

// disturbed reports what changed since the files were checked; nil: nothing did.
func (w *watch) disturbed() error {
	for _, f := range w.files {
		if err := f.changed(); err != nil {
			return err
		}
	}
	if w.fd < 0 {
		return nil
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(w.fd, buf)
	if errors.Is(err, unix.EAGAIN) || n <= 0 {
		return nil
	}
	return fmt.Errorf("%w while it was used: nobody can say which bytes ran", exec.ErrPinned)
}

func (w watched) changed() error {
	st, err := w.file.Stat()
	if err != nil {
		return err
	}
	stamp := stampOf(st)
	if w.path == "" {
		stamp = fmt.Sprint(st.Size(), st.ModTime().UnixNano())
	} else if now, err := os.Stat(w.path); err != nil || identity(now) != identity(st) {
		stamp = ""
	}
	if stamp != w.stamp {
		return fmt.Errorf("%w while it was used: %s: nobody can say which bytes ran", exec.ErrPinned, w.file.Name())
	}
	return nil
}

// close closes the watch and the files that it watches. It may be called again.
func (w *watch) close() {
	if w.fd >= 0 {
		unix.Close(w.fd)
		w.fd = -1
	}
	for _, f := range w.files {
		f.file.Close()
	}
}

// systemFolders belong to the system: only root changes what is in them, and does so by
// renaming.
var systemFolders = []string{"/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/nix/store/"}

// system reports whether a file is one of the system's, which nobody but root can write.
func system(f *os.File) bool {
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
	if err != nil {
		return false
	}
	inside := false
	for _, folder := range systemFolders {
		inside = inside || strings.HasPrefix(path, folder)
	}
	for ; inside && path != "/"; path = filepath.Dir(path) {
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil || st.Uid != 0 || st.Mode&0o022 != 0 {
			return false
		}
	}
	return inside
}
