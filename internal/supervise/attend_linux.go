package supervise

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A confined program may change modes and times of the files that it may write, and of no others. Neither Landlock nor
// a filter can tell which file a call is about. These calls are therefore sent here (seccomp_unotify(2)): the
// supervisor opens the file, checks where it is, and makes the change to exactly the file that it opened.

// notification and response are the kernel's struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	data  struct {
		nr   int32
		arch uint32
		ip   uint64
		args [6]uint64
	}
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// attend answers the calls of one confined program until done is closed.
func attend(listener int, p plan, done <-chan struct{}) {
	defer unix.Close(listener)
	stop, wake, err := pipe()
	if err != nil {
		return // the calls fail
	}
	defer unix.Close(stop)
	go func() { <-done; unix.Close(wake) }()
	var roots []string
	for _, w := range append(p.writes, p.dir) {
		if real, err := filepath.EvalSymlinks(w); err == nil {
			roots = append(roots, real)
		}
	}
	for {
		polled := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
		if _, err := unix.Poll(polled, -1); err != nil && !errors.Is(err, unix.EINTR) || polled[1].Revents != 0 || polled[0].Revents&unix.POLLHUP != 0 {
			return
		}
		if polled[0].Revents&unix.POLLIN == 0 {
			continue
		}
		var n notification
		if ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)) != 0 {
			continue // the caller has ended
		}
		r := response{id: n.id}
		if is, errno := signalling(&n); is && errno == 0 {
			r.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
		} else if is {
			r.error = -int32(errno)
		} else {
			r.error = -int32(perform(listener, &n, roots))
		}
		_ = ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)) // it may have ended meanwhile
	}
}

func pipe() (read, write int, err error) {
	var fds [2]int
	err = unix.Pipe2(fds[:], unix.O_CLOEXEC)
	return fds[0], fds[1], err
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	return errno
}

// perform does what a call asks for, if the file is writable for the program.
func perform(listener int, n *notification, roots []string) unix.Errno {
	c, ok := parse(n)
	if !ok {
		return unix.EPERM
	}
	fd, errno := c.open(n.pid)
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	var times *[2]unix.Timespec
	if c.times != 0 {
		times = new([2]unix.Timespec)
		if !peek(n.pid, c.times, (*[unsafe.Sizeof(*times)]byte)(unsafe.Pointer(times))[:]) {
			return unix.EFAULT
		}
	}
	// What was read belongs to this caller only if it still waits.
	if ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&n.id)) != 0 {
		return unix.EINTR
	}
	if !within(fd, roots) {
		return unix.EPERM
	}
	return c.apply(fd, times)
}

// within reports whether the file of fd is inside one of roots.
func within(fd int, roots []string) bool {
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return false
	}
	for _, root := range roots {
		if path == root || root == "/" || strings.HasPrefix(path, root+"/") {
			return true
		}
	}
	return false
}

// What a call changes.
const (
	changeMode = iota
	changeOwner
	changeTimes
)

// change is the common form of a call: a file, named by a descriptor, a path or both, and its new properties.
type change struct {
	what     int
	dir      int32  // a descriptor of the caller, or AT_FDCWD
	path     uint64 // an address in the caller; 0: dir is the file
	noFollow bool
	empty    bool // an empty path means dir itself
	mode     uint32
	uid, gid uint32
	times    uint64 // an address in the caller; 0: now
}

// parse reads a call.
func parse(n *notification) (c change, ok bool) {
	a := n.data.args
	c.dir = unix.AT_FDCWD
	flags := func(v uint64) {
		c.noFollow, c.empty = v&unix.AT_SYMLINK_NOFOLLOW != 0, v&unix.AT_EMPTY_PATH != 0
		ok = ok && v&^(unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH) == 0
	}
	ok = true
	switch n.data.nr {
	case unix.SYS_FCHMOD:
		c.dir, c.mode = int32(a[0]), uint32(a[1])
	case unix.SYS_FCHMODAT:
		c.dir, c.path, c.mode = int32(a[0]), a[1], uint32(a[2])
	case unix.SYS_FCHMODAT2:
		c.dir, c.path, c.mode = int32(a[0]), a[1], uint32(a[2])
		flags(a[3])
	case unix.SYS_FCHOWN:
		c.what, c.dir, c.uid, c.gid = changeOwner, int32(a[0]), uint32(a[1]), uint32(a[2])
	case unix.SYS_FCHOWNAT:
		c.what, c.dir, c.path, c.uid, c.gid = changeOwner, int32(a[0]), a[1], uint32(a[2]), uint32(a[3])
		flags(a[4])
	case unix.SYS_UTIMENSAT:
		c.what, c.dir, c.path, c.times = changeTimes, int32(a[0]), a[1], a[2]
		flags(a[3])
	default:
		c, ok = parseMachine(n)
	}
	return c, ok
}

// open opens the file that the call is about, only for changing it.
func (c change) open(pid uint32) (int, unix.Errno) {
	proc := "/proc/" + strconv.Itoa(int(pid))
	path := ""
	if c.path != 0 {
		var good bool
		if path, good = peekText(pid, c.path); !good {
			return 0, unix.EFAULT
		}
		if path == "" && !c.empty {
			return 0, unix.ENOENT
		}
	}
	dir := c.dir
	for _, self := range []string{"/proc/self/fd/", "/dev/fd/"} { // the caller's, not ours
		if number, ok := strings.CutPrefix(path, self); ok && !c.noFollow {
			n, err := strconv.Atoi(number)
			if err != nil {
				return 0, unix.EPERM
			}
			path, dir = "", int32(n)
		}
	}
	base := proc + "/cwd"
	if dir != unix.AT_FDCWD {
		base = proc + "/fd/" + strconv.Itoa(int(dir))
	}
	if path == "" {
		return openPath(unix.AT_FDCWD, base, 0, 0)
	}
	nofollow := uint64(0)
	if c.noFollow {
		nofollow = unix.O_NOFOLLOW
	}
	if filepath.IsAbs(path) {
		return openPath(unix.AT_FDCWD, path, nofollow, unix.RESOLVE_NO_MAGICLINKS)
	}
	at, errno := openPath(unix.AT_FDCWD, base, unix.O_DIRECTORY, 0)
	if errno != 0 {
		return 0, errno
	}
	defer unix.Close(at)
	return openPath(at, path, nofollow, unix.RESOLVE_NO_MAGICLINKS)
}

func openPath(at int, path string, flags, resolve uint64) (int, unix.Errno) {
	fd, err := unix.Openat2(at, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC | flags, Resolve: resolve})
	return fd, errnoOf(err)
}

func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	if err == nil || errors.As(err, &errno) {
		return errno
	}
	return unix.EPERM
}

// apply changes the file of fd.
func (c change) apply(fd int, times *[2]unix.Timespec) unix.Errno {
	switch c.what {
	case changeMode:
		if c.mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
			return unix.EPERM // a program that others run with our rights
		}
		return errnoOf(unix.Fchmodat(fd, "", c.mode, unix.AT_EMPTY_PATH))
	case changeOwner:
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return errnoOf(err)
		}
		if (c.uid == ^uint32(0) || c.uid == st.Uid) && (c.gid == ^uint32(0) || c.gid == st.Gid) {
			return 0
		}
		return unix.EPERM
	}
	// utimensat of x/sys does not pass a missing list of times, which means now.
	empty := [1]byte{}
	_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)), uintptr(unsafe.Pointer(times)), unix.AT_EMPTY_PATH, 0, 0)
	return errno
}

// peek reads b from the caller's memory.
func peek(pid uint32, address uint64, b []byte) bool {
	fd, err := unix.Open("/proc/"+strconv.Itoa(int(pid))+"/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	n, err := unix.Pread(fd, b, int64(address))
	return err == nil && n == len(b)
}

// peekText reads a path from the caller's memory, page by page.
func peekText(pid uint32, address uint64) (string, bool) {
	var text []byte
	for len(text) < unix.PathMax {
		page := make([]byte, 4096-address%4096)
		if !peek(pid, address, page) {
			return "", false
		}
		if end := strings.IndexByte(string(page), 0); end >= 0 {
			return string(append(text, page[:end]...)), len(text)+end < unix.PathMax
		}
		text, address = append(text, page...), address+uint64(len(page))
	}
	return "", false
}
