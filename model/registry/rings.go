package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

func ringKey(ring uint8) string   { return fmt.Sprintf(kv.Rings+"%03d", ring) }
func holdKey(ring uint8) string   { return fmt.Sprintf(kv.RingHolds+"%03d", ring) }
func policyKey(ring uint8) string { return fmt.Sprintf(kv.RingPolicies+"%03d", ring) }
func logPrefix(ring uint8) string { return fmt.Sprintf(kv.RingLog+"%03d/", ring) }
func logKey(ring uint8, seq uint64) string {
	return fmt.Sprintf("%s%016x", logPrefix(ring), seq)
}
func recordKey(id object.Hash) string { return kv.Promotions + id.String() }

// State is the pointer of a ring. The error wraps ErrNotFound if the ring is empty.
func (r *Registry) State(ctx context.Context, ring uint8) (*model.RingState, error) {
	raw, found, err := r.KV.Get(ctx, ringKey(ring))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("ring %d: %w", ring, model.ErrNotFound)
	}
	s, err := object.Decode[model.RingState](raw)
	if err == nil && s.RingID != ring {
		err = fmt.Errorf("it is of ring %d", s.RingID)
	}
	if err != nil {
		return nil, fmt.Errorf("state of ring %d: %w", ring, err)
	}
	return s, nil
}

// Rings calls fn for every ring that has a model, ascending.
func (r *Registry) Rings(ctx context.Context, fn func(*model.RingState) error) error {
	var states []*model.RingState
	err := r.KV.Scan(ctx, kv.Rings, kv.End(kv.Rings), func(key string, value []byte) error {
		s, err := object.Decode[model.RingState](value)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		states = append(states, s)
		return nil
	})
	for i := 0; err == nil && i < len(states); i++ {
		err = fn(states[i])
	}
	return err
}

// Record returns a record of any ring's history, verified. The error wraps ErrNotFound.
func (r *Registry) Record(ctx context.Context, id object.Hash) (*model.PromotionRecord, []byte, error) {
	key, found, err := r.KV.Get(ctx, recordKey(id))
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, fmt.Errorf("promotion %s: %w", id, model.ErrNotFound)
	}
	raw, found, err := r.KV.Get(ctx, string(key))
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, fmt.Errorf("promotion %s: %w", id, model.ErrNotFound)
	}
	p, got, err := model.OpenPromotion(raw)
	if err == nil && got != id {
		err = fmt.Errorf("promotion %s: %w", id.Short(), object.ErrID)
	}
	return p, raw, err
}

// Log calls fn for every record of a ring's history, the oldest first. It verifies signatures, that numbers have no
// gap, and that each record names the previous one.
func (r *Registry) Log(ctx context.Context, ring uint8, fn func(object.Hash, *model.PromotionRecord) error) error {
	var raws [][]byte
	prefix := logPrefix(ring)
	err := r.KV.Scan(ctx, prefix, kv.End(prefix), func(_ string, value []byte) error {
		raws = append(raws, bytes.Clone(value))
		return nil
	})
	if err != nil {
		return err
	}
	var before *object.Hash
	for i, raw := range raws {
		p, id, err := model.OpenPromotion(raw)
		if err != nil {
			return fmt.Errorf("ring %d, record %d: %w", ring, i+1, err)
		}
		if p.Sequence != uint64(i+1) || p.RingID != ring || !sameHash(p.Previous, before) {
			return fmt.Errorf("ring %d, record %d: %w: the history has a gap", ring, i+1, object.ErrInvalid)
		}
		if err := fn(id, p); err != nil {
			return err
		}
		before = &id
	}
	return nil
}

func sameHash(a, b *object.Hash) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// move writes a record and the ring's pointer in one durable update, on condition that nothing in check has changed.
func (d decision) move(ctx context.Context, check map[string][]byte, id object.Hash, raw []byte, p *model.PromotionRecord) error {
	state, err := can.Marshal(&model.RingState{RingID: p.RingID, Sequence: p.Sequence, PromotionID: id, ModelID: p.ModelID})
	if err != nil {
		return err
	}
	at := logKey(p.RingID, p.Sequence)
	check[at], check[recordKey(id)] = nil, nil
	put := map[string][]byte{ringKey(p.RingID): state, at: raw, recordKey(id): []byte(at)}
	ok, err := d.KV.Update(ctx, check, put)
	if err != nil {
		return fmt.Errorf("ring %d: %w", p.RingID, err)
	}
	if !ok {
		return d.lost(ctx, check, p)
	}
	return d.Store.PutObjects(ctx, store.Object{ID: id, Kind: "PromotionRecord", Raw: raw})
}

// lost finds out what changed before a move.
func (d decision) lost(ctx context.Context, check map[string][]byte, p *model.PromotionRecord) error {
	e := &ConflictError{Ring: p.RingID, Want: p.Previous}
	state, err := d.State(ctx, p.RingID)
	if err == nil {
		e.Have = &state.PromotionID
	} else if !errors.Is(err, model.ErrNotFound) {
		return err
	}
	if !sameHash(e.Want, e.Have) {
		return e
	}
	e.What = "something that the decision was made on"
	for key, what := range map[string]string{holdKey(p.RingID): "the hold", policyKey(p.RingID): "the policy in force"} {
		was, looked := check[key]
		now, found, err := d.KV.Get(ctx, key)
		if err != nil {
			return err
		}
		if looked && (found != (was != nil) || !bytes.Equal(was, now)) {
			e.What = what
		}
	}
	return e
}
