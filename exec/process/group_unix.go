//go:build unix

package process

import (
	"fmt"
	"os"
	osexec "os/exec"
	"syscall"
)

// ownGroup lets the program lead a process group of its own.
func ownGroup(cmd *osexec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills what is left of the group that pid leads. A group that is gone
// already is what we want, so errors do not matter.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// stampOf changes whenever the file's content may have changed.
func stampOf(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("the tool's binary: %w", err)
	}
	stamp := fmt.Sprint(st.Size(), st.ModTime().UnixNano())
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		stamp += fmt.Sprint(" ", sys.Dev, sys.Ino, changeTime(sys))
	}
	return stamp, nil
}
