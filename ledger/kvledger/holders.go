package kvledger

import (
	"context"
	"os"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Holders knows which attempts are under way, regardless of clocks (spec/ledger.md#presence). An attempt takes its
// effect's lock before it is registered. The lock becomes free as soon as every process of the attempt has ended,
// however it ended. A Holders is safe for concurrent use.
type Holders interface {
	// Hold takes an effect's lock. It returns nil without an error if another attempt has it.
	Hold(idem object.Hash) (Hold, error)
	// Look returns what is known of an effect's latest attempt.
	Look(idem object.Hash) (ledger.Presence, error)
	// Await waits until nobody has an effect's lock. It returns what the previous holder left for those who waited
	// ([Hold].Leave), if anything.
	Await(ctx context.Context, idem object.Hash) ([]byte, error)
}

// Insider is an optional ability of Holders: it reports whether this process belongs to the attempt that has an
// effect's lock. Without it, such a process would wait for itself.
type Insider interface{ Inside(idem object.Hash) bool }

// Hold is a lock that is held.
type Hold interface {
	// File is the lock as an open file, which the processes of the attempt inherit.
	File() *os.File
	// Awaited reports whether somebody has waited since the lock was taken.
	Awaited() bool
	// Leave stores something for those who wait. Drop hands it over.
	Leave(data []byte) error
	// Drop frees the lock. settled means that the attempt has an outcome, so nobody needs to know any more that it
	// ended.
	Drop(settled bool)
}

// tidy frees the remains of the lock of an attempt that ended elsewhere, once it has an outcome.
func (l *Ledger) tidy(idem object.Hash) {
	if l.Holders == nil {
		return
	}
	if h, err := l.Holders.Hold(idem); err == nil && h != nil {
		h.Drop(true)
	}
}
