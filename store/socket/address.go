package socket

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

const (
	name    = "serve.sock"
	maxPath = 100 // bytes of a socket's path; systems take 104 or 108
)

// address returns a path of the socket in dir that is short enough. It is valid
// until done is called.
func address(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, name)
	if len(path) <= maxPath {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("%s: the path is too long for a socket: %w", path, errors.ErrUnsupported)
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), name), func() { f.Close() }, nil
}
