package folder

import (
	"os"

	"golang.org/x/sys/unix"
)

// Datasync makes the data written to f durable, and as much of its inode as reading requires.
func Datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
