package running

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"

	"github.com/mythos-project/mythos/internal/supervise"
	"github.com/mythos-project/mythos/object"
)

// Inside reports whether this process belongs to the attempt that holds an effect's lock: one of its ancestors is a
// supervisor that has the lock open. The process that took the lock does not count: it may make several attempts.
func (d *Dir) Inside(idem object.Hash) bool {
	lock, err := os.Stat(d.file(idem))
	if err != nil {
		return false
	}
	for pid := os.Getppid(); pid > 1; pid = parent(pid) {
		if supervise.Supervises(pid) && opens(pid, lock) {
			return true
		}
	}
	return false
}

// opens reports whether a process has a file open, as far as we are allowed to know.
func opens(pid int, file os.FileInfo) bool {
	list, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	if err != nil {
		return false
	}
	for _, fd := range list {
		if st, err := os.Stat(fd); err == nil && os.SameFile(st, file) {
			return true
		}
	}
	return false
}

// parent returns the parent of a process; 0: unknown.
func parent(pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // the name before it may contain anything
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(string(fields[1]))
	return n
}
