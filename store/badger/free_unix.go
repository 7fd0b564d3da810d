//go:build unix

package badger

import "golang.org/x/sys/unix"

// freeSpace is how many bytes this process may still write to the file system of dir.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	return int64(st.Bavail) * int64(st.Bsize), err
}
