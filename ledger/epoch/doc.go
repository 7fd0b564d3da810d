// Package epoch publishes checkpoints of a log, finds out by them that the log's database was restored from an older
// backup, and begins a new epoch after that (spec/ledger.md#epochs).
//
// Checkpoints are published create-only, with consecutive numbers, outside of the database. The key "l/c/last" has the
// number of the last one and its text: so one read of the next number tells whether there is a checkpoint that the
// database knows nothing of. One that the log does not begin with is ahead: it is kept under "l/c/ahead", and
// nothing is appended until an epoch names it.
package epoch

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/store/kv"
)

// What callers decide on.
var (
	// ErrBehind means that a checkpoint of the log is ahead of it.
	ErrBehind = errors.New("the ledger is behind one of its own checkpoints: its database was restored from an older backup, and nothing is recorded until `mythos ledger new-epoch`")
	// ErrNotBehind means that there is no reason to begin an epoch.
	ErrNotBehind = errors.New("the ledger is not behind any checkpoint that is known here")
	// ErrStranger means that nobody who is trusted here signed the checkpoint that is ahead: no receipt names it.
	ErrStranger = errors.New("no agent that is trusted here signed the checkpoint that is ahead")
)

// Effect is the name of the effect whose receipt begins an epoch.
const Effect = "ledger.epoch"

const (
	lastKey  = kv.LedgerPublished + "last"
	aheadKey = kv.LedgerPublished + "ahead"
)

// maxCheckpoint is the largest checkpoint that is read, in bytes.
const maxCheckpoint = 64 << 10

// Publisher keeps checkpoints by number. What it has once it never changes.
type Publisher interface {
	// Checkpoint reads one of at most max bytes; false: there is none.
	Checkpoint(ctx context.Context, n uint64, max int) (text []byte, found bool, err error)
	// Publish writes one unless there is one of that number.
	Publish(ctx context.Context, n uint64, text []byte) (made bool, err error)
}

// last is the last published checkpoint that the database knows of.
type last struct {
	n      uint64
	size   uint64
	root   [32]byte
	stored []byte // nil: there is none
}

// Behind is ErrBehind with the checkpoint.
type Behind struct {
	Size uint64 // of the checkpoint
	Have uint64 // entries of the log
}

func (b *Behind) Error() string {
	return ErrBehind.Error()
}

// Unwrap gives ErrBehind.
func (b *Behind) Unwrap() error { return ErrBehind }
