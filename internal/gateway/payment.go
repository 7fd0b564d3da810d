package gateway

import (
	"context"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// payment is the value under a key of kv.Payments: what the latest attempt at an effect was
// charged to, so that it is returned once where the attempt did not start.
type payment struct {
	Fence uint64      `can:"1,fence"`
	Cap   object.Hash `can:"2,cap"` // the leaf
}

func paymentKey(idem object.Hash) string { return kv.Payments + idem.String() }

func paying(put map[string][]byte, idem object.Hash, p payment) error {
	raw, err := can.Marshal(&p)
	put[paymentKey(idem)] = raw
	return err
}

// paid is what the latest attempt was charged to; nil: nothing is counted, or it is over.
func (s *Service) paid(ctx context.Context, idem object.Hash) (*payment, error) {
	raw, err := kv.GetOrNil(ctx, s.KV, paymentKey(idem))
	if err != nil || raw == nil {
		return nil, err
	}
	return object.Decode[payment](raw)
}

// settled removes the payment of an attempt that ended and, where it did not start, returns
// what was charged: to the chain that is shown, if that is the one.
func (s *Service) settled(ctx context.Context, c caller, st *ledger.State, tool object.Hash, returns bool) ([]ledger.Rider, error) {
	p, err := s.paid(ctx, c.idem)
	if err != nil || p == nil {
		return nil, err
	}
	key := paymentKey(c.idem)
	gone := ledger.Rider{Size: len(key), Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) {
		return map[string][]byte{key: nil}, nil
	}}
	if !returns || p.Fence != st.Fence || len(c.chain) == 0 || c.chain[0].ID != p.Cap {
		return []ledger.Rider{gone}, nil
	}
	keys, ride, err := s.Quotas.Returning(c.chain, callOf(tool).Cost())
	if err != nil {
		return nil, err
	}
	return []ledger.Rider{gone, {Size: 1 << 10, Reads: keys, Ride: ride}}, nil
}
