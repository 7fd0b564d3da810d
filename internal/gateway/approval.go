package gateway

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// unasked refuses a charge without a key to a capability that requires approval: people approve one call, which has a
// key.
func unasked(chain caps.Chain) error {
	need, err := approval.Need(chain)
	if err == nil && need != nil {
		err = approval.Keyless(chain)
	}
	return err
}

// wish is the call of a register, under one of its capabilities. The tool's implementation is known where it runs; here
// its id stands for it.
func (d *decision) wish(chain caps.Chain) approval.Wish {
	return approval.Wish{Tool: d.q.ToolID, Request: d.q.Request, RequestHash: object.Sum(d.q.Request), Key: d.q.Key, Chain: chain}
}

// asked asks people for approval, if a register lacks only that; nil: they have approved meanwhile.
func (d *decision) asked(ctx context.Context, err error) error {
	var lacks *approval.LackingError
	if !errors.As(err, &lacks) {
		return err
	}
	return d.s.Approvals.Ask(ctx, d.wish(lacks.Chain))
}

// agreed returns the approvals for the receipt of an attempt that was charged to a capability; with a nil leaf it was
// charged to one of those that require approval, or to none.
func (d *decision) agreed(ctx context.Context, leaf *object.Hash) ([][]byte, error) {
	for _, chain := range d.allowed[d.free:] {
		if leaf != nil && *leaf != chain[0].ID {
			continue
		}
		if raws, err := d.s.Approvals.Agreed(ctx, d.wish(chain)); err != nil || len(raws) > 0 {
			return raws, err
		}
	}
	return nil, nil
}

// unspent gives back the approvals of an attempt that did not start.
func (s *Service) unspent(chain caps.Chain, r *ledger.EffectRegister) ledger.Rider {
	return s.Approvals.Returning(approval.Wish{Tool: r.ToolID, RequestHash: r.RequestHash, Key: r.IdempotencyKey, Chain: chain})
}
