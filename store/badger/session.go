package badger

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// maxLeft is how many bytes may be left in the journal for the next session, which has
// to read them: opening Badger for writing only to move so little would cost more.
const maxLeft = 256 << 10

// session is the database while this process holds it: Badger, and what the journals
// hold that Badger does not have yet. Only who commits writes, and flush moves a layer
// that nobody changes any more.
type session struct {
	dir      string
	db       *badger.DB
	readOnly bool    // Badger is open for reading
	wait     bool    // to be closed when close returns
	faults   *faults // what Badger reported

	mu         sync.RWMutex // held to change young and old, or what is in young
	young, old *layer
	missing    missing

	// Of the two journals one is that of young, by turns; both of one session are
	// replayed by the next, in the order of their generations.
	journals [2]*journal
	current  int
	moving   <-chan error // says whether old has been moved; nil: it is not on its way
	failed   error        // of the last move
	broken   error        // the journal could not be written: what it holds must be read again
}

// view calls fn with the database as it is now.
func (s *session) view(fn func(view) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	return fn(view{s.young, s.old, &s.missing, txn})
}

// load reads the journals.
func (s *session) load() error {
	s.young, s.old = &layer{}, &layer{}
	layers := [2]*layer{{}, {}}
	for i, name := range []string{"journal.0", "journal.1"} {
		var err error
		s.journals[i], err = openJournal(filepath.Join(s.dir, name), func(content []byte) error {
			return eachPut(content, layers[i].add)
		})
		if err != nil {
			return err
		}
	}
	if s.journals[1].generation > s.journals[0].generation {
		s.current = 1
	}
	s.young, s.old = layers[s.current], layers[1-s.current]
	return nil
}

// append makes the puts of a record durable, and then visible.
func (s *session) append(record []byte) error {
	if s.broken != nil {
		return s.broken
	}
	j := s.journals[s.current]
	if err := j.reserve(len(record)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	var err error
	if j.generation == 0 {
		err = j.begin(s.journals[1-s.current].generation + 1)
	}
	if err == nil {
		err = j.append(record)
	}
	if err != nil {
		s.broken = fmt.Errorf("journal: %w", err)
		return s.broken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return eachPut(record[recordHead:], s.young.add)
}

// rotate makes the young layer the old one and begins the next journal. The caller
// has seen to it that there is no old one, and calls move.
func (s *session) rotate() error {
	next := 1 - s.current
	j := s.journals[next]
	if err := j.reserve(0); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := j.begin(s.journals[s.current].generation + 1); err != nil {
		s.broken = fmt.Errorf("journal: %w", err)
		return s.broken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.young, s.old = next, &layer{}, s.young
	return nil
}

// move writes the old layer to Badger, which syncs it, and empties its journal.
func (s *session) move() error {
	if err := s.write(s.old); err != nil {
		return err
	}
	if j := s.journals[1-s.current]; j.generation > 0 {
		if err := j.begin(0); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = &layer{}
	s.missing.clear()
	return nil
}

// write puts a layer into Badger, in as many transactions as it takes: read again
// from its journal after a crash, it changes nothing.
func (s *session) write(l *layer) error {
	txn := s.db.NewTransaction(true)
	defer func() { txn.Discard() }()
	var failed error
	l.puts.Scan(func(key string, value []byte) bool {
		failed = setIn(txn, key, value)
		if errors.Is(failed, badger.ErrTxnTooBig) {
			if failed = txn.Commit(); failed == nil {
				txn = s.db.NewTransaction(true)
				failed = setIn(txn, key, value)
			}
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return errors.Join(txn.Commit(), s.faults.err())
}

func setIn(txn *badger.Txn, key string, value []byte) error {
	if value == nil {
		return txn.Delete([]byte(key))
	}
	return txn.Set([]byte(key), value)
}

// settle waits for the layer that is being moved.
func (s *session) settle() {
	if s.moving != nil {
		s.failed = <-s.moving
		s.moving = nil
	}
}

// drain moves everything to Badger, which is open for writing.
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
	if err := s.rotate(); err != nil {
		return err
	}
	s.failed = s.move()
	return s.failed
}

// finish drains what is about to be closed, and gives the journals' space back.
func (s *session) finish() error {
	if s.readOnly || s.broken != nil {
		return nil // the next session reads it
	}
	if err := s.drain(); err != nil {
		return err
	}
	return errors.Join(s.journals[0].shrink(), s.journals[1].shrink())
}

// left is how many bytes the next session would have to replay.
func (s *session) left() int64 { return s.young.bytes + s.old.bytes }

// close gives up what the session holds. What is in the journals stays there.
func (s *session) close() error {
	var err error
	for _, j := range s.journals {
		if j != nil {
			err = errors.Join(err, j.close())
		}
	}
	if s.readOnly && !s.wait {
		// Badger syncs the folder even so, for which nobody needs to wait: what only
		// reads has the files open, and others may change them.
		go s.db.Close() //nolint:errcheck // nothing was written
		return err
	}
	return errors.Join(err, s.db.Close())
}
