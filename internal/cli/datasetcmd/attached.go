package datasetcmd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/mythos-project/mythos/dataset/export"
	"github.com/mythos-project/mythos/internal/cli/clierr"
	"github.com/mythos-project/mythos/object"
)

// mkdir makes a folder below the folder of attached trees, and returns its path.
func (o *outputs) mkdir(name string) (string, error) {
	if err := o.prepare(); err != nil {
		return "", err
	}
	if !slices.Contains(o.names, export.AttachedFolder) {
		o.names = append(o.names, export.AttachedFolder)
	}
	dir := filepath.Join(o.temp, filepath.FromSlash(name))
	return dir, os.MkdirAll(dir, 0o777) // less the umask
}

// checkAttached refuses to replace a folder of other files.
func (o *outputs) checkAttached() error {
	if o.fresh || !slices.Contains(o.names, export.AttachedFolder) {
		return nil
	}
	name := filepath.Join(o.name, export.AttachedFolder)
	ours, err := holdsTrees(name)
	if err != nil || ours {
		return err
	}
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return clierr.New(clierr.Conflict, "%s exists and holds more than the trees of an export", name).On(name).With("move it away, or leave out --with-files")
}

// removeAttached removes the trees of an earlier export.
func (o *outputs) removeAttached() error {
	name := filepath.Join(o.name, export.AttachedFolder)
	ours, err := holdsTrees(name)
	if err != nil || !ours {
		return err
	}
	return os.RemoveAll(name)
}

// holdsTrees reports whether a folder is one of attached trees: everything in it is a folder whose name is a tree's id.
func holdsTrees(name string) (bool, error) {
	if st, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) || (err == nil && !st.IsDir()) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	entries, err := os.ReadDir(name)
	if err != nil {
		return false, err
	}
	other := slices.IndexFunc(entries, func(e fs.DirEntry) bool {
		_, err := object.ParseHash(e.Name())
		return err != nil || !e.IsDir()
	})
	return other < 0, nil
}
