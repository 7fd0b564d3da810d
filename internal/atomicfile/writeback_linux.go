package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriting asks the kernel to begin writing the file out, so that a later
// sync finds little to do. It is a hint: nothing depends on it.
func startWriting(f *os.File, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, n, unix.SYNC_FILE_RANGE_WRITE)
}
