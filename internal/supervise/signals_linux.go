package supervise

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Since version 6, Landlock keeps a program from signalling processes outside. On an older kernel the calls that signal
// are sent here, and continue if all their targets belong to the family. A filter cannot tell: a process can be named
// by any of its threads, or by its group, which a program may join.

var signalCalls = []uint32{
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_OPEN,
}

// signals are the rules for calls that signal.
func signals(version, self, thread, parent int) []rule {
	if version < abiScopes {
		return ask(signalCalls...)
	}
	return when(0, []uint32{uint32(self), uint32(thread), uint32(parent)}, signalCalls...)
}

// signalling reports whether a call signals, and with which error it is refused; 0: it may continue.
func signalling(n *notification) (is bool, errno unix.Errno) {
	pid := int(int32(n.data.args[0]))
	switch n.data.nr {
	case unix.SYS_TGKILL, unix.SYS_RT_TGSIGQUEUEINFO:
		if errno = ofFamily(int(int32(n.data.args[1]))); errno != 0 {
			return true, errno
		}
	case unix.SYS_KILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_TKILL, unix.SYS_PIDFD_OPEN:
	default:
		return false, 0
	}
	switch {
	case pid > 0:
		return true, ofFamily(pid)
	case n.data.nr != unix.SYS_KILL:
		return true, unix.EINVAL
	case pid == -1: // everybody
		return true, unix.EPERM
	case pid == 0:
		_, pid, _ = kin(int(n.pid))
		return true, groupOfFamily(pid)
	}
	return true, groupOfFamily(-pid)
}

// ofFamily refuses a process that does not descend from the supervisor. It may be named by any of its threads.
func ofFamily(pid int) unix.Errno {
	pid, ok := processOf(pid)
	if !ok {
		return unix.ESRCH
	}
	for self := os.Getpid(); pid > 1 && pid != self; {
		parent, _, ok := kin(pid)
		if ok && parent == self {
			return 0
		}
		pid = parent
	}
	return unix.EPERM
}

// groupOfFamily refuses a process group with a member outside the family.
func groupOfFamily(group int) unix.Errno {
	entries, err := os.ReadDir("/proc")
	if err != nil || group <= 1 {
		return unix.EPERM
	}
	found := unix.ESRCH
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if _, of, ok := kin(pid); ok && of == group {
			if found = ofFamily(pid); found != 0 {
				return unix.EPERM
			}
		}
	}
	return found
}

// processOf returns the process of a thread.
func processOf(thread int) (pid int, ok bool) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(thread) + "/status")
	if err != nil {
		return 0, false
	}
	_, after, _ := strings.Cut(string(status), "\nTgid:")
	line, _, _ := strings.Cut(after, "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(line))
	return pid, err == nil
}

// kin returns the parent and the group of a process.
func kin(pid int) (parent, group int, ok bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, false
	}
	// The name, in parentheses, may contain anything: the fields begin after the last one.
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 3 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	group, err2 := strconv.Atoi(fields[2])
	return parent, group, err == nil && err2 == nil
}
