package ledger

import (
	"bytes"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// Outcome is how an effect ended, in a form that can be checked without the effect's history: entries as they were
// appended, and the response.
type Outcome struct {
	Register []byte `can:"1,register"` // canonical EffectRegister
	Receipt  []byte `can:"2,receipt"`  // canonical Receipt
	Commit   []byte `can:"3,commit"`   // canonical EffectCommit
	Body     []byte `can:"4,body"`     // the response
}

// Outcome is how the effect ended, with the commit that is replayed; nil: it has not ended.
func (s *State) Outcome(body []byte) *Outcome {
	if s.Commit == nil {
		return nil
	}
	o := &Outcome{Receipt: s.Receipt, Body: body}
	for i := range s.History {
		switch e := &s.History[i]; {
		case e.Register != nil && o.Commit == nil:
			o.Register = e.Raw
		case e.Commit == s.Commit:
			o.Commit = e.Raw
		}
	}
	return o
}

// OpenOutcome verifies the canonical bytes of an Outcome: that each entry is signed by an agent that the entries name
// or that is known, and that the entries belong to this effect and request. check verifies a signature, and marks an
// entry Unverified if nobody knows its signer. OpenOutcome does not check that the entries are in a log.
func OpenOutcome(data []byte, idem, requestHash object.Hash, known []object.AgentID, check func(e *Entry, known []object.AgentID) error) (*Awaited, error) {
	in, err := object.Decode[Outcome](data)
	if err != nil {
		return nil, err
	}
	var entries [3]Entry
	for i, raw := range [][]byte{in.Register, in.Receipt, in.Commit} {
		if entries[i], err = ParseEntry([]byte{EntryRegister, EntryReceipt, EntryCommit}[i], raw); err != nil {
			return nil, err
		}
		known = append(known, entries[i].Signers()...)
		if err = check(&entries[i], known); err != nil {
			return nil, err
		}
		if entries[i].Unverified {
			return nil, fmt.Errorf("%w: nobody known signed it", ErrUnverifiable)
		}
		if got, ok := entries[i].IdemID(); !ok || got != idem {
			return nil, fmt.Errorf("%w: it is of another effect", ErrEntry)
		}
	}
	s := Fold(idem, entries[:1])
	if err := auditCommit(s, entries[:], 2); err != nil {
		return nil, err
	}
	r, c := entries[1].Receipt, entries[2].Commit
	if c.RequestHash != requestHash || object.Sum(in.Body) != r.ResponseHash || !bytes.Equal(in.Receipt, entries[1].Raw) {
		return nil, fmt.Errorf("%w: it answers something else", ErrEntry)
	}
	reg := entries[0].Register
	return &Awaited{Body: in.Body, Decision: Decision{Action: Replay, IdemID: idem, Tool: reg.ToolID, Key: reg.IdempotencyKey,
		RequestHash: requestHash, Receipt: in.Receipt, Commit: c}}, nil
}
