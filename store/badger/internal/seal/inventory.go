package seal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/store/badger/internal/folder"
	"github.com/mythos-project/mythos/store/badger/internal/table"
)

// Names of Badger's files.
const (
	Manifest     = "MANIFEST"
	registryName = "KEYREGISTRY"
	discardName  = "DISCARD"
	ValueExt     = ".vlog"
	MemoryExt    = ".mem"
)

const (
	registrySize = 28 // bytes of a key registry without keys
	footprint    = 64 // bytes at a table's end that its fingerprint covers
)

// badgers reports whether a name is that of one of Badger's files.
func badgers(name string) bool {
	switch filepath.Ext(name) {
	case table.Ext, ValueExt, MemoryExt:
		return true
	}
	return name == Manifest || name == registryName || name == discardName
}

// Present lists Badger's files in a folder, by name, with their sizes.
func Present(dir string) (map[string]int64, error) {
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
			return nil, folder.Corrupt(dir, e.Name(), "it is not a regular file")
		}
		found[e.Name()] = info.Size()
	}
	return found, nil
}

// TakeInventory lists Badger's files after Badger was closed.
func TakeInventory(dir string) ([]Listed, error) {
	found, err := Present(dir)
	if err != nil {
		return nil, err
	}
	list := make([]Listed, 0, len(found))
	for name, size := range found {
		print, err := fingerprint(dir, name, size)
		if err != nil {
			return nil, err
		}
		list = append(list, Listed{name, size, print})
	}
	return list, nil
}

// fingerprint distinguishes a file from another one with the same name and size. For a table it covers the end, which
// holds the checksum of the index; for a value log the head, which is random; for MANIFEST and the key registry
// everything. DISCARD is only a hint to Badger and has none.
func fingerprint(dir, name string, size int64) (uint32, error) {
	from, n := int64(0), size
	switch filepath.Ext(name) {
	case table.Ext:
		from, n = max(size-footprint, 0), min(size, footprint)
	case ValueExt, MemoryExt:
		n = min(size, 20)
	}
	if name == discardName {
		n = 0
	}
	sum, err := sumOf(filepath.Join(dir, name), from, n)
	if err == nil && filepath.Ext(name) == table.Ext {
		sum = crc32.Update(sum, folder.Castagnoli, binary.BigEndian.AppendUint64(nil, uint64(size)))
	}
	return sum, err
}

// sumOf is the checksum of a part of a file.
func sumOf(path string, from, n int64) (uint32, error) {
	f, err := folder.Open(path, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum := crc32.New(folder.Castagnoli)
	if _, err := io.Copy(sum, io.NewSectionReader(f, from, n)); err != nil {
		return 0, err
	}
	return sum.Sum32(), nil
}

// CheckFiles compares the folder with the inventory. After Badger was closed, no file may be missing, changed or new.
// While Badger is open, files come and go; if the process was killed then, the files that MANIFEST names must be there
// (checkKilled).
func (s *State) CheckFiles(dir string) error {
	found, err := Present(dir)
	if err != nil {
		return err
	}
	if size, is := found[registryName]; is && size != registrySize {
		return folder.Corrupt(dir, registryName, "it has %d bytes, not %d", size, registrySize)
	}
	if !s.Clean {
		return s.checkKilled(dir, found)
	}
	for _, f := range s.Files {
		if err := f.check(dir, found); err != nil {
			return err
		}
		delete(found, f.Name)
	}
	for name := range found {
		return folder.Corrupt(dir, name, "it belongs to another moment of the database: the rest of the folder is older or newer than this file")
	}
	return nil
}

// check compares one file with its entry.
func (f Listed) check(dir string, found map[string]int64) error {
	size, is := found[f.Name]
	switch {
	case !is:
		return folder.Corrupt(dir, f.Name, "it is missing")
	case size != f.size:
		return folder.Corrupt(dir, f.Name, "it has %d bytes, not %d", size, f.size)
	}
	print, err := fingerprint(dir, f.Name, size)
	if err == nil && print != f.print {
		err = folder.Corrupt(dir, f.Name, "it is damaged, or was exchanged for another file")
	}
	return err
}
