package badger

import (
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

const (
	// memTable bounds an Update: Badger takes 15 % of it in one transaction, 4.8 MB.
	memTable = 32 << 20
	// largeValue is where the value log begins. Every session that writes to the
	// value log leaves a file of its own, so only what is too large for the tree goes there.
	largeValue = 1 << 20
	// tidyTables is how many tables of small sessions pile up before one of them
	// merges them: Badger's own compactors seldom get to run in a short session.
	tidyTables = 8
	compactors = 2 // goroutines that merge tables
)

// badgerOptions has Badger check every block and value that it reads. It does not merge
// tables by itself: that reads them in ways that take damage for the end of a table, so
// that all are checked before (start).
func badgerOptions(dir string, log badger.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(log).
		WithMetricsEnabled(false).
		// One sync a transaction, and one transaction is made of many
		// updates. Without it, DB.Sync would miss a log that was full and
		// changed for the next one between the transaction and the call.
		WithSyncWrites(true).
		// holder.lock guards the folder. Badger's own lock is dropped by closing its
		// file, and a child process that has just been forked still has that open.
		WithBypassLockGuard(true).
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false). // there is one writer at a time
		WithCompression(options.None).
		WithMemTableSize(memTable).
		WithNumMemtables(2).
		WithNumCompactors(0).
		WithChecksumVerificationMode(options.OnBlockRead).
		WithVerifyValueChecksum(true).
		WithValueLogFileSize(64 << 20).
		WithValueThreshold(largeValue).
		// Fewer levels: what is written seldom moves more than twice.
		WithBaseLevelSize(128 << 20).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0)
}

// mark asks the next session to tidy up, when there is enough to tidy.
func (d *DB) mark(db *badger.DB) error {
	if crowdedTables(db) {
		return d.lock.setMark()
	}
	return nil
}

// crowdedTables reports whether so many tables have piled up that they should be merged.
func crowdedTables(db *badger.DB) bool {
	levels := db.Levels()
	return len(levels) > 0 && levels[0].NumTables >= tidyTables
}

// faults is a badger.Logger that remembers errors: Badger only logs that the sync
// of its value log failed.
type faults struct {
	mu   sync.Mutex
	errs []error
}

// Errorf implements badger.Logger.
func (f *faults) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.errs) < 8 {
		f.errs = append(f.errs, fmt.Errorf(format, args...))
	}
}

// Warningf implements badger.Logger.
func (f *faults) Warningf(string, ...any) {}

// Infof implements badger.Logger.
func (f *faults) Infof(string, ...any) {}

// Debugf implements badger.Logger.
func (f *faults) Debugf(string, ...any) {}

// err is everything reported so far: a database that could not sync is not to be
// trusted until it was opened anew.
func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}
