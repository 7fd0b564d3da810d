package badger

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync makes what was written to f durable, and as much of its inode as reading
// it back takes.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
