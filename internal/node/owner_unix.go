//go:build unix

package node

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// foreign says why a file is not taken for the caller's own: somebody else owns it, or
// others can write to it. Empty: it is the caller's. Root under sudo acts for who called
// sudo.
func foreign(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	uid := os.Geteuid()
	mine := int(st.Uid) == uid
	if sudo, err := strconv.Atoi(os.Getenv("SUDO_UID")); err == nil && uid == 0 {
		mine = mine || int(st.Uid) == sudo
	}
	switch {
	case !mine:
		return fmt.Sprintf("it belongs to user %d, and you are user %d", st.Uid, uid)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Sprintf("others can write to it (mode %04o)", info.Mode().Perm())
	}
	return ""
}

// device is the file system that a file lies on.
func device(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev)
	}
	return 0
}
