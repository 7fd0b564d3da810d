package ledger

import (
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// Status is where an effect stands.
type Status uint8

// The states of an effect.
const (
	StatusNone         Status = iota // never registered
	StatusPending                    // registered, the lease lives
	StatusUnknown                    // registered, the lease ran out without a commit
	StatusCommitted                  // it ended; replayed from now on
	StatusDivergent                  // its history contradicts itself
	StatusAbandoned                  // an operator decided that it shall not run again
	StatusReleased                   // an operator decided that it may run again
	StatusUnverifiable               // its history has a commit by a key that nobody here knows
)

var statusNames = [...]string{"none", "pending", "unknown", "committed", "divergent", "abandoned", "released", "unverifiable"}

func (s Status) String() string {
	if int(s) >= len(statusNames) {
		return fmt.Sprintf("status(%d)", uint8(s))
	}
	return statusNames[s]
}

// StatusNames lists the words for the states, by their number.
func StatusNames() []string { return slices.Clone(statusNames[:]) }

// ParseStatus is the reverse of String.
func ParseStatus(name string) (Status, error) {
	if i := slices.Index(statusNames[:], name); i >= 0 {
		return Status(i), nil
	}
	return StatusNone, fmt.Errorf("%q is no state of an effect (they are %v)", name, statusNames)
}

// State is an effect's history and what follows from it.
type State struct {
	IdemID       object.Hash
	History      []Entry
	Request      *object.Hash    // the request that the key stands for; nil: never registered
	Register     *EffectRegister // the latest since the last resolution
	Commit       *EffectCommit   // the one that is replayed
	Receipt      []byte          // the canonical receipt of that commit
	Mark         *DivergenceMark // the first that no resolution has settled
	Decision     *Resolution     // the latest
	Fence        uint64          // the number of registers
	Unverifiable bool            // a commit's signer is not known here

	places []byte // the history's index as it is stored; nil: there is none
}

// At says where the effect stands at a point in time.
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
	case s.Register == nil && s.Request != nil:
		return StatusReleased
	case s.Register == nil:
		return StatusNone
	case now < s.Register.LeaseExpiresAt:
		return StatusPending
	}
	return StatusUnknown
}

func (s State) abandoned() bool {
	return s.Decision != nil && s.Decision.Decision == ResolveAbandon
}

// Fold computes the state from a history, oldest entry first. It does not judge
// the history: see [Audit].
func Fold(idem object.Hash, history []Entry) State {
	s := State{IdemID: idem, History: make([]Entry, 0, len(history))}
	for _, e := range history {
		s.add(e)
	}
	return s
}

// add appends an entry to the state.
func (s *State) add(e Entry) {
	s.History = append(s.History, e)
	switch {
	case e.Register != nil:
		s.Fence++
		s.Register = e.Register
		if s.Request == nil {
			s.Request = &e.Register.RequestHash
		}
	case e.Commit != nil:
		s.Unverifiable = s.Unverifiable || e.Unverified
		if s.Commit == nil && s.Request != nil && e.Commit.RequestHash == *s.Request {
			s.Commit, s.Receipt = e.Commit, s.receiptOf(e.Commit)
		}
	case e.Mark != nil:
		if s.Mark == nil {
			s.Mark = e.Mark
		}
	case e.Resolution != nil && !e.Unverified:
		s.resolve(e.Resolution)
	}
}

func (s *State) resolve(r *Resolution) {
	s.Decision = r
	switch r.Decision {
	case ResolveRetry: // what was before counts no longer, but the key still stands for its request
		s.Register, s.Commit, s.Receipt, s.Mark = nil, nil, nil, nil
	case ResolveAccept:
		if c := s.accepted(r.Evidence); c != nil {
			s.Commit, s.Receipt, s.Request, s.Mark = c, s.receiptOf(c), &c.RequestHash, nil
		}
	}
}

// accepted is the recorded commit whose receipt the evidence names; nil when
// there is none, or more than one.
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

// receiptOf is the canonical receipt of a commit of this history.
func (s *State) receiptOf(c *EffectCommit) []byte {
	for i := len(s.History) - 1; i >= 0; i-- {
		if e := &s.History[i]; e.Receipt != nil && e.Receipt.ReceiptID == c.ReceiptID {
			return e.Raw
		}
	}
	return nil
}

// recorded reports whether the history has a commit of this very receipt.
func (s *State) recorded(receipt object.Hash) bool {
	return slices.ContainsFunc(s.History, func(e Entry) bool { return e.Commit != nil && e.Commit.ReceiptID == receipt })
}
