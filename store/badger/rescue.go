package badger

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/store/badger/internal/table"
)

// asideName is the folder for files that Badger would delete or cut when it opens after
// a process was killed. They go when Badger has been closed properly.
const asideName = "aside"

// rewriting is the size in bytes from which Badger may have written MANIFEST anew.
const rewriting = 64 << 10

// checkKilled compares the folder with the inventory of the last proper close, when the
// process that had Badger open for writing was killed. MANIFEST only grows, so that it
// still begins as it was; tables that it names must be there.
func (s *seal) checkKilled(dir string, found map[string]int64) error {
	for _, f := range s.files {
		size, is := found[f.name]
		switch {
		case f.name == registryName:
			if err := f.check(dir, found); err != nil {
				return err
			}
		case f.name == manifestName:
			if err := s.checkManifest(dir, f, size); err != nil {
				return err
			}
		case filepath.Ext(f.name) == valueExt && f.size > 20: // Badger drops empty ones
			if !is {
				return corrupt(dir, f.name, "it is missing")
			}
			if size < f.size {
				return corrupt(dir, f.name, "it has %d bytes, not %d", size, f.size)
			}
		}
	}
	if _, is := found[manifestName]; !is && (len(found) > 0 && s.txns > 0 || s.moved > 0) {
		return corrupt(dir, manifestName, "it is missing")
	}
	names, err := s.tables(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, is := found[name]; !is {
			return corrupt(dir, name, "it is missing")
		}
		if f, is := s.listed(name); is {
			if err := f.check(dir, found); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *seal) checkManifest(dir string, f dbFile, size int64) error {
	if size < f.size {
		if size > 0 && f.size >= rewriting {
			return nil // it was written anew; tables that it does not name are looked for
		}
		return corrupt(dir, f.name, "it is missing, or was cut off: it had %d bytes", f.size)
	}
	sum, err := sumOf(filepath.Join(dir, f.name), 0, f.size)
	if err == nil && sum != f.print && f.size < rewriting {
		err = corrupt(dir, f.name, "it is damaged, or was exchanged for another file")
	}
	return err
}

// tables are the names of the tables that MANIFEST lists. Of a folder that was closed
// properly the inventory has them.
func (s *seal) tables(dir string) (names []string, err error) {
	if s.clean {
		for _, f := range s.files {
			if table.Is(f.name) {
				names = append(names, f.name)
			}
		}
		return names, nil
	}
	f, err := openFile(filepath.Join(dir, manifestName), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // it was being made
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, 0, badger.DefaultOptions(dir).WithLogger(&faults{}))
	if err != nil {
		return nil, corrupt(dir, manifestName, "%v", err)
	}
	for id := range m.Tables {
		names = append(names, table.Name(id))
	}
	return names, nil
}

// rescue puts aside what Badger would delete or cut: tables that MANIFEST does not list,
// and copies of MANIFEST and the logs.
func (s *session) rescue() error {
	found, err := present(s.dir)
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
		case size == 0 && (ext == valueExt || ext == memoryExt):
			err = os.Remove(from) // it had not been given a size: Badger 4.9 refuses to open with one
		case name == manifestName || ext == memoryExt:
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
	in, err := openFile(from, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := openFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
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

// forgetCopies removes what was put aside: Badger has it all in its tables.
func forgetCopies(dir string) error { return os.RemoveAll(filepath.Join(dir, asideName)) }
