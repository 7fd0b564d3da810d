//go:build unix && !linux

package supervise

import "syscall"

// CloseOnExec marks every descriptor from 3 to 1023 as not for children, no matter who opened
// it.
func CloseOnExec() error {
	for fd := 3; fd < 1024; fd++ {
		syscall.CloseOnExec(fd) // of one that is not open it does nothing
	}
	return nil
}
