package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/mythos-project/mythos/object"
)

// RetryMode says what may happen to an effect whose outcome is unknown.
type RetryMode uint8

// The modes of a tool's retry policy.
const (
	Block RetryMode = iota // an operator decides
	Retry                  // it may run again: the tool is retry-safe
	Probe                  // a second tool asks the outside system; until then like Block
)

// Policy is the part of a tool's policy that concerns the ledger.
type Policy struct {
	Retry RetryMode
	Lease time.Duration // how long the owner counts as alive without a sign of life; more than 0
	Again bool          // try a recorded failure again
	// KeepOut refuses another request under a key, and leaves no mark in the history.
	KeepOut bool
}

// Event is something that happens to an effect: exactly one of the fields is set.
type Event struct {
	Attempt    *Attempt        // somebody asks to run it
	Commit     *EffectCommit   // an attempt ended
	Mark       *DivergenceMark // a conflict was found elsewhere
	Resolution *Resolution     // an operator decided
}

// Attempt is a request to run an effect.
type Attempt struct {
	Owner       object.AgentID
	Instance    []byte // of the process; nil: none
	RequestHash object.Hash
	Keyless     bool // the effect has no key
	Again       bool // try a recorded failure again unless it is permanent
}

// Action is what a verdict tells the caller to do.
type Action uint8

// The actions.
const (
	Invoke Action = iota + 1 // run the tool
	Replay                   // it is committed: answer from the commit
	Record                   // only append
	Refuse                   // fail with the verdict's error
)

// Verdict is the decision of the state machine.
type Verdict struct {
	Action   Action
	Append   bool          // append the event's entry to the history
	Reason   uint8         // not 0: append a DivergenceMark with this reason (after the entry)
	Evidence []object.Hash // for that mark, ascending
	Err      error         // the error for the caller
}

// Decide is the state machine (spec/ledger.md#states): it decides on an event, given the history as folded into s, the
// ledger's clock and the tool's policy. It is pure.
func Decide(s State, ev Event, now object.Time, p Policy) Verdict {
	switch {
	case ev.Attempt != nil:
		return decideAttempt(s, *ev.Attempt, now, p)
	case ev.Commit != nil:
		return decideCommit(s, *ev.Commit)
	case ev.Mark != nil:
		if s.Mark != nil { // divergence is final
			return Verdict{Action: Replay}
		}
		return Verdict{Action: Record, Append: true}
	case ev.Resolution != nil:
		return decideResolution(s, *ev.Resolution, now)
	}
	return refuse(s, ErrEntry)
}

// decideAttempt compares the request first: another request under the same key is always a conflict.
func decideAttempt(s State, a Attempt, now object.Time, p Policy) Verdict {
	if a.Keyless {
		return Verdict{Action: Invoke}
	}
	status := s.At(now)
	if s.Request != nil && *s.Request != a.RequestHash && status != StatusUnverifiable {
		v := conflict(s, RequestHashConflict, *s.Request, a.RequestHash) // [led-9]
		if p.KeepOut {
			v.Reason, v.Evidence = 0, nil
		}
		return v
	}
	switch status {
	case StatusUnverifiable:
		return refuse(s, ErrUnverifiable)
	case StatusDivergent: // [led-10]
		return refuse(s, ErrDivergent)
	case StatusAbandoned:
		return refuse(s, ErrAbandoned)
	case StatusCommitted: // [led-11]
		if !a.Again || !Retryable(s.Commit.Status) {
			return Verdict{Action: Replay}
		}
	case StatusPending: // resume our own unfinished attempt if the tool is retry-safe [led-12] [led-13]
		if p.Retry != Retry || !s.ownedBy(a) {
			return Verdict{Action: Refuse, Err: s.busy()}
		}
	case StatusUnknown: // [led-14]
		if p.Retry != Retry {
			return Verdict{Action: Refuse, Err: s.unknown(p.Retry == Probe)}
		}
	case StatusNone, StatusReleased: // [led-15]
	}
	return Verdict{Action: Invoke, Append: true}
}

// decideCommit records what really happened, however late, and then judges it. It skips only a commit that is already
// in the history.
func decideCommit(s State, c EffectCommit) Verdict {
	switch {
	case s.Fence == 0:
		return refuse(s, ErrNotRegistered)
	case s.Recorded(c.ReceiptID): // [led-37]
		return Verdict{Action: Replay, Err: s.standing()}
	}
	var v Verdict
	switch {
	case s.Request != nil && *s.Request != c.RequestHash:
		v = conflict(s, RequestHashConflict, *s.Request, c.RequestHash) // [led-38]
	case s.Commit == nil:
		return Verdict{Action: Record, Append: true, Err: s.standing()}
	case s.Commit.ResponseHash != c.ResponseHash:
		v = conflict(s, ResponseHashConflict, s.Commit.ResponseHash, c.ResponseHash) // [led-39]
	default:
		v = conflict(s, MultipleCommits, s.Commit.ReceiptID, c.ReceiptID)
	}
	v.Append = true
	return v
}

// standing returns the reason not to use an outcome of this history; nil: none.
func (s State) standing() error {
	var err error
	switch {
	case s.Unverifiable:
		err = ErrUnverifiable
	case s.abandoned():
		err = ErrAbandoned
	case s.Mark != nil:
		err = ErrDivergent
	default:
		return nil
	}
	return fmt.Errorf("effect %s: %w", s.IdemID.Short(), err)
}

// decideResolution lets operators decide on an effect that nobody is running: an unknown outcome, a divergence, a
// recorded failure. The owner of an attempt may state that it ended without an outcome. A decision that names an
// attempt applies to that attempt only.
func decideResolution(s State, r Resolution, now object.Time) Verdict {
	if r.About != nil && *r.About != s.Fence {
		return Verdict{Action: Refuse, Err: &AttemptError{s.IdemID, *r.About, s.Fence}}
	}
	status := s.At(now)
	allowed := false
	switch {
	case r.ByOwner():
		allowed = s.owns(&r)
	case r.Decision == ResolveAccept:
		allowed = (status == StatusUnknown || status == StatusDivergent || status == StatusAbandoned) && s.accepted(r.Evidence) != nil
	case status == StatusCommitted:
		allowed = r.Decision == ResolveRetry && r.About != nil && Failed(s.Commit.Status)
	default:
		allowed = status == StatusUnknown || status == StatusDivergent
	}
	if !allowed {
		return Verdict{Action: Refuse, Err: fmt.Errorf("effect %s is %s: %w", s.IdemID.Short(), status, ErrNotResolvable)}
	}
	return Verdict{Action: Record, Append: true}
}

func (s State) busy() *BusyError {
	return &BusyError{s.IdemID, s.Register.Owner, s.Register.TimeObserved, s.leaseEnd(), s.Fence}
}

func (s State) unknown(probe bool) *UnknownOutcomeError {
	how := LeaseRanOut
	switch {
	case s.Stopped != nil:
		how = WasStopped
	case s.Presence == Gone:
		how = ProcessEnded
	}
	return &UnknownOutcomeError{s.IdemID, s.Register.Owner, s.leaseEnd(), s.Fence, probe, how}
}

func refuse(s State, err error) Verdict {
	return Verdict{Action: Refuse, Err: fmt.Errorf("effect %s: %w", s.IdemID.Short(), err)}
}

// conflict marks a history. A history that is already marked or abandoned is only refused.
func conflict(s State, reason uint8, a, b object.Hash) Verdict {
	evidence := []object.Hash{a, b}
	slices.SortFunc(evidence, object.Hash.Compare)
	v := Verdict{Action: Refuse, Err: &ConflictError{s.IdemID, reason, evidence}}
	if s.Mark == nil && !s.abandoned() {
		v.Reason, v.Evidence = reason, evidence
	}
	return v
}
