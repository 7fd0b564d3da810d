package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// pinReason is the reason in a pin of a model's blob.
func pinReason(role string, of object.Hash, ring uint8) string {
	return fmt.Sprintf("%s of model %s, ring %d", role, of.Short(), ring)
}

// unpin removes the pins of models that left a ring and that no policy in force keeps any more
// (spec/learning.md#retention). Other agents' pins stay.
func (k keeper) unpin(ctx context.Context, ring uint8) error {
	if keep, err := k.keeps(ctx, ring); err != nil || keep < 0 {
		return err
	}
	left, err := k.everIn(ctx, ring)
	if err != nil {
		return err
	}
	kept := map[object.Hash]bool{} // blobs
	if err := k.Rings(ctx, func(s *model.RingState) error { return k.keptBy(ctx, s, left, kept) }); err != nil {
		return err
	}
	mine := map[object.Hash]string{} // pins that promotions set
	if err := k.Pins.Pins(ctx, func(p store.Pin) error {
		if p.Until == 0 && strings.Contains(p.Reason, " of model ") {
			mine[p.CID] = p.Reason
		}
		return nil
	}); err != nil {
		return err
	}
	for id := range left {
		m, err := model.Load(ctx, k.Store, id, "ModelRef", model.ModelRule, object.Open[model.ModelRef])
		if err != nil {
			if model.NotHere(err) {
				continue
			}
			return err
		}
		for role, cid := range map[string]object.Hash{"weights": m.Weights.CID, "config": m.Config.CID} {
			if kept[cid] || mine[cid] != pinReason(role, id, ring) {
				continue
			}
			if err := k.Pins.Unpin(ctx, cid); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

// keeps is how many models that left a ring its policy in force keeps; -1: all.
func (k keeper) keeps(ctx context.Context, ring uint8) (int, error) {
	id, err := k.Policy(ctx, ring)
	if errors.Is(err, model.ErrNotFound) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	p, _, err := k.loadPolicy(ctx, id)
	if err != nil || p.KeepModels == nil {
		return -1, err
	}
	return int(*p.KeepModels), nil
}

// everIn lists the models that a ring ever had or could have fallen back to.
func (k keeper) everIn(ctx context.Context, ring uint8) (map[object.Hash]bool, error) {
	left := map[object.Hash]bool{}
	err := k.Log(ctx, ring, func(_ object.Hash, p *model.PromotionRecord) error {
		left[p.ModelID] = true
		if p.Fallback != nil {
			left[*p.Fallback] = true
		}
		return nil
	})
	return left, err
}

// keptBy removes from left the models that a ring has or that its policy keeps for rollbacks, and adds their blobs to
// kept.
func (k keeper) keptBy(ctx context.Context, s *model.RingState, left, kept map[object.Hash]bool) error {
	keep, err := k.keeps(ctx, s.RingID)
	if err != nil {
		return err
	}
	models := map[object.Hash]bool{}
	for next := &s.PromotionID; next != nil; {
		p, _, err := k.Record(ctx, *next)
		if err != nil {
			return err
		}
		models[p.ModelID] = true
		if p.Fallback != nil && (keep < 0 || len(models) <= keep) {
			models[*p.Fallback] = true
		}
		if next = p.Restore; keep >= 0 && len(models) > keep {
			break
		}
	}
	for id := range models {
		delete(left, id)
		m, err := model.Load(ctx, k.Store, id, "ModelRef", model.ModelRule, object.Open[model.ModelRef])
		if err != nil {
			if model.NotHere(err) {
				continue
			}
			return err
		}
		kept[m.Weights.CID], kept[m.Config.CID] = true, true
	}
	return nil
}
