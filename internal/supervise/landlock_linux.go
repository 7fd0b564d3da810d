package supervise

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrConfinement means that this machine cannot confine a program.
var ErrConfinement = errors.New("this kernel cannot confine the tool as registered")

const (
	accessRead  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	accessWrite = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	// accessFile is what can be granted on something other than a directory.
	accessFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	accessDevice = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	accessTCP = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	scopes    = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
)

// Versions of Landlock.
const (
	abiLeast   = 4 // forbids TCP (Linux 6.7)
	abiDevices = 5 // forbids ioctl on devices (Linux 6.10)
	abiScopes  = 6 // forbids signals to processes outside (Linux 6.12); on older kernels the supervisor does
)

// devices are open to every confined program.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// abi returns the version of Landlock to use here, at most newest.
func abi(newest uint8) (int, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, fmt.Errorf("%w: Landlock: %w", ErrConfinement, errno)
	}
	version := min(int(v), int(newest))
	if version < abiLeast {
		return 0, fmt.Errorf("%w: Landlock version %d, needed %d (Linux 6.7)", ErrConfinement, version, abiLeast)
	}
	return version, nil
}

// Confinable reports whether this machine can run confined programs: nil, or an error
// that wraps ErrConfinement.
func Confinable() error {
	if _, err := abi(newest); err != nil {
		return err
	}
	return filterable()
}

// Lacking says what a confined program can do here because the kernel is too old to forbid it. It is empty on a recent
// one.
func Lacking() []string {
	if v, err := abi(newest); err != nil || v >= abiDevices {
		return nil
	}
	return []string{"to control devices (ioctl) that it may open (Linux 6.10 forbids it)"}
}

// confine restricts the calling thread permanently, and with it the program that it starts. It returns the descriptor
// of the seccomp listener.
func confine(p plan, program int) (listener int, err error) {
	version, err := abi(p.landlock)
	if err != nil {
		return 0, err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("%w: no_new_privs: %w", ErrConfinement, err)
	}
	rules, err := ruleset(version)
	if err != nil {
		return 0, err
	}
	defer unix.Close(rules)
	if err := grantAll(rules, p, program, version); err != nil {
		return 0, err
	}
	if err := dropCapabilities(); err != nil {
		return 0, err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0, 0); errno != 0 {
		return 0, fmt.Errorf("%w: restrict: %w", ErrConfinement, errno)
	}
	return installFilter(filter(version, os.Getpid(), unix.Gettid(), os.Getppid()))
}

// ruleset makes a ruleset that allows nothing.
func ruleset(version int) (int, error) {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: accessRead | accessWrite, Handled_access_net: accessTCP}
	size := unsafe.Offsetof(attr.Scoped)
	if version >= abiDevices {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= abiScopes {
		attr.Scoped, size = scopes, unsafe.Offsetof(attr.Quiet_access_fs)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return 0, fmt.Errorf("%w: create a ruleset: %w", ErrConfinement, errno)
	}
	return int(fd), nil
}

// grantAll grants the program, its paths, its working directory and the devices.
func grantAll(rules int, p plan, program, version int) error {
	if err := grant(rules, program, accessRead, version); err != nil && !errors.Is(err, unix.EBADFD) { // a memory file needs no grant
		return fmt.Errorf("%w: allow %s: %w", ErrConfinement, p.path, err)
	}
	for _, g := range []struct {
		paths  []string
		access uint64
	}{{devices, accessDevice}, {p.reads, accessRead}, {append(p.writes, p.dir), accessRead | accessWrite}} {
		for _, path := range g.paths {
			if err := grantPath(rules, path, g.access, version); err != nil {
				return fmt.Errorf("%w: allow %s: %w", ErrConfinement, path, err)
			}
		}
	}
	return nil
}

// grantPath grants access to path and, for a directory, to everything below it.
func grantPath(rules int, path string, access uint64, version int) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTDIR) {
		return nil // what is missing, or inaccessible to us, is not granted
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return grant(rules, fd, access, version)
}

func grant(rules, fd int, access uint64, version int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= accessFile
	}
	if version < abiDevices {
		access &^= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// dropCapabilities removes root's capabilities from the calling thread and what it starts. The right to override file
// modes remains: Landlock decides for which files.
func dropCapabilities() error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return fmt.Errorf("%w: read capabilities: %w", ErrConfinement, err)
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) // with no_new_privs they come from nowhere else
	if data[0].Permitted|data[1].Permitted == 0 {
		return nil
	}
	for c := uintptr(0); ; c++ {
		if c == unix.CAP_DAC_OVERRIDE {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); errors.Is(err, unix.EINVAL) {
			break // beyond the last one
		} else if err != nil && os.Geteuid() == 0 {
			return fmt.Errorf("%w: drop capability %s: %w", ErrConfinement, strconv.Itoa(int(c)), err)
		} else if err != nil {
			break // only root gets anything from the bounding set
		}
	}
	keep := uint32(1 << unix.CAP_DAC_OVERRIDE)
	data = [2]unix.CapUserData{{Effective: data[0].Effective & keep, Permitted: data[0].Permitted & keep}}
	if err := unix.Capset(&hdr, &data[0]); err != nil {
		return fmt.Errorf("%w: drop capabilities: %w", ErrConfinement, err)
	}
	return nil
}
