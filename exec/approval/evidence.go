package approval

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Named returns the request and the approvals in the evidence of a receipt, if there are any.
func (s *Approvals) Named(ctx context.Context, evidence []object.Hash) ([][]byte, error) {
	var raws [][]byte
	for _, id := range evidence {
		o, err := s.Objects.Object(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if o.Kind == kindRequest || o.Kind == kindApproval {
			raws = append(raws, o.Raw)
		}
	}
	return raws, nil
}

// ErrEvidence means that the approvals shown do not allow the call of a receipt.
var ErrEvidence = errors.New("people have not agreed to this call")

// Verify checks that people approved the call of a receipt, under a chain that requires it. raws are the request and
// the approvals; Verify returns them. The caller judges whether the signers have the role. by are the agents that may
// have asked: the executor and the ledger's agent.
func Verify(r *ledger.Receipt, chain caps.Chain, need *scope.Approve, raws [][]byte, by ...object.AgentID) (*Request, []*Approval, error) {
	if len(raws) == 0 || len(raws) > 1+maxAgreed {
		return nil, nil, fmt.Errorf("%w: its capability requires approval by %s, and the receipt names %d", ErrEvidence, need, max(len(raws)-1, 0))
	}
	q, err := OpenRequest(raws[0])
	if err != nil {
		return nil, nil, err
	}
	ids := []object.Hash{q.ID}
	var list []*Approval
	for _, raw := range raws[1:] {
		a, err := Open(raw)
		if err != nil {
			return nil, nil, err
		}
		if a.Request != q.ID {
			return nil, nil, fmt.Errorf("%w: approval %s is for another request", ErrEvidence, a.ID.Short())
		}
		ids, list = append(ids, a.ID), append(list, a)
	}
	yes, denied := q.Count(list, func(object.AgentID, string) bool { return true })
	switch {
	case q.ToolID != r.ToolID || q.RequestHash != r.RequestHash || string(q.Key) != string(r.IdempotencyKey) || q.CapID != chain[0].ID:
		err = fmt.Errorf("%w: request %s is for another call", ErrEvidence, q.ID.Short())
	case !slices.ContainsFunc(by, q.Signer.Same):
		err = fmt.Errorf("%w: request %s is from another agent", ErrEvidence, q.ID.Short())
	case !slices.EqualFunc(q.Agents, Agents(chain), object.AgentID.Same):
		err = fmt.Errorf("%w: request %s names other agents than those for which the call was made", ErrEvidence, q.ID.Short())
	case q.Module != nil && !slices.Contains(r.Evidence, *q.Module):
		err = fmt.Errorf("%w: request %s is for another implementation of the tool", ErrEvidence, q.ID.Short())
	case q.Role != need.Role || q.Need < need.Need || yes < int(q.Need) || denied != nil || yes != len(list):
		err = fmt.Errorf("%w: %d of %d agreed, as %s; its capability requires %s", ErrEvidence, yes, q.Need, q.Role, need)
	case len(r.Evidence) < len(ids) || !slices.Equal(r.Evidence[len(r.Evidence)-len(ids):], ids):
		err = fmt.Errorf("%w: the receipt names other approvals", ErrEvidence)
	}
	return q, list, err
}
