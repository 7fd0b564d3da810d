package badger

import (
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

const (
	// memTable bounds an Update: Badger accepts 15 % of it, 4.8 MB, in one transaction.
	memTable = 32 << 20
	// largeValue is the size from which values go to the value log. Every session that writes to the value log leaves a
	// file, so only values that are too large for the tree go there.
	largeValue = 1 << 20
	// tidyTables is how many tables of small sessions collect before a session merges them. Badger's own compactors
	// seldom run in a short session.
	tidyTables = 8
	compactors = 2 // goroutines that merge tables
)

// badgerOptions makes Badger check every block and value that it reads. Automatic merging is off: merging takes damage
// for the end of a table, so all tables are checked first (start).
func badgerOptions(dir string, log badger.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(log).
		WithMetricsEnabled(false).
		// One sync per transaction; one transaction has many updates. Without it, DB.Sync would miss a log that filled
		// up and was replaced between the transaction and the call.
		WithSyncWrites(true).
		// holder.lock guards the folder. Closing Badger's own lock file would drop its lock, and a child process that
		// was just forked still has the file open.
		WithBypassLockGuard(true).
		WithNumVersionsToKeep(1).
		WithDetectConflicts(false). // there is only one writer at a time
		WithCompression(options.None).
		WithMemTableSize(memTable).
		WithNumMemtables(2).
		WithNumCompactors(0).
		WithChecksumVerificationMode(options.OnBlockRead).
		WithVerifyValueChecksum(true).
		WithValueLogFileSize(64 << 20).
		WithValueThreshold(largeValue).
		// Fewer levels: data seldom moves more than twice.
		WithBaseLevelSize(128 << 20).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0)
}

// mark asks the next session to merge tables, if there are enough.
func (d *DB) mark(db *badger.DB) error {
	if crowdedTables(db) {
		return d.lock.setMark()
	}
	return nil
}

// crowdedTables reports whether there are so many tables that they should be merged.
func crowdedTables(db *badger.DB) bool {
	levels := db.Levels()
	return len(levels) > 0 && levels[0].NumTables >= tidyTables
}

// faults is a badger.Logger that remembers errors: a failed sync of the value log is only logged by Badger.
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

// err returns everything reported so far. A database that could not sync must be opened again before it is trusted.
func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}
