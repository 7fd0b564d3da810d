package ledger

import (
	"os"

	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
)

// Rider is a change of the store that shares an update with entries.
type Rider = mlog.Rider

// Decision is the answer to Register.
type Decision struct {
	Action      Action // Invoke or Replay
	IdemID      object.Hash
	Tool        object.Hash
	Key         []byte
	RequestHash object.Hash
	Fence       uint64        // number of this register, by which a tool recognizes a late owner; 0: the effect has no key
	Alive       *os.File      // the lock of the attempt, for the tool's processes to inherit; nil: none
	About       uint64        // for Commit: end only this attempt; 0: whichever it is
	Response    []byte        // for Commit: the response, for those who wait; nil: they read it from the store
	Receipt     []byte        // on Replay: the committed receipt
	Commit      *EffectCommit // on Replay
	Agreed      [][]byte      // for an attempt that is recorded elsewhere: what people agreed to, for its receipt
}

// Awaited is what an attempt leaves for those who wait for it: its committed outcome.
type Awaited struct {
	Decision Decision // Action is Replay
	Body     []byte   // the response; the receipt has its hash
}

// Moment is when an entry was signed and where it stands: the signer states the time, the ledger the place.
type Moment struct {
	Time   object.Time
	Seq    uint64 // of its entry in this ledger
	Placed bool   // the entry is in this ledger
}
