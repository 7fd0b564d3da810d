package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is a new folder, which is there when all of its files are whole, or not at all.
type Folder struct{ name, temp string }

// NewFolder begins a folder, whose name must be free. Errors wrap fs.ErrExist.
func NewFolder(name string) (*Folder, error) {
	name = filepath.Clean(name)
	if _, err := os.Lstat(name); err == nil {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	temp, err := TempFolder(filepath.Dir(name))
	return &Folder{name, temp}, err
}

// TempFolder makes a folder inside of another one, which it makes, too, with the permissions
// of a new folder; os.MkdirTemp's are private.
func TempFolder(inside string) (string, error) {
	if err := os.MkdirAll(inside, 0o777); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(inside, ".export-*")
	if err != nil {
		return "", err
	}
	probe := filepath.Join(temp, ".mode")
	if err := os.Mkdir(probe, 0o777); err != nil {
		return "", err
	}
	st, err := os.Stat(probe)
	if err != nil {
		return "", err
	}
	return temp, errors.Join(os.Remove(probe), os.Chmod(temp, st.Mode().Perm()))
}

// Create makes a file of the folder, durable when it is closed.
func (f *Folder) Create(name string) (io.WriteCloser, error) {
	out, err := os.OpenFile(filepath.Join(f.temp, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) // less the umask
	if err != nil {
		return nil, err
	}
	return syncedFile{out}, nil
}

// Commit gives the folder its name.
func (f *Folder) Commit() error {
	return errors.Join(SyncDir(f.temp), os.Rename(f.temp, f.name), SyncDir(filepath.Dir(f.name)))
}

// Abort gives the folder up.
func (f *Folder) Abort() error { return os.RemoveAll(f.temp) }

type syncedFile struct{ *os.File }

// Close implements io.Closer.
func (s syncedFile) Close() error { return errors.Join(s.Sync(), s.File.Close()) }
