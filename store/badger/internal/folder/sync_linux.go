package folder

import (
	"os"

	"golang.org/x/sys/unix"
)

// Datasync makes what was written to f durable, and as much of its inode as reading
// it back takes.
func Datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
