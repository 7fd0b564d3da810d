package badger

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/store/badger/internal/folder"
	"github.com/mythos-project/mythos/store/badger/internal/seal"
	"github.com/mythos-project/mythos/store/badger/internal/table"
)

// asideName is the folder for copies of files that Badger would delete or truncate when it opens after a process was
// killed. It is removed after Badger was closed properly.
const asideName = "aside"

// rescue sets aside what Badger would delete or truncate: tables that MANIFEST does not list, and copies of MANIFEST
// and the logs.
func (s *session) rescue() error {
	found, err := seal.Present(s.dir)
	if err != nil {
		return err
	}
	aside := filepath.Join(s.dir, asideName)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, name := range s.tables.Names() {
		listed[name] = true
	}
	for name, size := range found {
		from, to := filepath.Join(s.dir, name), filepath.Join(aside, name)
		switch ext := filepath.Ext(name); {
		case table.Is(name) && !listed[name]:
			err = os.Rename(from, to)
		case size == 0 && (ext == seal.ValueExt || ext == seal.MemoryExt):
			err = os.Remove(from) // its size was never set: Badger 4.9 refuses to open with such a file
		case name == seal.Manifest || ext == seal.MemoryExt:
			err = copySparse(from, to)
		}
		if err != nil {
			return err
		}
	}
	return atomicfile.SyncDir(s.dir)
}

// copySparse copies a file that may be mostly holes.
func copySparse(from, to string) (err error) {
	in, err := folder.Open(from, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := folder.Open(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	buf, zero, at := make([]byte, 256<<10), make([]byte, 256<<10), int64(0)
	for {
		n, rerr := io.ReadFull(in, buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := out.WriteAt(buf[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if errors.Is(rerr, io.EOF) || errors.Is(rerr, io.ErrUnexpectedEOF) {
			return out.Truncate(at)
		}
		if rerr != nil {
			return rerr
		}
	}
}

// forgetCopies removes the copies: Badger's tables have everything.
func forgetCopies(dir string) error { return os.RemoveAll(filepath.Join(dir, asideName)) }
