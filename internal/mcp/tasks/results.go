package tasks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// view is the state of a task.
type view struct {
	TaskRef   object.Hash  `json:"task_ref"`
	State     string       `json:"state"` // running, done, failed, unknown, divergent, abandoned, released, unverifiable
	Key       string       `json:"key,omitempty"`
	Submitted object.Time  `json:"submitted,omitempty"`
	Ended     object.Time  `json:"ended,omitempty"`
	Status    uint16       `json:"status,omitempty"`
	Receipt   *object.Hash `json:"receipt,omitempty"`
	Error     string       `json:"error,omitempty"`
}

// stated is a task with what the ledger has about it.
type stated struct {
	view
	receipt *ledger.Receipt // nil: it has no outcome
}

// find finds a task of the agent. For another agent's task, or no task, the error wraps ErrNoTask.
func (d *Desk) find(ctx context.Context, ref object.Hash) (stated, error) {
	var v stated
	s, err := d.Repo.Ledger.Read(ctx, ref)
	if err != nil {
		return v, err
	}
	var first *ledger.EffectRegister
	for i := range s.History {
		if first = s.History[i].Register; first != nil {
			break
		}
	}
	own := []byte(d.Agent + "/s/")
	if first == nil || first.ToolID != spawnTool || !bytes.HasPrefix(first.IdempotencyKey, own) {
		return v, fmt.Errorf("task %s: %w", ref.Short(), ErrNoTask)
	}
	v.view = view{TaskRef: ref, Key: string(first.IdempotencyKey[len(own):]), Submitted: first.TimeObserved}
	switch at := s.At(d.Repo.Now()); {
	case at == ledger.StatusPending:
		v.State = "running"
	case at == ledger.StatusCommitted:
		r, _, err := ledger.OpenReceipt(s.Receipt)
		if err != nil {
			return v, err
		}
		v.receipt, v.Ended, v.Status, v.Receipt = r, r.TimeObserved, r.Status, &r.ReceiptID
		if v.State = "done"; ledger.Failed(r.Status) {
			v.State = "failed"
		}
		if r.Notes != nil {
			v.Error = *r.Notes
		}
	default:
		if v.State = at.String(); at == ledger.StatusUnknown {
			v.Error = "The process that ran it ended. It may have happened: check before asking again under another key. A person decides: mythos ledger resolve " + ref.String()
		}
	}
	return v, nil
}

type named struct {
	TaskRef string `json:"task_ref"`
}

func (d *Desk) named(ctx context.Context, arguments json.RawMessage) (stated, error) {
	a, err := reading[named](arguments)
	if err != nil {
		return stated{}, err
	}
	ref, err := parse("task_ref", a.TaskRef)
	if err != nil {
		return stated{}, err
	}
	return d.find(ctx, ref)
}

func (d *Desk) status(ctx context.Context, arguments json.RawMessage) (any, error) {
	v, err := d.named(ctx, arguments)
	return v.view, err
}

// States of what is verified.
const (
	verified = "verified" // the bytes match their name, and the receipt's signature is valid
	absent   = "absent"   // they are not stored here
	corrupt  = "corrupt"  // they do not match their name, and are not shown
)

// state returns what is known of bytes that were read, or could not be.
func state(err error) (string, error) {
	switch {
	case err == nil:
		return verified, nil
	case errors.Is(err, store.ErrCorrupt):
		return corrupt, nil
	case missing(err):
		return absent, nil
	}
	return "", err
}

// value is one result of a task.
type value struct {
	CID          object.Hash     `json:"cid"` // of the canonical value
	Halted       bool            `json:"halted"`
	Verification string          `json:"verification"`
	Size         int             `json:"size"`
	Value        json.RawMessage `json:"value,omitempty"` // absent: it is long
}

// given is what a task returned.
type given struct {
	view
	Results  []value       `json:"results,omitempty"`
	CPUus    uint64        `json:"cpu_us,omitempty"`
	Receipts []object.Hash `json:"receipts,omitempty"` // of the effects of the task, as named in its receipt
}

func (d *Desk) results(ctx context.Context, arguments json.RawMessage) (any, error) {
	v, err := d.named(ctx, arguments)
	if err != nil || v.State != "done" {
		return v.view, err
	}
	out := given{view: v.view}
	spawned, err := d.spawned(ctx, v)
	if err != nil {
		return nil, err
	}
	out.CPUus = spawned.CPUus
	for i, h := range spawned.Results {
		one := value{CID: h, Halted: i < len(spawned.Halted) && spawned.Halted[i]}
		raw, err := d.Repo.Store.Bytes(ctx, h)
		if one.Verification, err = state(err); err != nil {
			return nil, err
		}
		if one.Size = len(raw); one.Verification == verified && len(raw) <= maxValue {
			if one.Value, err = object.ToJSON(nil, raw); err != nil {
				return nil, err
			}
		}
		out.Results = append(out.Results, one)
	}
	if len(v.receipt.Evidence) > 2 { // after the capability and the bundle
		out.Receipts = v.receipt.Evidence[2:]
	}
	return out, nil
}

// spawned returns the response of a task that is done.
func (d *Desk) spawned(ctx context.Context, v stated) (*vm.Spawned, error) {
	body, err := d.Repo.Store.Bytes(ctx, v.receipt.ResponseHash)
	if err != nil {
		return nil, fmt.Errorf("what task %s gave: %w", v.TaskRef.Short(), err)
	}
	return object.Decode[vm.Spawned](body)
}
