package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mythos-project/mythos/exec"
)

// watch notices when a hashed file changes while it is used. The kernel queues every write to it, and every change of
// the names that lead to it (inotify(7)). It does not queue writes through a memory mapping: so nobody may have the
// file open for writing when the watch begins or ends, and anyone who had it open meanwhile has closed it, which is
// queued. On network file systems it also compares metadata, because other machines may change a file. A nil watch
// notices nothing.
type watch struct {
	files []watched

	mu     sync.Mutex
	fd     int   // of inotify; -1: nothing to watch yet
	seen   error // the change that was found
	closed bool
}

type watched struct {
	file  *os.File
	path  string // its required path; empty: only its bytes matter
	stamp string
}

// inotify makes a queue of the kernel; tests make it fail.
var inotify = unix.InotifyInit1

func newWatch() *watch { return &watch{fd: -1} }

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
	if err := w.add(descriptor(f), f.Name(), bytesChange); err != nil {
		return err
	}
	for try := 0; written(f); try++ { // a process that is being forked briefly has its parent's files open
		if try == writerTries {
			return fmt.Errorf("%s is open for writing, so nobody knows which bytes would run; close it there first", f.Name())
		}
		time.Sleep(writerPause)
	}
	w.files = append(w.files, watched{file: f, stamp: fmt.Sprint(st.Size(), st.ModTime().UnixNano())})
	return nil
}

const (
	writerTries = 200
	writerPause = 10 * time.Millisecond
)

// written reports whether a process has a file open for writing, as far as the kernel says: for files of other users it
// does not.
func written(f *os.File) bool {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK) // refused if there are writers
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return errors.Is(err, unix.EAGAIN)
}

func descriptor(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// add watches the file at a path; what names it for people. A file that cannot be watched must not run, because a
// change would go unnoticed.
func (w *watch) add(path, what string, mask uint32) (err error) {
	if w.fd < 0 {
		if w.fd, err = inotify(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
			w.fd = -1
			return unwatched(what, "fs.inotify.max_user_instances", err)
		}
	}
	if _, err := unix.InotifyAddWatch(w.fd, path, mask|unix.IN_MASK_ADD); err != nil {
		return unwatched(what, "fs.inotify.max_user_watches", err)
	}
	return nil
}

func unwatched(what, limit string, err error) error {
	return fmt.Errorf("%s cannot be watched while it is used (inotify: %w): raise %s with sysctl, or put the file where only root can write, such as /usr/local/bin", what, err, limit)
}

// place watches that path still leads to the file f, which was opened through it.
func (w *watch) place(path string, f *os.File) error {
	if system(f) {
		return nil
	}
	if err := w.names(path); err != nil {
		return err
	}
	if err := w.add(descriptor(f), path, placeChange); err != nil {
		return err
	}
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
			if err := w.add(at, at, placeChange|unix.IN_DONT_FOLLOW); err != nil {
				return err
			}
			to, err := os.Readlink(at)
			if err != nil {
				return err
			}
			if at = filepath.Dir(at); filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(strings.Trim(filepath.Clean(to), "/"), "/"), rest...)
		case len(rest) > 0:
			if err := w.add(at, at, unix.IN_MOVE_SELF|unix.IN_DELETE_SELF); err != nil {
				return err
			}
		}
	}
	return nil
}

// disturbed reports what has changed since the files were checked; nil: nothing. A change once found is reported again.
// It is safe for concurrent use.
func (w *watch) disturbed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil && !w.closed {
		w.seen = w.look()
	}
	return w.seen
}

func (w *watch) look() error {
	for _, f := range w.files {
		if err := f.changed(); err != nil {
			return err
		}
	}
	if w.fd < 0 {
		return nil
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(w.fd, buf) // after the files: a process that had one open for writing has closed it now
	if errors.Is(err, unix.EAGAIN) || n == 0 {
		return nil
	}
	return fmt.Errorf("%w while it was used: nobody knows which bytes ran", exec.ErrPinned)
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
	if stamp != w.stamp || written(w.file) {
		return fmt.Errorf("%w while it was used: %s: nobody knows which bytes ran", exec.ErrPinned, w.file.Name())
	}
	return nil
}

// close closes the watch and the files that it watches. It may be called again.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.fd >= 0 {
		unix.Close(w.fd)
		w.fd = -1
	}
	for _, f := range w.files {
		f.file.Close()
	}
}

// systemFolders belong to the system: only root changes their content, and does so by renaming.
var systemFolders = []string{"/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/nix/store/"}

// system reports whether a file is a system file that only root can write.
func system(f *os.File) bool {
	path, err := os.Readlink(descriptor(f))
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
