package badger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/journal"
	"github.com/mythos-project/mythos/store/badger/internal/seal"
	"github.com/mythos-project/mythos/store/badger/internal/table"
	"github.com/mythos-project/mythos/store/kv"
)

// maxLeft is how many bytes of a journal may be left to the next session, which has to read them. Opening Badger for
// writing just to move so little would cost more.
const maxLeft = 256 << 10

// session is the database while this process holds it: Badger, and the journals' content that Badger does not have yet.
// Only the committer writes, and only flush moves a layer, which nobody changes any more.
type session struct {
	dir      string
	db       *badger.DB
	tables   table.Tables // Badger's files, for reading by this package
	readOnly bool         // Badger is open for reading
	merges   bool         // Badger merges tables in the background
	frozen   bool         // nothing in the folder can be written
	wait     bool         // to be closed when close returns
	refused  error        // why nobody may write
	faults   *faults      // what Badger reported
	values   string       // temporary folder that replaces Badger's value folder, or empty

	merging    sync.RWMutex // held to unmap tables
	mu         sync.RWMutex // held to change young and old, or what is in young
	young, old *layer
	missing    missing

	// The seal says which generations of journals are needed. The newest generation is that of young, the one before it
	// that of old; they alternate between the two files.
	seal     *seal.File
	journals [2]*journal.File
	cuts     []kv.Cut     // incomplete records found in the journals when they were opened
	moving   <-chan error // reports whether moving old succeeded; nil: no move is running
	failed   error        // error of the last move
	broken   error        // the journal could not be written: it must be read again
}

// view calls fn with the present database. Badger panics on some kinds of damage; view turns the panic into an error.
func (s *session) view(fn func(view) error) (err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // for a file that is truncated while mapped
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %w: reading it failed with %v", s.dir, store.ErrDamaged, r)
		}
	}()
	return fn(view{s.young, s.old, &s.missing, s.tables, txn})
}

// load reads the journals' content that Badger does not have.
func (s *session) load() error {
	s.young, s.old = &layer{}, &layer{}
	newest := s.seal.Begun
	for i, name := range journal.Names {
		want, into := journal.Expected{Newest: newest}, s.young
		generation := newest
		if newest&1 != uint64(i) {
			generation, into = newest-1, s.old
		}
		if newest > 0 && generation > s.seal.Moved {
			want.Generation, want.Tag, want.End = generation, s.seal.Tags[i], s.seal.Acknowledged(generation)
		}
		var err error
		s.journals[i], err = journal.Open(filepath.Join(s.dir, name), s.flag(), want, func(content []byte) error {
			return journal.EachPut(content, into.add)
		})
		if err != nil {
			return err
		}
		if j := s.journals[i]; j.Cut > 0 {
			s.cuts = append(s.cuts, kv.Cut{File: name, At: j.End, Bytes: j.Cut})
		}
	}
	return nil
}

// flag is the flag for opening files of the folder.
func (s *session) flag() int {
	if s.frozen {
		return os.O_RDONLY
	}
	return os.O_RDWR
}

// current is the journal of the newest generation.
func (s *session) current() *journal.File { return s.journals[s.seal.Begun&1] }

// append makes the puts of a record durable, and then visible. frees says that the update makes room and may use the
// reserve.
func (s *session) append(record []byte, frees bool) error {
	if s.broken != nil {
		return s.broken
	}
	if s.seal.Begun <= s.seal.MovedNow() {
		if err := s.begin(); err != nil {
			return err
		}
	}
	j := s.current()
	if err := j.Reserve(len(record), frees); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	err := j.Append(record)
	if err == nil {
		err = s.seal.Acknowledge(j.End)
	}
	if err != nil {
		s.broken = fmt.Errorf("journal: %w", err)
		return s.broken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return journal.EachPut(journal.Content(record), s.young.add)
}

// begin begins the next generation in the free journal. It makes first the journal durable and then the seal, so that
// the seal never requires something that does not exist.
func (s *session) begin() error {
	ended := s.current().End
	generation := s.seal.Begun + 1
	j := s.journals[generation&1]
	if err := j.Reserve(0, true); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	err := j.Begin(generation)
	if err == nil {
		err = s.seal.Change(func(c *seal.State) {
			c.Begun, c.Ended, c.Tags[generation&1] = generation, uint64(ended), j.Tag
		}, uint64(journal.HeaderSize))
	}
	if err != nil {
		s.broken = fmt.Errorf("journal: %w", err)
	}
	return s.broken
}

// rotate makes the young layer the old one and begins the next journal. The caller makes sure that there is no old
// layer, and calls move.
func (s *session) rotate() error {
	if err := s.begin(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.young, s.old = &layer{}, s.young
	return nil
}

// move writes the old layer to Badger, which syncs it. Its journal is free afterwards.
func (s *session) move() error {
	if err := s.write(s.old, s.seal.Begun-1); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = &layer{}
	s.missing.clear()
	return nil
}

// write puts a layer into Badger, in as many transactions as needed. Repeating it after a crash changes nothing.
// Afterwards the generation counts as moved.
func (s *session) write(l *layer, generation uint64) error {
	t, failed := s.transaction()
	defer func() { t.txn.Discard() }()
	l.puts.Scan(func(key string, value []byte) bool {
		if failed == nil {
			failed = t.set(key, value)
		}
		return failed == nil
	})
	if failed == nil {
		failed = t.commit()
	}
	if err := errors.Join(failed, s.faults.err()); err != nil {
		return err
	}
	return s.seal.Change(func(c *seal.State) { c.Moved, c.Txns = generation, t.number }, s.seal.EndNow())
}

// settle waits until the running move has ended.
func (s *session) settle() {
	if s.moving != nil {
		s.failed = <-s.moving
		s.moving = nil
	}
}

// drain moves everything to Badger, which is open for writing. Nobody appends meanwhile.
func (s *session) drain() error {
	if s.broken != nil {
		return s.broken
	}
	s.settle()
	if s.old.puts.Len() > 0 {
		if s.failed = s.move(); s.failed != nil {
			return s.failed
		}
	}
	if s.young.puts.Len() == 0 {
		return nil
	}
	if s.failed = s.write(s.young, s.seal.Begun); s.failed != nil {
		return s.failed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.young = &layer{}
	s.missing.clear()
	return nil
}

// finish drains a session that is about to be closed, and frees the journals' space.
func (s *session) finish() error {
	if s.readOnly || s.broken != nil {
		return nil // the next session reads it
	}
	if err := s.drain(); err != nil {
		return err
	}
	return errors.Join(s.journals[0].Shrink(), s.journals[1].Shrink())
}

// forgetTables unmaps the tables before Badger merges them, because Badger truncates the tables that it deletes. All of
// them were checked.
func (s *session) forgetTables() {
	s.merging.Lock()
	defer s.merging.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables.Close()
	s.tables = nil
}

// checkTables checks every block of every table.
func (s *session) checkTables() error {
	s.merging.RLock()
	defer s.merging.RUnlock()
	return s.tables.All()
}

// left is how many bytes the next session would have to replay.
func (s *session) left() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.young.bytes + s.old.bytes
}

// close releases the session's resources. The journals keep their content.
func (s *session) close() error {
	var err error
	for _, j := range s.journals {
		if j != nil {
			err = errors.Join(err, j.Close())
		}
	}
	s.tables.Close()
	if s.readOnly && !s.wait {
		// Even then Badger syncs the folder, but nobody needs to wait for that: a reader only has the files open, and
		// others may change them.
		go s.closeReader()
		return errors.Join(err, s.seal.Close())
	}
	if s.readOnly {
		s.closeReader()
	} else if s.db != nil {
		err = errors.Join(err, s.closeWriter())
	}
	return errors.Join(err, s.seal.Close())
}

// closeReader closes Badger, which has written nothing.
func (s *session) closeReader() {
	_ = s.db.Close()
	if s.values != "" {
		_ = os.RemoveAll(s.values)
	}
}

// closeWriter closes Badger and records its remaining files in the seal. Without that record the next session assumes
// that the process was killed.
func (s *session) closeWriter() error {
	if err := errors.Join(s.db.Close(), s.faults.err()); err != nil {
		return err
	}
	files, err := seal.TakeInventory(s.dir)
	if err == nil {
		err = s.seal.Change(func(c *seal.State) { c.Clean, c.Files = true, files }, s.seal.EndNow())
	}
	if err != nil {
		return err
	}
	return forgetCopies(s.dir)
}
