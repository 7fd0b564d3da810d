//go:build unix && !linux

package process

import (
	"os"
	osexec "os/exec"
	"syscall"
)

// ownGroup lets the program lead a process group of its own.
func ownGroup(cmd *osexec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills what is left of the group that pid leads. A group that is gone
// already is what we want, so errors do not matter.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// signalOf is the signal that ended a program; 0: none did.
func signalOf(s *os.ProcessState) syscall.Signal {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return w.Signal()
	}
	return 0
}
