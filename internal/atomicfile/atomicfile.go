// Package atomicfile writes files so that a reader, or a machine that lost power,
// finds either the old file or the whole new one.
package atomicfile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Write replaces the file name by one with data and permissions perm.
func Write(name string, perm os.FileMode, data []byte) error {
	return WriteFrom(name, perm, func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(data))
		return err
	})
}

// WriteFrom replaces the file name by what write produces. When write fails,
// nothing has changed.
func WriteFrom(name string, perm os.FileMode, write func(io.Writer) error) (err error) {
	// In the same folder: a rename must not cross file systems.
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".tmp-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", name, err)
		}
	}()
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(perm); err != nil {
		f.Close()
		return err
	}
	// Before the rename: otherwise the name could survive a crash without the bytes.
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	// The rename itself lives in the folder.
	return SyncDir(filepath.Dir(name))
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
