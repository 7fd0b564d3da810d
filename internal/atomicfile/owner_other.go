//go:build !unix

package atomicfile

import (
	"io/fs"
	"os"
)

func own(*os.File, fs.FileInfo) {}

// duplicate opens the name itself: descriptors have no names here.
func duplicate(_ int, name string) (*os.File, error) { return os.OpenFile(name, os.O_WRONLY, 0) }
