package cell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
)

const (
	// DefaultSnapshotEvery is the snapshot policy of a cell that has none of its own.
	DefaultSnapshotEvery = 1024
	// maxState is how many bytes of keys and data the state of a cell may have.
	maxState = store.MaxBytes / 2
)

// keptSnapshot is the newest stored snapshot of a cell; its bytes, a canonical CellSnapshot, are in the store. It only
// saves work: the events give the same state.
type keptSnapshot struct {
	At   uint64      `can:"1,at"`
	Hash object.Hash `can:"2,hash"`
}

// state is the state of a cell after some events: the newest event of each key.
type state struct {
	at     uint64
	size   int
	newest map[string]numbered
}

type numbered struct {
	number uint64
	event  Event
}

var errState = fmt.Errorf("the newest events of all keys together have more than %d bytes", maxState)

func (s *state) add(number uint64, e *Event) error {
	key := string(e.Key)
	if old, ok := s.newest[key]; ok {
		s.size -= len(key) + len(old.event.Data)
	}
	if s.size += len(key) + len(e.Data); s.size > maxState {
		return errState
	}
	s.newest[key] = numbered{number, *e}
	s.at = number + 1
	return nil
}

// whole is the state in its stored form.
func (s *state) whole() *State {
	out := &State{At: s.at, Events: []Event{}, Numbers: []uint64{}}
	for _, key := range slices.Sorted(maps.Keys(s.newest)) {
		e := s.newest[key]
		out.Events, out.Numbers = append(out.Events, e.event), append(out.Numbers, e.number)
	}
	return out
}

// snapshot returns the newest stored snapshot; at 0 there is none.
func (c *Cells) snapshot(ctx context.Context, id object.Hash) (keptSnapshot, error) {
	raw, found, err := c.KV.Get(ctx, keysOf(id)+stateKey)
	if err != nil || !found {
		return keptSnapshot{}, err
	}
	s, err := object.Decode[keptSnapshot](raw)
	if err != nil {
		return keptSnapshot{}, fmt.Errorf("snapshot of cell %s: %w", id.Short(), err)
	}
	return *s, nil
}

// every is a cell's snapshot policy.
func (c *Cells) every(ctx context.Context, id object.Hash) (uint64, error) {
	raw, found, err := c.KV.Get(ctx, keysOf(id)+everyKey)
	if err != nil || !found {
		return DefaultSnapshotEvery, err
	}
	p, err := object.Decode[PolicyRequest](raw)
	if err != nil {
		return 0, fmt.Errorf("snapshot policy of cell %s: %w", id.Short(), err)
	}
	return p.Every, nil
}

// stateAt is a cell's state after so many events: the newest snapshot that is not later, and the events since.
func (c *Cells) stateAt(ctx context.Context, id object.Hash, at uint64) (*state, error) {
	s := &state{newest: map[string]numbered{}}
	kept, err := c.snapshot(ctx, id)
	if err != nil {
		return nil, err
	}
	if kept.At > 0 && kept.At <= at {
		if err := c.fromSnapshot(ctx, kept, s); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("snapshot of cell %s: %w", id.Short(), err)
		}
	}
	err = c.events(ctx, keysOf(id), s.at, at, s.add)
	return s, err
}

func (c *Cells) fromSnapshot(ctx context.Context, kept keptSnapshot, s *state) error {
	raw, err := c.Store.Bytes(ctx, kept.Hash)
	if err != nil {
		return err
	}
	snap, err := object.Decode[State](raw)
	if err != nil {
		return err
	}
	if snap.At != kept.At || len(snap.Events) != len(snap.Numbers) {
		return errors.New("it is not the one that the cell names")
	}
	for i := range snap.Events {
		if err := s.add(snap.Numbers[i], &snap.Events[i]); err != nil {
			return err
		}
	}
	s.at = snap.At
	return nil
}

// keepSnapshot stores the state if the policy says so. A failure does not affect the append, because a snapshot only
// saves work.
func (c *Cells) keepSnapshot(ctx context.Context, id object.Hash) {
	if err := c.trySnapshot(ctx, id); err != nil {
		c.Debugf("snapshot of cell %s: %v", id.Short(), err)
	}
}

func (c *Cells) trySnapshot(ctx context.Context, id object.Hash) error {
	info, err := c.info(ctx, id)
	if err != nil || info.Every == 0 || info.Events < info.Snapshot+info.Every {
		return err
	}
	s, err := c.stateAt(ctx, id, info.Events)
	if err != nil {
		return err
	}
	raw, err := can.Marshal(s.whole())
	if err != nil {
		return err
	}
	h, err := c.Store.PutBytes(ctx, raw)
	if err != nil {
		return err
	}
	record, err := can.Marshal(&keptSnapshot{s.at, h})
	if err != nil {
		return err
	}
	_, err = c.KV.Update(ctx, nil, map[string][]byte{keysOf(id) + stateKey: record})
	return err
}

// runState is the built-in effect cell.snapshot.
func (c *Cells) runState(ctx context.Context, call exec.Call) (exec.Response, error) {
	q, err := vm.DecodeRequest[SnapshotRequest](call.Request)
	if err != nil {
		return exec.Response{}, err
	}
	size, _, err := c.size(ctx, keysOf(q.CellID))
	if err != nil {
		return exec.Response{}, err
	}
	at := size
	if q.At != nil {
		at = min(at, *q.At)
	}
	s, err := c.stateAt(ctx, q.CellID, at)
	if errors.Is(err, errState) {
		return exec.Failed(err), nil
	}
	if err != nil {
		return exec.Response{}, err
	}
	body, err := can.Marshal(s.page(q))
	return exec.Response{Body: body, Status: exec.StatusOK}, err
}

// page is the part of the state that a request asks for, limited to the size of one answer.
func (s *state) page(q *SnapshotRequest) *State {
	all, out := s.whole(), &State{At: s.at, Events: []Event{}, Numbers: []uint64{}}
	total := 0
	for i, e := range all.Events {
		if !bytes.HasPrefix(e.Key, q.KeyPrefix) || (q.After != nil && bytes.Compare(e.Key, q.After) <= 0) {
			continue
		}
		if len(out.Events) == maxEvents || total >= maxAnswer {
			out.Next = out.Events[len(out.Events)-1].Key
			return out
		}
		out.Events, out.Numbers = append(out.Events, e), append(out.Numbers, all.Numbers[i])
		total += len(e.Key) + len(e.Data)
	}
	return out
}

// runPolicy is the built-in effect cell.policy.
func (c *Cells) runPolicy(ctx context.Context, call exec.Call) (exec.Response, error) {
	q, err := vm.DecodeRequest[PolicyRequest](call.Request)
	if err != nil {
		return exec.Response{}, err
	}
	raw, err := can.Marshal(q)
	if err != nil {
		return exec.Response{}, err
	}
	_, err = c.KV.Update(ctx, nil, map[string][]byte{keysOf(q.CellID) + everyKey: raw})
	return exec.Response{Status: exec.StatusOK}, err
}

// Roots calls keep for the stored snapshots.
func (c *Cells) Roots(ctx context.Context, keep func(object.Hash)) error {
	return c.Each(ctx, func(i Info) error {
		s, err := c.snapshot(ctx, i.ID)
		if s.At > 0 {
			keep(s.Hash)
		}
		return err
	})
}
