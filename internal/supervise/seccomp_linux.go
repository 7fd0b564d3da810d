package supervise

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock controls files, TCP and, on a recent kernel, signals. A seccomp filter refuses the other ways out: sockets,
// other processes' priorities and memory, keys, shared memory, attributes of files (which Landlock allows), and new
// system calls that do any of these.

// auditArch is the kernel's number for the system call convention of a machine.
var auditArch = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// Offsets in the kernel's struct seccomp_data, on a machine with the low byte first.
const (
	seccompNr   = 0
	seccompArch = 4
	seccompArgs = 16
)

// x32 is the bit that another convention of amd64 sets in its call numbers.
const x32 = 0x40000000

// Codes of the filter's instructions.
const (
	bpfLoad   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	bpfEqual  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	bpfLeast  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	bpfSet    = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	bpfAnd    = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	bpfAnswer = unix.BPF_RET | unix.BPF_K
)

// filterable reports whether the filter is available here.
func filterable() error {
	if _, known := auditArch[runtime.GOARCH]; !known {
		return fmt.Errorf("%w: no seccomp filter for %s", ErrConfinement, runtime.GOARCH)
	}
	if _, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("%w: seccomp: %w", ErrConfinement, err)
	}
	return nil
}

// rule says what happens to one system call: body runs if its number matches, and ends with an answer.
type rule struct {
	call uint32
	body []unix.SockFilter
}

func ret(action uint32) unix.SockFilter { return unix.SockFilter{Code: bpfAnswer, K: action} }

func refuse(errno unix.Errno) unix.SockFilter { return ret(unix.SECCOMP_RET_ERRNO | uint32(errno)) }

func allow() unix.SockFilter { return ret(unix.SECCOMP_RET_ALLOW) }

// argument loads the low half of an argument: the kernel treats the numbers that we compare as 32 bits.
func argument(i uint32) unix.SockFilter { return unix.SockFilter{Code: bpfLoad, K: seccompArgs + 8*i} }

// always refuses calls with any arguments.
func always(errno unix.Errno, calls ...uint32) (rules []rule) {
	for _, c := range calls {
		rules = append(rules, rule{c, []unix.SockFilter{refuse(errno)}})
	}
	return rules
}

// unless refuses calls whose argument is not want.
func unless(arg, want uint32, calls ...uint32) (rules []rule) {
	for _, c := range calls {
		rules = append(rules, rule{c, []unix.SockFilter{argument(arg), {Code: bpfEqual, K: want, Jf: 1}, allow(), refuse(unix.EPERM)}})
	}
	return rules
}

// when refuses calls whose argument is one of values.
func when(arg uint32, values []uint32, calls ...uint32) (rules []rule) {
	for _, c := range calls {
		body := []unix.SockFilter{argument(arg)}
		for i, v := range values {
			body = append(body, unix.SockFilter{Code: bpfEqual, K: v, Jt: uint8(len(values) - i)})
		}
		rules = append(rules, rule{c, append(body, allow(), refuse(unix.EPERM))})
	}
	return rules
}

// ask passes calls to the supervisor (attend).
func ask(calls ...uint32) (rules []rule) {
	for _, c := range calls {
		rules = append(rules, rule{c, []unix.SockFilter{ret(unix.SECCOMP_RET_USER_NOTIF)}})
	}
	return rules
}

// Requests of ioctl and fcntl that change something outside through a descriptor that is only readable.
var (
	ioctls = []uint32{
		unix.TIOCSTI, unix.TIOCLINUX, unix.FS_IOC_SETFLAGS, 0x401c5820 /* FS_IOC_FSSETXATTR */, 0x40087602, /* FS_IOC_SETVERSION */
		unix.FS_IOC_ENABLE_VERITY, unix.FS_IOC_SET_ENCRYPTION_POLICY, 0x8901 /* FIOSETOWN */, 0x8902, /* SIOCSPGRP */
	}
	fcntls = []uint32{unix.F_SETOWN, unix.F_SETOWN_EX, unix.F_SETLEASE, unix.F_NOTIFY}
)

// namespaces are the flags of clone(2) that create namespaces.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// rules returns all refusals. self is the supervisor, thread its thread that is confined with the program, and parent
// the process that started the supervisor.
func rules(version, self, thread, parent int) []rule {
	all := [][]rule{
		always(unix.EACCES, unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4),
		{{unix.SYS_SOCKETPAIR, pairs()}},
		always(unix.ENOSYS, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_CLONE3),
		{{unix.SYS_CLONE, []unix.SockFilter{argument(0), {Code: bpfSet, K: namespaces, Jf: 1}, refuse(unix.EPERM), allow()}}},
		always(unix.EPERM,
			unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
			unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SHMDT, unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMTIMEDOP,
			unix.SYS_SEMCTL, unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
			unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK,
			unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_FANOTIFY_INIT,
			unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE,
			unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
			unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_OPEN_BY_HANDLE_AT,
			unix.SYS_FILE_SETATTR),
		unless(0, 0, unix.SYS_PRLIMIT64, unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER,
			unix.SYS_SCHED_SETATTR, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES),
		{{unix.SYS_SETPRIORITY, ownPriority(unix.PRIO_PROCESS)}, {unix.SYS_IOPRIO_SET, ownPriority(1 /* IOPRIO_WHO_PROCESS */)}},
		signals(version, self, thread, parent),
		when(1, ioctls, unix.SYS_IOCTL),
		when(1, fcntls, unix.SYS_FCNTL),
		ask(unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_UTIMENSAT),
		always(unix.EOPNOTSUPP, unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT,
			unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT),
		machineRules(),
	}
	var out []rule
	for _, some := range all {
		out = append(out, some...)
	}
	return out
}

// pairs allows Unix socket pairs whose ends cannot be connected again.
func pairs() []unix.SockFilter {
	return []unix.SockFilter{
		argument(0), {Code: bpfEqual, K: unix.AF_UNIX, Jf: 5},
		argument(1), {Code: bpfAnd, K: 0xf}, {Code: bpfEqual, K: unix.SOCK_STREAM, Jt: 1}, {Code: bpfEqual, K: unix.SOCK_SEQPACKET, Jf: 1},
		allow(), refuse(unix.EACCES),
	}
}

// ownPriority lets a process change only its own priority.
func ownPriority(which uint32) []unix.SockFilter {
	return []unix.SockFilter{
		argument(0), {Code: bpfEqual, K: which, Jf: 3},
		argument(1), {Code: bpfEqual, K: 0, Jf: 1}, allow(), refuse(unix.EPERM),
	}
}

// filter is the program that the kernel runs at every system call. Calls by a convention other than the machine's own
// end the program.
func filter(version, self, thread, parent int) []unix.SockFilter {
	out := []unix.SockFilter{
		{Code: bpfLoad, K: seccompArch},
		{Code: bpfEqual, K: auditArch[runtime.GOARCH], Jt: 1},
		ret(unix.SECCOMP_RET_KILL_PROCESS),
		{Code: bpfLoad, K: seccompNr},
		{Code: bpfLeast, K: x32, Jf: 1},
		refuse(unix.ENOSYS),
	}
	for _, r := range rules(version, self, thread, parent) {
		out = append(out, unix.SockFilter{Code: bpfEqual, K: r.call, Jf: uint8(len(r.body))})
		out = append(out, r.body...)
	}
	return append(out, allow())
}

// installFilter puts the calling thread, and what it starts, under a filter permanently. It returns the descriptor at
// which the calls of ask arrive.
func installFilter(f []unix.SockFilter) (listener int, err error) {
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return 0, fmt.Errorf("%w: seccomp: %w", ErrConfinement, errno)
	}
	return int(fd), nil
}
