package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/table"
)

// Names of Badger's files.
const (
	manifestName = "MANIFEST"
	registryName = "KEYREGISTRY"
	discardName  = "DISCARD"
	valueExt     = ".vlog"
	memoryExt    = ".mem"
)

const (
	registrySize = 28 // bytes of a key registry without keys
	footprint    = 64 // bytes at a table's end that its fingerprint covers
)

// badgers reports whether a name is that of a file of Badger.
func badgers(name string) bool {
	switch filepath.Ext(name) {
	case table.Ext, valueExt, memoryExt:
		return true
	}
	return name == manifestName || name == registryName || name == discardName
}

// present lists Badger's files in a folder, by name, with their sizes.
func present(dir string) (map[string]int64, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[string]int64{}
	for _, e := range list {
		if !badgers(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, corrupt(dir, e.Name(), "it is no regular file")
		}
		found[e.Name()] = info.Size()
	}
	return found, nil
}

// takeInventory lists Badger's files after it was closed.
func takeInventory(dir string) ([]dbFile, error) {
	found, err := present(dir)
	if err != nil {
		return nil, err
	}
	list := make([]dbFile, 0, len(found))
	for name, size := range found {
		print, err := fingerprint(dir, name, size)
		if err != nil {
			return nil, err
		}
		list = append(list, dbFile{name, size, print})
	}
	return list, nil
}

// fingerprint tells a file from another of the same name and size. Of a table it covers
// the end, which holds the checksum of the index; of a value log the head, which is
// random; of MANIFEST and the key registry everything. DISCARD is a hint to Badger.
func fingerprint(dir, name string, size int64) (uint32, error) {
	from, n := int64(0), size
	switch filepath.Ext(name) {
	case table.Ext:
		from, n = max(size-footprint, 0), min(size, footprint)
	case valueExt, memoryExt:
		n = min(size, 20)
	}
	if name == discardName {
		n = 0
	}
	sum, err := sumOf(filepath.Join(dir, name), from, n)
	if err == nil && filepath.Ext(name) == table.Ext {
		sum = crc32.Update(sum, castagnoli, binary.BigEndian.AppendUint64(nil, uint64(size)))
	}
	return sum, err
}

// sumOf is the checksum of a part of a file.
func sumOf(path string, from, n int64) (uint32, error) {
	f, err := openFile(path, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, io.NewSectionReader(f, from, n)); err != nil {
		return 0, err
	}
	return sum.Sum32(), nil
}

// checkFiles compares the folder with the inventory: after Badger was closed nothing may
// be missing, changed or there besides. While it was open, when a process was killed,
// files come and go; then what MANIFEST names must be there (checkKilled).
func (s *seal) checkFiles(dir string) error {
	found, err := present(dir)
	if err != nil {
		return err
	}
	if size, is := found[registryName]; is && size != registrySize {
		return corrupt(dir, registryName, "it has %d bytes, not %d", size, registrySize)
	}
	if !s.clean {
		return s.checkKilled(dir, found)
	}
	for _, f := range s.files {
		if err := f.check(dir, found); err != nil {
			return err
		}
		delete(found, f.name)
	}
	for name := range found {
		return corrupt(dir, name, "it belongs to another moment of the database: the rest of the folder is older or newer than this file")
	}
	return nil
}

// check compares one file with its entry.
func (f dbFile) check(dir string, found map[string]int64) error {
	size, is := found[f.name]
	switch {
	case !is:
		return corrupt(dir, f.name, "it is missing")
	case size != f.size:
		return corrupt(dir, f.name, "it has %d bytes, not %d", size, f.size)
	}
	print, err := fingerprint(dir, f.name, size)
	if err == nil && print != f.print {
		err = corrupt(dir, f.name, "it is damaged, or was exchanged for another file")
	}
	return err
}

// openFile opens a file of the folder, and makes it where flag says so.
func openFile(path string, flag int) (*os.File, error) {
	f, err := plainfile.Open(path, flag, 0o600)
	if errors.Is(err, plainfile.ErrKind) {
		err = fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return f, err
}

// inFile says in which file something is wrong.
func inFile(path string, err error) error { return fmt.Errorf("%w (in %s)", err, path) }

func corrupt(dir, name, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", store.ErrDamaged, filepath.Join(dir, name), fmt.Sprintf(format, args...))
}
