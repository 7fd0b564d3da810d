package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Folder is a new folder that appears with all of its files complete, or not at all.
type Folder struct {
	name, temp string
	below      []string // the folders in it
}

// NewFolder begins a folder with a free name. Errors wrap fs.ErrExist.
func NewFolder(name string) (*Folder, error) {
	name = filepath.Clean(name)
	if _, err := os.Lstat(name); err == nil {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	temp, err := TempFolder(filepath.Dir(name))
	return &Folder{name: name, temp: temp}, err
}

// TempFolder makes a folder inside another one, and that one if necessary, with the permissions of a new folder;
// os.MkdirTemp's are private.
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

// Create makes a file in the folder; Close makes it durable. The name is a path with slashes, whose folders Mkdir
// made.
func (f *Folder) Create(name string, executable bool) (io.WriteCloser, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	perm := fs.FileMode(0o666) // less the umask
	if executable {
		perm = 0o777
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	return syncedFile{out}, nil
}

// Mkdir makes a folder in the folder.
func (f *Folder) Mkdir(name string) error {
	path, err := f.path(name)
	if err == nil {
		err = os.Mkdir(path, 0o777)
	}
	f.below = append(f.below, path)
	return err
}

// path is the place of a name, which may not lead out of the folder.
func (f *Folder) path(name string) (string, error) {
	name = filepath.FromSlash(name)
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q: %w: no path inside a folder", name, fs.ErrInvalid)
	}
	return filepath.Join(f.temp, name), nil
}

// Commit gives the folder its name.
func (f *Folder) Commit() error {
	for _, path := range f.below {
		if err := SyncDir(path); err != nil {
			return err
		}
	}
	return errors.Join(SyncDir(f.temp), os.Rename(f.temp, f.name), SyncDir(filepath.Dir(f.name)))
}

// Abort discards the folder.
func (f *Folder) Abort() error { return os.RemoveAll(f.temp) }

type syncedFile struct{ *os.File }

// Close implements io.Closer.
func (s syncedFile) Close() error { return errors.Join(s.Sync(), s.File.Close()) }
