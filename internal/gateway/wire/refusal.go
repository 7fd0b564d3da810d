package wire

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// plain are the reasons that carry no further data.
var plain = map[uint8]error{
	Divergent: ledger.ErrDivergent, Abandoned: ledger.ErrAbandoned, Unverifiable: ledger.ErrUnverifiable,
	NotResolvable: ledger.ErrNotResolvable, NotRegistered: ledger.ErrNotRegistered, NoResponse: ErrNoResponse,
}

// ErrNoResponse means that an effect has an outcome whose response the ledger has not stored.
var ErrNoResponse = errors.New("the ledger has not kept the committed response")

// Refuse returns an error in the form in which it is sent; false: the caller cannot act on it.
func Refuse(err error) (*Refusal, bool) {
	r := &Refusal{Message: err.Error(), Evidence: []object.Hash{}}
	var busy *ledger.BusyError
	var unknown *ledger.UnknownOutcomeError
	var conflict *ledger.ConflictError
	var attempt *ledger.AttemptError
	var denied *caps.DeniedError
	switch {
	case errors.As(err, &busy):
		r.Reason, r.Owner, r.Since, r.Until, r.Fence = Busy, &busy.Owner, &busy.Since, &busy.Until, &busy.Fence
	case errors.As(err, &unknown):
		r.Reason, r.Owner, r.Until, r.Fence, r.How = Unknown, &unknown.Owner, &unknown.Until, &unknown.Fence, uint8(unknown.How)
	case errors.As(err, &conflict):
		r.Reason, r.How, r.Evidence = Conflict, conflict.Reason, conflict.Evidence
	case errors.As(err, &attempt):
		r.Reason, r.Fence = OtherAttempt, &attempt.Latest
	case errors.As(err, &denied):
		r.Reason, r.Message, r.Check, r.Link, r.Help = Denied, denied.Reason, denied.Check, uint8(denied.Link), denied.Help
		if !denied.Cap.IsZero() { // otherwise no capability is at fault
			r.Cap = &denied.Cap
		}
		if !denied.Approval.IsZero() {
			r.Approval, r.Until = &denied.Approval, &denied.Until
		}
		if errors.Is(err, caps.ErrQuota) {
			r.Reason = Quota
		}
		if denied.Err != nil {
			r.Message += ": " + denied.Err.Error()
		}
	default:
		for reason, is := range plain {
			if errors.Is(err, is) {
				r.Reason = reason
				return r, true
			}
		}
		return nil, false
	}
	return r, true
}

// Error returns the refusal as the original error, about an effect; about is the attempt that a record was about.
func (r *Refusal) Error(idem object.Hash, probe bool, about uint64) error {
	owner, since, until, fence := object.AgentID{}, object.Time(0), object.Time(0), uint64(0)
	if r.Owner != nil {
		owner = *r.Owner
	}
	if r.Since != nil {
		since = *r.Since
	}
	if r.Until != nil {
		until = *r.Until
	}
	if r.Fence != nil {
		fence = *r.Fence
	}
	switch r.Reason {
	case Busy:
		return &ledger.BusyError{IdemID: idem, Owner: owner, Since: since, Until: until, Fence: fence}
	case Unknown:
		return &ledger.UnknownOutcomeError{IdemID: idem, Owner: owner, Until: until, Fence: fence, Probe: probe, How: min(int(r.How), ledger.WasStopped)}
	case Conflict:
		return &ledger.ConflictError{IdemID: idem, Reason: r.How, Evidence: r.Evidence}
	case OtherAttempt:
		return &ledger.AttemptError{IdemID: idem, About: about, Latest: fence}
	case Denied, Quota:
		d := &caps.DeniedError{Check: r.Check, Link: int(r.Link), Reason: r.Message, Help: r.Help}
		if r.Reason == Quota && r.Check != caps.CheckRate {
			d.Check = caps.CheckQuota
		}
		if r.Cap != nil {
			d.Cap = *r.Cap
		}
		if r.Approval != nil {
			d.Approval, d.Until = *r.Approval, until
		}
		return d
	}
	if err := plain[r.Reason]; err != nil {
		return fmt.Errorf("effect %s: %w", idem.Short(), err)
	}
	return fmt.Errorf("effect %s: the ledger refuses: %s", idem.Short(), r.Message)
}
