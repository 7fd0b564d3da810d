// Package atomicfile writes files so that a reader, or a machine that lost power, finds either the old file or the
// whole new one.
//
// [Write] and [WriteFrom] write one file. A [Group] writes many: it lets the disk work while the caller continues, and
// syncs all files together.
package atomicfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// Write replaces the file name by one with data and permissions perm.
func Write(name string, perm os.FileMode, data []byte) error {
	return WriteFrom(name, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteFrom replaces the file name by the output of write. If write fails, nothing has changed.
func WriteFrom(name string, perm os.FileMode, write func(io.Writer) error) (err error) {
	// In the same folder: a rename must not cross file systems.
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", name, err)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	// CreateTemp's 0600 protects a secret while it is written.
	if err := f.Chmod(perm); err != nil {
		return err
	}
	// Before the rename: otherwise the name could survive a crash without the bytes.
	if err := f.Sync(); err != nil {
		return err
	}
	// Some file systems report a failed write only here.
	if err := f.Close(); err != nil {
		return err
	}
	// In one step: a reader sees the old file or the new one.
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	// The rename itself lives in the folder.
	return SyncDir(filepath.Dir(name))
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there; NTFS has its own journal for names
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
