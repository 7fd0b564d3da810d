package process

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock knows TCP alone: datagrams, and the sockets of other programs (which may have
// all rights), it lets pass. A seccomp filter therefore refuses to make a socket of any
// kind. Pairs of sockets, which lead nowhere else, can be had.

// auditArch is by which number the kernel calls the system calls' conventions of a machine.
var auditArch = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// Offsets in the kernel's struct seccomp_data.
const (
	seccompNr   = 0
	seccompArch = 4
)

// x32 is the bit that another convention of amd64 sets in the numbers of its calls.
const x32 = 0x40000000

// filterable reports whether denySockets can be had here.
func filterable() error {
	if _, known := auditArch[runtime.GOARCH]; !known {
		return fmt.Errorf("%w: no seccomp filter for %s", ErrConfinement, runtime.GOARCH)
	}
	if _, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("%w: seccomp: %w", ErrConfinement, err)
	}
	return nil
}

// denySockets refuses sockets to the calling thread and what it starts, for good. Calls
// by another convention than the machine's own end the program; io_uring, which could
// make sockets by itself, is not there.
func denySockets() error {
	const load, equal, atLeast, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K,
		unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := [...]unix.SockFilter{
		{Code: load, K: seccompArch},
		{Code: equal, K: auditArch[runtime.GOARCH], Jt: 1},
		{Code: answer, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: seccompNr},
		{Code: atLeast, K: x32, Jt: 3},                   // not there
		{Code: equal, K: unix.SYS_IO_URING_SETUP, Jt: 2}, // not there
		{Code: equal, K: unix.SYS_SOCKET, Jt: 2},         // permission denied
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},        // anything else
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EACCES)},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("%w: seccomp: %w", ErrConfinement, errno)
	}
	return nil
}
