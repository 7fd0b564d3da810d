package ledger

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// Status is the state of an effect.
type Status uint8

// The states of an effect.
const (
	StatusNone         Status = iota // never registered
	StatusPending                    // registered, and the attempt is under way
	StatusUnknown                    // registered, and the attempt ended without an outcome
	StatusCommitted                  // it ended, and is replayed from now on
	StatusDivergent                  // its history contradicts itself
	StatusAbandoned                  // an operator decided that it must not run again
	StatusReleased                   // it may run again: an operator decided so, or it did not start
	StatusUnverifiable               // its history has a commit by a key that is unknown here
)

var statusNames = [...]string{"none", "pending", "unknown", "committed", "divergent", "abandoned", "released", "unverifiable"} // [led-57]

func (s Status) String() string {
	if int(s) >= len(statusNames) {
		return fmt.Sprintf("status(%d)", uint8(s))
	}
	return statusNames[s]
}

// StatusNames lists the names of the states, by number.
func StatusNames() []string { return slices.Clone(statusNames[:]) }

// ParseStatus is the reverse of String.
func ParseStatus(name string) (Status, error) {
	if i := slices.Index(statusNames[:], name); i >= 0 {
		return Status(i), nil
	}
	return StatusNone, fmt.Errorf("%q is not a state of an effect (they are %v)", name, statusNames)
}

// State is an effect's history and its consequences.
type State struct {
	IdemID       object.Hash
	History      []Entry
	Request      *object.Hash    // the request of the key; nil: never registered
	Register     *EffectRegister // the latest since the last resolution
	Commit       *EffectCommit   // the commit that is replayed
	Receipt      []byte          // the canonical receipt of that commit
	Mark         *DivergenceMark // the first mark that no resolution has settled
	Decision     *Resolution     // the latest
	Fence        uint64          // the number of registers
	Stopped      *Resolution     // the owner's statement that the latest attempt was stopped
	Unverifiable bool            // a commit's signer is unknown here

	// Presence and Renewed are not part of the history. They describe the latest attempt while it has no outcome; the
	// reader of the history sets them.
	Presence Presence
	Renewed  object.Time // when its renewed lease ends; 0: never renewed

	// Index is the history's index at the time of reading; nil: none. It serves as a version: an append succeeds only
	// if the index is unchanged.
	Index []byte

	firm          bool          // the key keeps its request, whatever happens to the latest attempt
	failed        *EffectCommit // the failure that the latest attempt retries
	failedReceipt []byte
}

// Presence is what is known of the process that made an attempt.
type Presence uint8

// Values of a Presence.
const (
	Unseen Presence = iota // nobody here can tell: the lease decides
	Held                   // its process, or one that it started, is running
	Gone                   // all of that has ended
)

// At is the state of the effect at a point in time.
func (s State) At(now object.Time) Status {
	switch {
	case s.Unverifiable:
		return StatusUnverifiable
	case s.abandoned():
		return StatusAbandoned
	case s.Mark != nil:
		return StatusDivergent
	case s.Commit != nil:
		return StatusCommitted
	case s.Register == nil && s.Fence > 0:
		return StatusReleased
	case s.Register == nil:
		return StatusNone
	case s.Stopped != nil, s.Presence == Gone:
		return StatusUnknown
	case s.Presence == Held, now < s.leaseEnd():
		return StatusPending
	}
	return StatusUnknown
}

// leaseEnd is when the lease of the latest attempt ends.
func (s State) leaseEnd() object.Time { return max(s.Register.LeaseExpiresAt, s.Renewed) }

// Open reports whether the latest attempt has neither an outcome nor a decision about it.
func (s State) Open() bool {
	return s.Register != nil && s.Commit == nil && s.Mark == nil && s.Stopped == nil && !s.abandoned() && !s.Unverifiable
}

// ownedBy reports whether the process that asks now made the latest attempt.
func (s State) ownedBy(a Attempt) bool {
	r := s.Register
	return r.Owner.Same(a.Owner) && (r.Instance == nil || bytes.Equal(r.Instance, a.Instance))
}

// Failed reports whether a status means that the tool failed.
func Failed(status uint16) bool { return status >= 300 }

// StatusPermanent is the status of a failure that another try does not fix.
const StatusPermanent uint16 = 422

// Retryable reports whether an effect with this status may be tried again under its key.
func Retryable(status uint16) bool { return Failed(status) && status != StatusPermanent }

func (s State) abandoned() bool {
	return s.Decision != nil && s.Decision.Decision == ResolveAbandon
}

// Fold computes the state from a history, oldest entry first. It does not judge
// the history: see [Audit].
func Fold(idem object.Hash, history []Entry) State {
	s := State{IdemID: idem, History: make([]Entry, 0, len(history))}
	for _, e := range history {
		s.Add(e)
	}
	return s
}

// Add appends an entry to the state.
func (s *State) Add(e Entry) {
	s.History = append(s.History, e)
	switch {
	case e.Register != nil:
		s.register(e.Register)
	case e.Commit != nil:
		s.Unverifiable = s.Unverifiable || e.Unverified
		s.commit(e.Commit)
	case e.Mark != nil:
		if s.Mark == nil {
			s.Mark = e.Mark
		}
	case e.Resolution != nil && !e.Unverified:
		s.resolve(e.Resolution)
	}
}

func (s *State) register(r *EffectRegister) {
	s.firm = s.firm || s.Register != nil
	if s.Commit != nil { // retrying a failure: it counts until there is another outcome
		s.failed, s.failedReceipt = s.Commit, s.Receipt
		s.Commit, s.Receipt = nil, nil
	}
	s.Fence++
	s.Register, s.Stopped = r, nil
	if s.Request == nil {
		s.Request = &r.RequestHash
	}
}

func (s *State) commit(c *EffectCommit) {
	s.firm = true
	if s.Request == nil && s.Fence > 0 { // its attempt was released, but it happened after all
		s.Request = &c.RequestHash
	}
	if s.Commit == nil && s.Request != nil && c.RequestHash == *s.Request {
		s.Commit, s.Receipt = c, s.receiptOf(c)
	}
}

// release takes back an attempt that did not start: the state before it counts again.
func (s *State) release() {
	s.Register = nil
	if s.failed != nil {
		s.Commit, s.Receipt = s.failed, s.failedReceipt
	} else if !s.firm {
		s.Request = nil
	}
}

// owns reports whether r is about the latest attempt, that attempt has no outcome, and its owner signed r.
func (s *State) owns(r *Resolution) bool {
	return s.Open() && r.About != nil && *r.About == s.Fence && s.Register.Owner.Same(r.Signer)
}

func (s *State) resolve(r *Resolution) {
	if r.ByOwner() {
		switch {
		case !s.owns(r):
		case r.Decision == ResolveRelease:
			s.release()
		default:
			s.Stopped, s.firm = r, true
		}
		return
	}
	s.Decision, s.firm = r, true
	switch r.Decision {
	case ResolveRetry: // earlier entries no longer count, but the key keeps its request
		s.Register, s.Commit, s.Receipt, s.Mark = nil, nil, nil, nil
		s.Stopped, s.failed, s.failedReceipt = nil, nil, nil
	case ResolveAccept:
		if c := s.accepted(r.Evidence); c != nil {
			s.Commit, s.Receipt, s.Request, s.Mark = c, s.receiptOf(c), &c.RequestHash, nil
		}
	}
}

// accepted is the recorded commit whose receipt the evidence names; nil when there is none or more than one.
func (s *State) accepted(evidence []object.Hash) *EffectCommit {
	var found *EffectCommit
	for i := range s.History {
		c := s.History[i].Commit
		if c == nil || s.History[i].Unverified || !slices.Contains(evidence, c.ReceiptID) {
			continue
		}
		if found != nil && found.ReceiptID != c.ReceiptID {
			return nil
		}
		found = c
	}
	return found
}

// receiptOf is the canonical receipt of a commit in this history.
func (s *State) receiptOf(c *EffectCommit) []byte {
	for i := len(s.History) - 1; i >= 0; i-- {
		if e := &s.History[i]; e.Receipt != nil && e.Receipt.ReceiptID == c.ReceiptID {
			return e.Raw
		}
	}
	return nil
}

// Recorded reports whether the history has a commit of this receipt.
func (s *State) Recorded(receipt object.Hash) bool {
	return slices.ContainsFunc(s.History, func(e Entry) bool { return e.Commit != nil && e.Commit.ReceiptID == receipt })
}

// Withdrawn reports whether an attempt's owner stated, with this receipt, that the attempt has no outcome.
func (s *State) Withdrawn(receipt object.Hash) bool {
	return slices.ContainsFunc(s.History, func(e Entry) bool {
		return e.Resolution != nil && e.Resolution.ByOwner() && slices.Contains(e.Resolution.Evidence, receipt)
	})
}
