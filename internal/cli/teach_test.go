package cli

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// TestHintOfFullDisk distinguishes the store's disk from a device or file of the caller.
func TestHintOfFullDisk(t *testing.T) {
	store := fmt.Errorf("/r/.mythos/db has 0 bytes left: %w", syscall.ENOSPC)
	for err, ours := range map[error]bool{store: true, syscall.ENOSPC: true,
		&fs.PathError{Op: "write", Path: "/r/.mythos/chunks/ab/.t", Err: syscall.ENOSPC}: true,
		&fs.PathError{Op: "write", Path: "/dev/full", Err: syscall.ENOSPC}:               false,
		&fs.PathError{Op: "write", Path: "/r/.mythos2/out", Err: syscall.ENOSPC}:         false} {
		if hint := hintFor(fmt.Errorf("write: %w", err)); strings.Contains(hint, "blob rm") != ours || hint == "" {
			t.Errorf("%v: %s", err, hint)
		}
	}
}
