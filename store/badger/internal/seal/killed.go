package seal

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"github.com/mythos-project/mythos/store/badger/internal/folder"
	"github.com/mythos-project/mythos/store/badger/internal/table"
)

// rewriting is the size in bytes from which Badger may have rewritten MANIFEST.
const rewriting = 64 << 10

// checkKilled compares the folder with the inventory of the last proper close, after the process that had Badger open
// for writing was killed. MANIFEST only grows, so it must still begin as it did then; the tables that it names must be
// there.
func (s *State) checkKilled(dir string, found map[string]int64) error {
	for _, f := range s.Files {
		size, is := found[f.Name]
		switch {
		case f.Name == registryName:
			if err := f.check(dir, found); err != nil {
				return err
			}
		case f.Name == Manifest:
			if err := s.checkManifest(dir, f, size); err != nil {
				return err
			}
		case filepath.Ext(f.Name) == ValueExt && f.size > 20: // Badger drops empty ones
			if !is {
				return folder.Corrupt(dir, f.Name, "it is missing")
			}
			if size < f.size {
				return folder.Corrupt(dir, f.Name, "it has %d bytes, not %d", size, f.size)
			}
		}
	}
	if _, is := found[Manifest]; !is && (len(found) > 0 && s.Txns > 0 || s.Moved > 0) {
		return folder.Corrupt(dir, Manifest, "it is missing")
	}
	names, err := s.Tables(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, is := found[name]; !is {
			return folder.Corrupt(dir, name, "it is missing")
		}
		if f, is := s.listed(name); is {
			if err := f.check(dir, found); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *State) checkManifest(dir string, f Listed, size int64) error {
	if size < f.size {
		if size > 0 && f.size >= rewriting {
			return nil // MANIFEST was rewritten; tables that it does not list are looked for
		}
		return folder.Corrupt(dir, f.Name, "it is missing, or was cut off: it had %d bytes", f.size)
	}
	sum, err := sumOf(filepath.Join(dir, f.Name), 0, f.size)
	if err == nil && sum != f.print && f.size < rewriting {
		err = folder.Corrupt(dir, f.Name, "it is damaged, or was exchanged for another file")
	}
	return err
}

// Tables are the names of the tables that MANIFEST lists. For a properly closed folder they come from the inventory.
func (s *State) Tables(dir string) (names []string, err error) {
	if s.Clean {
		for _, f := range s.Files {
			if table.Is(f.Name) {
				names = append(names, f.Name)
			}
		}
		return names, nil
	}
	f, err := folder.Open(filepath.Join(dir, Manifest), os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // the database was being made
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, 0, badger.DefaultOptions(dir).WithLogger(nil))
	if err != nil {
		return nil, folder.Corrupt(dir, Manifest, "%v", err)
	}
	for id := range m.Tables {
		names = append(names, table.Name(id))
	}
	return names, nil
}
