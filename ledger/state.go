package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mythos-project/mythos/object"
)

// Why an effect may not run. Callers decide on them with errors.Is.
var (
	ErrBusy                = errors.New("lease is held")
	ErrIdempotencyConflict = errors.New("key was used with another request (IdempotencyConflict)")
	ErrNonDeterministic    = errors.New("same request gave another response (NonDeterministicEffect)")
	ErrDivergent           = errors.New("history is divergent")
	ErrUnknownOutcome      = errors.New("lease ran out without a commit: the effect may or may not have happened")
	ErrAbandoned           = errors.New("was abandoned by an operator's decision")
	ErrNotRegistered       = errors.New("was not registered")
)

// BusyError says who holds the lease and until when.
type BusyError struct {
	IdemID object.Hash
	Owner  object.AgentID
	Until  object.Time
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("effect %s: %v by %s until %s", e.IdemID.Short(), ErrBusy, e.Owner, e.Until)
}

// Unwrap gives ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// ConflictError says which hashes contradict one another.
type ConflictError struct {
	IdemID   object.Hash
	Reason   uint8 // of the DivergenceMark
	Evidence []object.Hash
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("effect %s: %v: %v", e.IdemID.Short(), e.Unwrap(), e.Evidence)
}

// Unwrap gives ErrIdempotencyConflict, ErrNonDeterministic or ErrDivergent.
func (e *ConflictError) Unwrap() error {
	switch e.Reason {
	case RequestHashConflict:
		return ErrIdempotencyConflict
	case ResponseHashConflict:
		return ErrNonDeterministic
	}
	return ErrDivergent
}

// RetryMode says what may happen to an effect whose outcome is unknown.
type RetryMode uint8

// The modes of a tool's retry policy.
const (
	Block RetryMode = iota // an operator settles it
	Retry                  // it may run again: the tool is safe to repeat
	Probe                  // a second tool asks the outside system; until then as Block
)

// Policy is a tool's policy, as far as the ledger is concerned.
type Policy struct {
	Retry RetryMode
	Lease time.Duration // how long the owner has before others can take over
}

// Status is where an effect stands.
type Status uint8

// The states of an effect.
const (
	StatusNone      Status = iota // never registered
	StatusPending                 // registered, the lease lives
	StatusUnknown                 // registered, the lease ran out without a commit
	StatusCommitted               // it ended; replayed from now on
	StatusDivergent               // its history contradicts itself
	StatusAbandoned               // an operator decided that it shall not run again
	StatusReleased                // an operator decided that it may run again
)

var statusNames = [...]string{"none", "pending", "unknown", "committed", "divergent", "abandoned", "released"}

func (s Status) String() string { return statusNames[s] }

// State is an effect's history and what follows from it.
type State struct {
	IdemID   object.Hash
	History  []Entry
	Register *EffectRegister // the latest
	First    *EffectRegister // the first since the last release
	Commit   *EffectCommit
	Receipt  []byte // the canonical receipt of the commit
	Mark     *DivergenceMark
	Decision *Resolution
	Fence    uint64 // of the latest register
}

// At says where the effect stands at a point in time.
func (s State) At(now object.Time) Status {
	switch {
	case s.Decision != nil && s.Decision.Decision == ResolveAbandon:
		return StatusAbandoned
	case s.Mark != nil:
		return StatusDivergent
	case s.Commit != nil:
		return StatusCommitted
	case s.Decision != nil && s.Register == nil:
		return StatusReleased
	case s.Register == nil:
		return StatusNone
	case now < s.Register.LeaseExpiresAt:
		return StatusPending
	}
	return StatusUnknown
}

// Fold computes the state from a history, oldest entry first.
func Fold(idem object.Hash, history []Entry) State {
	s := State{IdemID: idem, History: history}
	for i := range history {
		e := &history[i]
		switch {
		case e.Register != nil:
			s.Fence++
			s.Register = e.Register
			if s.First == nil {
				s.First = e.Register
			}
		case e.Receipt != nil:
			if s.Commit == nil {
				s.Receipt = e.Raw
			}
		case e.Commit != nil:
			if s.Commit == nil {
				s.Commit = e.Commit
			}
		case e.Mark != nil:
			s.Mark = e.Mark
		case e.Resolution != nil:
			s.Decision = e.Resolution
			if e.Resolution.Decision == ResolveRetry { // what was before counts no longer
				s.Register, s.First, s.Commit, s.Receipt, s.Mark = nil, nil, nil, nil, nil
			}
		}
	}
	return s
}

// Action is what a decision asks for.
type Action uint8

// The actions.
const (
	Invoke Action = iota + 1 // append the register, then invoke the tool
	Replay                   // answer from the commit
	Mark                     // append the mark, then refuse with its error
	Refuse                   // refuse
)

// Verdict is the answer of the state machine.
type Verdict struct {
	Action   Action
	Reason   uint8         // of the mark
	Evidence []object.Hash // of the mark
	Err      error         // for Mark and Refuse
}

// Request is somebody's wish to run an effect.
type Request struct {
	Owner       object.AgentID
	RequestHash object.Hash
	Policy      Policy
	Now         object.Time
}

// Decide says what becomes of a request (spec/ledger.md#register). It is pure.
func Decide(s State, r Request) Verdict {
	status := s.At(r.Now)
	if s.First != nil && s.First.RequestHash != r.RequestHash {
		return conflict(s, RequestHashConflict, s.First.RequestHash, r.RequestHash)
	}
	switch status {
	case StatusDivergent:
		return refuse(s, ErrDivergent)
	case StatusAbandoned:
		return refuse(s, ErrAbandoned)
	case StatusCommitted:
		return Verdict{Action: Replay}
	case StatusPending:
		if r.Policy.Retry == Retry && s.Register.Owner.Same(r.Owner) {
			return Verdict{Action: Invoke}
		}
		return Verdict{Action: Refuse, Err: &BusyError{s.IdemID, s.Register.Owner, s.Register.LeaseExpiresAt}}
	case StatusUnknown:
		if r.Policy.Retry != Retry {
			return refuse(s, ErrUnknownOutcome)
		}
	}
	return Verdict{Action: Invoke}
}

// Judge says what a commit means for the history it is appended to. The commit is
// recorded in any case but a redundant one (Replay) and one without a register.
func Judge(s State, c EffectCommit) Verdict {
	switch {
	case s.First == nil:
		return refuse(s, ErrNotRegistered)
	case s.First.RequestHash != c.RequestHash:
		return conflict(s, RequestHashConflict, s.First.RequestHash, c.RequestHash)
	case s.Commit == nil:
		return Verdict{Action: Invoke}
	case s.Commit.ResponseHash != c.ResponseHash:
		return conflict(s, ResponseHashConflict, s.Commit.ResponseHash, c.ResponseHash)
	case s.Commit.ReceiptID == c.ReceiptID && s.Commit.Status == c.Status:
		return Verdict{Action: Replay}
	}
	return conflict(s, MultipleCommits, s.Commit.ReceiptID, c.ReceiptID)
}

func refuse(s State, err error) Verdict {
	return Verdict{Action: Refuse, Err: fmt.Errorf("effect %s: %w", s.IdemID.Short(), err)}
}

// conflict marks a history, once for each reason; a later conflict is refused only.
func conflict(s State, reason uint8, a, b object.Hash) Verdict {
	v := Verdict{Action: Mark, Reason: reason, Evidence: []object.Hash{a, b}}
	slices.SortFunc(v.Evidence, object.Hash.Compare)
	v.Evidence = slices.Compact(v.Evidence)
	v.Err = &ConflictError{s.IdemID, reason, v.Evidence}
	if s.Mark != nil {
		v.Action = Refuse
	}
	return v
}
