package supervise

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a family may take to die. Processes that we may not kill (of a program that became another user)
// are left after that.
const patience = 2 * time.Second

// endFamily kills and reaps all descendants. It reports whether none is left.
func endFamily() bool {
	deadline := time.Now().Add(patience)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 5*time.Millisecond) {
		for waitAny(unix.WNOHANG) {
		}
		if none() { // most programs leave nothing behind
			return true
		}
		killAll()
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause)
	}
}

// waitAny reaps a child, and reports whether there was one to reap.
func waitAny(options int) bool {
	for {
		pid, err := unix.Wait4(-1, nil, options, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && pid > 0
		}
	}
}

// none reports whether there are no children.
func none() bool {
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return errors.Is(err, unix.ECHILD)
}

// killAll kills every descendant that it finds. One that is born meanwhile loses its parent, becomes our child, and is
// found the next time.
func killAll() {
	for _, pid := range descendants(os.Getpid()) {
		_ = unix.Kill(pid, unix.SIGKILL) // it may have ended, or belong to another user
	}
}

// descendants lists the children of a process and all below them.
func descendants(pid int) []int {
	children, ok := childrenOf(pid)
	if !ok {
		return scanned(pid)
	}
	all := children
	for _, c := range children {
		below, _ := childrenOf(c)
		for len(below) > 0 {
			all = append(all, below...)
			var next []int
			for _, b := range below {
				more, _ := childrenOf(b)
				next = append(next, more...)
			}
			below = next
		}
	}
	return all
}

// childrenOf asks the kernel, if it was built to tell.
func childrenOf(pid int) (children []int, ok bool) {
	tasks := "/proc/" + strconv.Itoa(pid) + "/task"
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return nil, false
	}
	for _, e := range entries {
		raw, err := os.ReadFile(tasks + "/" + e.Name() + "/children")
		if err != nil {
			continue
		}
		ok = true
		for _, field := range strings.Fields(string(raw)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children, ok
}

// scanned finds descendants by looking at all processes.
func scanned(root int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	parents := make(map[int]int)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if parent, _, ok := kin(pid); ok {
			parents[pid] = parent
		}
	}
	var all []int
	for pid := range parents {
		for p := parents[pid]; p > 0; p = parents[p] {
			if p == root {
				all = append(all, pid)
				break
			}
		}
	}
	return all
}
