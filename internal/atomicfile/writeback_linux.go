package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriting asks the kernel to begin writing the file out, so that a later sync has little to do. It is only a hint.
func startWriting(f *os.File, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, n, unix.SYNC_FILE_RANGE_WRITE)
}

// forget lets the kernel reuse the file's pages, which are on the disk. It is only a hint.
func forget(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }
