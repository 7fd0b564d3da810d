package kvledger

import (
	"context"
	"os"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Holders knows which attempts are under way, whatever any clock says
// (spec/ledger.md#presence). An attempt takes its effect's lock before it is registered,
// and the lock is free as soon as all that belongs to the attempt has ended, by whatever
// death. A Holders is safe for concurrent use.
type Holders interface {
	// Hold takes an effect's lock; nil without an error: another attempt has it.
	Hold(idem object.Hash) (Hold, error)
	// Look says what is known of an effect's latest attempt.
	Look(idem object.Hash) (ledger.Presence, error)
	// Await waits until nobody has an effect's lock. It returns what the attempt that had
	// it left for those who waited ([Hold].Leave), if anything.
	Await(ctx context.Context, idem object.Hash) ([]byte, error)
}

// Insider is an optional ability of Holders: to know whether this process belongs to the
// attempt that has an effect's lock. Without it, such a process waits for itself.
type Insider interface{ Inside(idem object.Hash) bool }

// Hold is a lock that is held.
type Hold interface {
	// File is the lock as an open file, for the processes of the attempt to inherit.
	File() *os.File
	// Awaited reports whether somebody has waited since the lock was taken.
	Awaited() bool
	// Leave leaves something for those who wait. It is there when Drop lets them go.
	Leave(data []byte) error
	// Drop frees the lock. Settled: the attempt has an outcome, so that nobody needs to
	// know any more that it ended.
	Drop(settled bool)
}

// tidy frees what is left of the lock of an attempt that ended elsewhere, once it has an
// outcome.
func (l *Ledger) tidy(idem object.Hash) {
	if l.Holders == nil {
		return
	}
	if h, err := l.Holders.Hold(idem); err == nil && h != nil {
		h.Drop(true)
	}
}
