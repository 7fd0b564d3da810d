package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Summary is the state of the ledger.
type Summary struct {
	Entries uint64
	Effects uint64         // with a key
	Open    []ledger.State // neither committed nor settled, ascending by id
	Checked uint64         // entries proven unchanged since the last summary
	Problem string         // why the log is not an extension of what was seen before
}

// summaryKey stores the summary of the ledger, so that a million entries are read only once.
const summaryKey = kv.Summary

// summarySaved is how many new entries justify saving.
const summarySaved = 256

// seen is the stored form: the state of the log up to a signed checkpoint.
type seen struct {
	Checkpoint []byte        `json:"checkpoint"`
	Entries    uint64        `json:"entries"`
	Effects    uint64        `json:"effects"`
	Open       []object.Hash `json:"open"` // effects that may not be settled
}

// Summarize returns the state of the ledger. It reads the entries since the last summary, and the history of each
// effect that is not settled; and proves, with the log's stored hashes, that what was seen before was only extended.
func (hi *History) Summarize(ctx context.Context) (*Summary, error) {
	old, raw, err := hi.loadSeen(ctx)
	if err != nil {
		return nil, err
	}
	s := &Summary{}
	if s.Checked, err = hi.extends(ctx, old); err != nil {
		s.Problem = err.Error()
		old, raw = seen{}, nil
	}
	open := map[object.Hash]bool{} // false: only the whole history decides
	for _, id := range old.Open {
		open[id] = false
	}
	fresh := old
	if err := hi.fold(ctx, &fresh, open); err != nil {
		return nil, err
	}
	s.Entries, s.Effects = fresh.Entries, fresh.Effects
	if s.Open, err = hi.open(ctx, open); err != nil {
		return nil, err
	}
	if s.Problem == "" && fresh.Entries >= old.Entries+summarySaved {
		err := hi.saveSeen(ctx, fresh, s.Open, raw)
		if errors.Is(err, store.ErrReadOnly) {
			err = nil // the next summary reads as much again
		}
		return s, err
	}
	return s, nil
}

func (hi *History) loadSeen(ctx context.Context) (s seen, raw []byte, err error) {
	raw, found, err := hi.DB.Get(ctx, summaryKey)
	if err != nil || !found {
		return s, nil, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return seen{}, raw, nil //nolint:nilerr // it is only a cache: read everything again
	}
	return s, raw, nil
}

// extends proves that the log begins with what was seen, and returns the number of those entries; 0: nothing was
// proven.
func (hi *History) extends(ctx context.Context, old seen) (uint64, error) {
	if len(old.Checkpoint) == 0 {
		return 0, nil
	}
	c, err := mlog.OpenCheckpoint(old.Checkpoint, hi.ID.Self())
	if err != nil {
		return 0, nil //nolint:nilerr // signed by a key that was ours: nothing follows from it
	}
	if err := hi.Ledger.CheckConsistent(ctx, c); err != nil {
		return 0, fmt.Errorf("the ledger is not an extension of the %d entries seen before: %w", c.Size, err)
	}
	return c.Size, nil
}

// fold reads the entries that s does not yet cover.
func (hi *History) fold(ctx context.Context, s *seen, open map[object.Hash]bool) error {
	self := hi.ID.Self().KeyID()
	return hi.Ledger.Log(ctx, kvledger.Filter{From: s.Entries}, func(e ledger.Entry) error {
		s.Entries = e.Seq + 1
		switch {
		case e.Register != nil:
			if e.Register.Fence == nil || *e.Register.Fence == 1 {
				s.Effects++
			}
			open[e.Register.IdemID] = true
		case e.Commit != nil:
			if key := e.Commit.Signature.KeyID; key != nil && *key == self && !marked(open, e.Commit.IdemID) {
				delete(open, e.Commit.IdemID)
			} else {
				open[e.Commit.IdemID] = true // by others: the history decides
			}
		case e.Mark != nil, e.Resolution != nil:
			id, _ := e.IdemID()
			open[id] = false // from now on only the whole history decides
		}
		return nil
	})
}

// marked reports whether an effect's history decides.
func marked(open map[object.Hash]bool, id object.Hash) bool {
	plain, ok := open[id]
	return ok && !plain
}

// open reads the histories of the effects that may not be settled.
func (hi *History) open(ctx context.Context, ids map[object.Hash]bool) ([]ledger.State, error) {
	var list []ledger.State
	for _, id := range slices.SortedFunc(maps.Keys(ids), object.Hash.Compare) {
		s, err := hi.Ledger.Read(ctx, id)
		if err != nil {
			return nil, err
		}
		switch s.At(hi.ID.Now()) {
		case ledger.StatusCommitted, ledger.StatusAbandoned, ledger.StatusNone:
		default:
			list = append(list, s)
		}
	}
	return list, nil
}

// saveSeen saves the summary, unless another process did meanwhile.
func (hi *History) saveSeen(ctx context.Context, s seen, open []ledger.State, old []byte) error {
	size, err := hi.Ledger.Size(ctx)
	if err != nil || size != s.Entries {
		return err // another process saved it meanwhile; the next summary will do
	}
	if s.Checkpoint, err = hi.Ledger.Checkpoint(ctx); err != nil {
		return err
	}
	if c, err := mlog.OpenCheckpoint(s.Checkpoint, hi.ID.Self()); err != nil || c.Size != s.Entries {
		return errors.Join(err)
	}
	s.Open = s.Open[:0]
	for _, state := range open {
		s.Open = append(s.Open, state.IdemID)
	}
	raw, err := json.Marshal(s)
	if err != nil || bytes.Equal(raw, old) {
		return err
	}
	_, err = hi.DB.Update(ctx, map[string][]byte{summaryKey: old}, map[string][]byte{summaryKey: raw})
	return err
}

// ForgetSummary makes the next Summarize read the whole ledger, and trust it as it is.
func (hi *History) ForgetSummary(ctx context.Context) error {
	_, err := hi.DB.Update(ctx, nil, map[string][]byte{summaryKey: nil})
	return err
}
