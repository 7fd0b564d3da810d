package ledger

import (
	"os"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// Rider is what shares an update with entries.
type Rider = mlog.Rider

// Decision is the answer to Register.
type Decision struct {
	Action      Action // Invoke or Replay
	IdemID      object.Hash
	Tool        object.Hash
	Key         []byte
	RequestHash object.Hash
	Fence       uint64        // number of this register; a tool can tell a late owner by it. 0: the effect has no key
	Alive       *os.File      // the lock of the attempt, for the tool's processes to inherit; nil: there is none
	About       uint64        // for Commit: only this attempt may be ended; 0: whichever it is
	Response    []byte        // for Commit: the response, for those who wait; nil: they read it from the store
	Receipt     []byte        // on Replay: the committed receipt
	Commit      *EffectCommit // on Replay
	Agreed      [][]byte      // of an attempt that is recorded elsewhere: what people agreed to, for its receipt
}

// Awaited is what an attempt left for those who waited for it: its committed outcome.
type Awaited struct {
	Decision Decision // Action is Replay
	Body     []byte   // the response; its hash is that of the receipt
}

// Moment is when something was signed, and where it stands: its signer gives the time,
// the ledger the place.
type Moment struct {
	Time   object.Time
	Seq    uint64 // of its entry in the ledger here
	Placed bool   // it has an entry
}
