package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/folder"
	"github.com/mythos-project/mythos/store/badger/internal/journal"
	"github.com/mythos-project/mythos/store/badger/internal/seal"
	"github.com/mythos-project/mythos/store/badger/internal/table"
)

// start opens Badger and the journals while this process holds the lock. It first compares the folder with its seal:
// Badger itself takes a folder without MANIFEST for a new one, and deletes the tables in it.
func (d *DB) start(write bool) (*session, error) {
	s, err := d.unseal()
	if err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, errors.Join(err, s.seal.Close())
	}
	switch {
	case s.frozen && !s.seal.Clean:
		err = fmt.Errorf("%w: the process that wrote last was killed, and what it left must be put in order first: run a command where the folder can be written", store.ErrReadOnly)
	case s.frozen || (!write && s.seal.Clean):
		err = s.openToRead()
	default:
		err = d.openToWrite(s)
	}
	if err != nil {
		s.tables.Close()
		return nil, errors.Join(err, s.seal.Close())
	}
	s.tables.Locate(s.db.Tables())
	if err := s.load(); err != nil {
		return nil, errors.Join(err, s.abandon())
	}
	return s, nil
}

// unseal reads the seal, or makes one in a new folder.
func (d *DB) unseal() (*session, error) {
	s := &session{dir: d.dir, faults: &faults{}}
	var err error
	if d.opts.Refuse != nil {
		s.refused = d.opts.Refuse()
	}
	s.seal, err = seal.Read(d.dir, os.O_RDWR)
	if unwritable(err) {
		s.frozen = true
		s.seal, err = seal.Read(d.dir, os.O_RDONLY)
	}
	if errors.Is(err, fs.ErrNotExist) {
		s.seal, err = d.newSeal()
	}
	if err != nil {
		return nil, err
	}
	if d.opts.ID != ([seal.IDSize]byte{}) && d.opts.ID != s.seal.ID {
		return nil, errors.Join(folder.Corrupt(d.dir, seal.Name, "this is the database of another repository"), s.seal.Close())
	}
	return s, nil
}

// unwritable reports whether a file could not be opened because nothing may be written.
func unwritable(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission)
}

// forbidden is why nothing can be written; nil: it can.
func (s *session) forbidden() error {
	if s.frozen {
		return errFrozen(s.dir)
	}
	return s.refused
}

// errFrozen is the error of an update in such a folder.
func errFrozen(dir string) error {
	return fmt.Errorf("%s is %w: its files cannot be written by this user", dir, store.ErrReadOnly)
}

// newSeal starts a new database.
func (d *DB) newSeal() (*seal.File, error) {
	found, err := seal.Present(d.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range journal.Names {
		size, begun, err := journal.Begun(filepath.Join(d.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		// If no database was made yet, journals of zeros come from an interrupted start.
		if d.opts.Existing || begun {
			found[name] = size
		}
	}
	if len(found) > 0 {
		return nil, folder.Corrupt(d.dir, seal.Name, "it is missing, so that nobody can tell whether the database is whole")
	}
	if d.opts.Existing {
		return nil, fmt.Errorf("%w: %s is empty: the database is gone", store.ErrDamaged, d.dir)
	}
	for _, name := range journal.Names { // now, while there is room: removals on a full disk need the journals
		if err := journal.Make(filepath.Join(d.dir, name)); err != nil {
			return nil, err
		}
	}
	return seal.Make(d.dir)
}

// check compares the folder with the seal and maps the tables.
func (s *session) check() error {
	if err := s.seal.CheckFiles(s.dir); err != nil {
		return err
	}
	names, err := s.seal.Tables(s.dir)
	if err != nil {
		return err
	}
	s.tables, err = table.Open(s.dir, names)
	return err
}

// openToRead opens Badger for reading, which takes a tenth of the time and makes no files.
func (s *session) openToRead() (err error) {
	o := badgerOptions(s.dir, s.faults).WithReadOnly(true)
	if s.frozen {
		if s.values, err = valueFolder(s.dir); err != nil {
			return err
		}
		o = o.WithValueDir(s.values)
	}
	s.readOnly = true
	s.db, err = openBadger(o, s.faults)
	if err != nil && s.values != "" {
		err = errors.Join(err, os.RemoveAll(s.values))
	}
	return err
}

// valueFolder makes a temporary folder that replaces Badger's value folder. Badger writes to its value folder even if
// opened for reading.
func valueFolder(dir string) (string, error) {
	to, err := os.MkdirTemp("", "mythos-values-")
	if err != nil {
		return "", err
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*"+seal.ValueExt))
	for _, log := range logs {
		abs, aerr := filepath.Abs(log)
		err = errors.Join(err, aerr, os.Symlink(abs, filepath.Join(to, filepath.Base(log))))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(to))
	}
	return to, nil
}

// openToWrite opens Badger for writing. It first says so in the seal, durably: from then on files come and go.
func (d *DB) openToWrite(s *session) error {
	if err := d.mayOpen(); err != nil {
		return err
	}
	tidy, err := d.lock.takeMark()
	if err != nil {
		return err
	}
	o := badgerOptions(s.dir, s.faults)
	if tidy = d.compact.Swap(false) || tidy; tidy {
		if err := s.tables.All(); err != nil {
			return err
		}
		s.forgetTables()
		o, s.merges = o.WithNumCompactors(compactors).WithCompactL0OnClose(true), true
	}
	killed := !s.seal.Clean && s.seal.Epoch > 0
	if killed {
		err = s.rescue()
	} else {
		err = s.seal.Change(func(c *seal.State) { c.Clean, c.Epoch, c.Txns = false, c.Epoch+1, 0 }, s.seal.EndNow())
	}
	if err != nil {
		return err
	}
	if s.db, err = openBadger(o, s.faults); err != nil {
		return err
	}
	if killed {
		if err := s.checkMarkers(); err != nil {
			return errors.Join(err, s.db.Close())
		}
	}
	return nil
}

// abandon closes everything without recording anything.
func (s *session) abandon() error {
	s.tables.Close()
	err := s.db.Close()
	for _, j := range s.journals {
		if j != nil {
			err = errors.Join(err, j.Close())
		}
	}
	if s.values != "" {
		err = errors.Join(err, os.RemoveAll(s.values))
	}
	return errors.Join(err, s.seal.Close())
}

// exhausted reports whether this process or machine ran out of a resource, which says nothing about the database. Some
// of Badger's errors have only the text of the system's error.
func exhausted(err error) bool {
	return err != nil && slices.ContainsFunc([]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM}, func(e syscall.Errno) bool {
		return errors.Is(err, e) || strings.Contains(err.Error(), e.Error())
	})
}

// openBadger opens Badger. On some kinds of damage Badger panics; on others it only logs and continues without a table.
func openBadger(o badger.Options, f *faults) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("%w: opening it failed with %v", store.ErrDamaged, r)
		}
	}()
	db, err = badger.Open(o)
	switch {
	case errors.Is(err, syscall.ENOSPC) || unwritable(err) || exhausted(err):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", store.ErrDamaged, err)
	case f.err() != nil:
		return nil, errors.Join(fmt.Errorf("%w: %w", store.ErrDamaged, f.err()), db.Close())
	}
	return db, nil
}
