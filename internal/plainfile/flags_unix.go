//go:build unix

package plainfile

import "syscall"

const (
	nonBlock = syscall.O_NONBLOCK // open a pipe without waiting for its other end
	noFollow = syscall.O_NOFOLLOW
)
