package kvledger

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// Elsewhere appends for agents whose attempts run on other machines. They sign their entries; [Decide] judges each
// entry, given the state from [Ledger.Read].
type Elsewhere struct{ *Ledger }

// Append adds entries to the history that was read as s, and the mark that the verdict calls for, in one update with
// the riders. It returns false if somebody else has appended since s was read. The caller has verified the signatures.
// Append sets the places of the entries.
func (l Elsewhere) Append(ctx context.Context, s *ledger.State, v ledger.Verdict, tool object.Hash, riders []ledger.Rider, entries []ledger.Entry) (bool, error) {
	for i := range entries {
		if s.Renewed != 0 && entries[i].Register == nil {
			riders = append(riders, renewalGone(s.IdemID))
			break
		}
	}
	ok, err := l.extend(ctx, s, v, tool, l.now(), false, riders, entries...)
	if err != nil || !ok {
		return ok, err
	}
	places, err := mlog.ParsePlaces(s.Index)
	if v.Reason != 0 {
		places = places[:max(len(places)-1, 0)] // the mark's
	}
	for i := range entries {
		if at := len(places) - len(entries) + i; at >= 0 {
			entries[i].Seq = places[at].Seq
		}
	}
	return true, err
}

// Verify checks that agent signed an entry.
func (l Elsewhere) Verify(e ledger.Entry, agent object.AgentID) error {
	for _, named := range e.Signers() {
		if !named.Same(agent) {
			return errors.Join(ledger.ErrUnverifiable, errors.New("another agent signed it"))
		}
	}
	if err := e.VerifyWith(l.keys, []object.AgentID{agent}); err != nil {
		return err
	}
	l.memo.add(leafDigest(e.Kind, e.Raw))
	return nil
}

// Renew extends the lease of an attempt. It returns false if the attempt is not the latest.
func (l Elsewhere) Renew(ctx context.Context, idem object.Hash, fence uint64, lease time.Duration) (bool, error) {
	key := renewalKey(idem)
	for {
		before, err := kv.GetOrNil(ctx, l.kv, key)
		if err != nil {
			return false, err
		}
		if before != nil {
			if r, err := object.Decode[renewal](before); err == nil && r.Fence > fence {
				return false, nil
			}
		}
		raw, err := can.Marshal(&renewal{fence, l.now().Add(lease)})
		if err != nil {
			return false, err
		}
		ok, err := l.kv.Update(ctx, map[string][]byte{key: before}, map[string][]byte{key: raw})
		if err != nil {
			return false, err
		}
		if ok || bytes.Equal(before, raw) {
			l.renewals.Store(idem, true)
			return true, nil
		}
	}
}

func renewalGone(idem object.Hash) ledger.Rider {
	key := renewalKey(idem)
	return ledger.Rider{Size: len(key), Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) {
		return map[string][]byte{key: nil}, nil
	}}
}
