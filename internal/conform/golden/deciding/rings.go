package deciding

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/memory"
)

// ringsIn is the known objects about some models, and a sequence of decisions about rings. Agents are public keys.
type ringsIn struct {
	Executors    []string            `json:"trusted_for_receipts"`
	Attesters    []string            `json:"trusted_to_attest"`
	PolicyMakers []string            `json:"trusted_for_policies"`
	Objects      map[string][]string `json:"objects"` // bytes, by kind
	Effects      []effectRaw         `json:"effects"` // trainings and evaluations
	Blobs        []string            `json:"blobs"`   // texts; each model needs its own
	Steps        []ringStep          `json:"steps"`
}

// ringStep is one decision, or the loss of a blob.
type ringStep struct {
	As       string          `json:"as,omitempty"` // a golden key
	At       int64           `json:"at_us,omitempty"`
	Policy   json.RawMessage `json:"policy,omitempty"`   // a PolicyRequest
	Promote  json.RawMessage `json:"promote,omitempty"`  // a PromoteRequest
	Rollback json.RawMessage `json:"rollback,omitempty"` // a RollbackRequest
	Freeze   json.RawMessage `json:"freeze,omitempty"`   // a HoldRequest
	Thaw     json.RawMessage `json:"thaw,omitempty"`     // a HoldRequest
	Lose     *object.Hash    `json:"lose,omitempty"`     // a blob's bytes
}

type ringStepOut struct {
	Status   uint16    `json:"status"`
	Response input.Hex `json:"response,omitempty"` // PolicyState, PromotionRecord or RingHold
}

type rings struct {
	*registry.Registry
	db  *memory.DB
	now object.Time
}

// Rings makes the decisions.
func Rings(in json.RawMessage) (any, error) {
	var v ringsIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	ctx, db := context.Background(), memory.New()
	s := store.New(db, db)
	r := &rings{db: db}
	r.Registry = &registry.Registry{KV: db, Store: s, Receipts: kvledger.Open(db, input.Key("reader"), nil), Responses: s, Pins: s, Now: func() object.Time { return r.now },
		Trust: model.Trust{Receipt: trustedKeys(v.Executors), Attest: trustedKeys(v.Attesters), Policy: trustedKeys(v.PolicyMakers)}}
	if err := v.known(ctx, r, s); err != nil {
		return nil, err
	}
	out := []ringStepOut{}
	for i, step := range v.Steps {
		got, err := r.step(ctx, step)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		out = append(out, got)
	}
	return map[string]any{"steps": out}, nil
}

// known stores the known objects in the registry.
func (v ringsIn) known(ctx context.Context, r *rings, s *store.Store) error {
	for _, text := range v.Blobs {
		if _, err := s.PutBlob(ctx, bytes.NewReader([]byte(text)), store.PutOptions{}); err != nil {
			return err
		}
	}
	for kind, list := range v.Objects {
		for _, text := range list {
			raw, err := hex.DecodeString(text)
			if err != nil {
				return err
			}
			if _, err := r.Add(ctx, kind, raw); err != nil {
				return err
			}
		}
	}
	for _, e := range v.Effects {
		_, id, err := ledger.OpenReceipt(e.Receipt)
		if err != nil {
			return err
		}
		if _, err := s.PutBytes(ctx, e.Response); err != nil {
			return err
		}
		if err := s.PutObjects(ctx, store.Object{ID: id, Kind: "Receipt", Raw: e.Receipt}); err != nil {
			return err
		}
		if _, err := r.AddEffect(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (r *rings) step(ctx context.Context, v ringStep) (ringStepOut, error) {
	r.now = object.Time(v.At)
	signer := input.Key(v.As)
	switch {
	case v.Lose != nil:
		_, err := r.db.Update(ctx, nil, map[string][]byte{kv.Bytes + v.Lose.String(): nil})
		return ringStepOut{Status: 200}, err
	case v.Policy != nil:
		return decided("PolicyRequest", v.Policy, func(q model.PolicyRequest) (any, error) { return r.SetPolicy(ctx, q) })
	case v.Promote != nil:
		return decided("PromoteRequest", v.Promote, func(q model.PromoteRequest) (any, error) {
			p, _, err := r.Promote(ctx, signer, q)
			return p, err
		})
	case v.Rollback != nil:
		return decided("RollbackRequest", v.Rollback, func(q model.RollbackRequest) (any, error) { return r.Rollback(ctx, signer, q) })
	case v.Freeze != nil:
		return decided("HoldRequest", v.Freeze, func(q model.HoldRequest) (any, error) { return r.SetHold(ctx, signer, q, true) })
	case v.Thaw != nil:
		return decided("HoldRequest", v.Thaw, func(q model.HoldRequest) (any, error) { return r.SetHold(ctx, signer, q, false) })
	}
	return ringStepOut{}, errors.New("it does nothing")
}

// decided makes the decision in a view.
func decided[T any](kind string, view json.RawMessage, decide func(T) (any, error)) (ringStepOut, error) {
	raw, err := input.View(kind, view)
	if err != nil {
		return ringStepOut{}, err
	}
	q, err := object.Decode[T](raw)
	if err != nil {
		return ringStepOut{}, err
	}
	got, err := decide(*q)
	switch {
	case errors.Is(err, model.ErrConflict):
		return ringStepOut{Status: 409}, nil
	case errors.Is(err, model.ErrRefused):
		return ringStepOut{Status: 403}, nil
	case err != nil:
		return ringStepOut{}, err
	}
	response, err := can.Marshal(got)
	return ringStepOut{Status: 200, Response: response}, err
}
