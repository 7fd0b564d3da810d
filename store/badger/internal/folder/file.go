// Package folder opens the files of a database, and names the damaged one in its errors.
package folder

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/store"
)

// Castagnoli is the polynomial of every checksum in the folder.
var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Open opens a file of the folder. It makes the file if flag says so.
func Open(path string, flag int) (*os.File, error) {
	f, err := plainfile.Open(path, flag, 0o600)
	if errors.Is(err, plainfile.ErrKind) {
		err = fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return f, err
}

// In adds the file to an error.
func In(path string, err error) error { return fmt.Errorf("%w (in %s)", err, path) }

// Corrupt is the error for a damaged file. It wraps store.ErrDamaged.
func Corrupt(dir, name, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", store.ErrDamaged, filepath.Join(dir, name), fmt.Sprintf(format, args...))
}
