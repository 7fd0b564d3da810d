//go:build unix && !linux

package supervise

import "syscall"

// CloseOnExec marks every descriptor from 3 to 1023 close-on-exec, no matter who opened it.
func CloseOnExec() error {
	for fd := 3; fd < 1024; fd++ {
		syscall.CloseOnExec(fd) // it does nothing if the descriptor is not open
	}
	return nil
}
