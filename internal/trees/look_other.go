//go:build !unix

package trees

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/object/tree"
)

func openFolder(name string, _ bool) (*os.File, error) { return os.Open(name) }

func openFile(name string) (*os.File, error) { return os.Open(name) }

// look finds what a name in a folder stands for. Nothing here shows reliably that a file is unchanged: the stamps have
// only sizes, and the cache holds no file.
func look(dir *os.File, name string) (found, error) {
	st, err := os.Lstat(filepath.Join(dir.Name(), name))
	if err != nil {
		return found{}, err
	}
	return foundBy(name, st), nil
}

func foundBy(name string, st fs.FileInfo) found {
	f := found{name: name, stamp: stamp{size: st.Size(), mtime: st.ModTime().UnixNano()}}
	switch {
	case st.Mode().IsRegular():
		f.kind = tree.File
	case st.IsDir():
		f.kind = tree.Folder
	case st.Mode()&fs.ModeSymlink != 0:
		f.kind = tree.Link
	}
	return f
}

func lookAt(file *os.File) (found, error) {
	st, err := file.Stat()
	if err != nil {
		return found{}, err
	}
	return foundBy("", st), nil
}

func readLink(dir *os.File, name string) (string, error) {
	target, err := os.Readlink(filepath.Join(dir.Name(), name))
	if err == nil && (target == "" || len(target) > tree.MaxTarget) {
		err = fmt.Errorf("%s: the target of a link has 1 to %d bytes", filepath.Join(dir.Name(), name), tree.MaxTarget)
	}
	return target, err
}
