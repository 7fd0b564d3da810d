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

// Elsewhere appends for agents whose attempts are made on other machines. They sign their
// entries; what these change is judged by [Decide] over what [Ledger.Read] says.
type Elsewhere struct{ *Ledger }

// Append adds entries to the history that was read as s, and the mark that the verdict
// calls for, in one update with the riders. False: somebody else appended since s was read.
// Signatures have been verified. The entries get their places.
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

// Verify checks an entry that its maker signed: the signature must be by agent.
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

// Renew prolongs the lease of an attempt that the caller knows to be the latest; false: it is not.
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
