package quota

import (
	"context"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Payment is what an effect was charged to, until it has an outcome or did not start. Who ends
// the attempt returns by it what was not used.
type Payment struct {
	Fence uint64      // of the attempt that was charged
	Cap   object.Hash // the leaf
	Price uint64      // what was charged beside the call
	// Tokens and GPUms were charged to a training: most that it may use.
	Tokens, GPUms uint64
}

// payment is the value under a key of kv.Payments.
type payment struct {
	Fence uint64      `can:"1,fence"`
	Cap   object.Hash `can:"2,cap"`
	Price uint64      `can:"3,price,omitzero"`

	Tokens uint64 `can:"4,tokens,omitzero"`
	GPUms  uint64 `can:"5,gpu_ms,omitzero"`
}

// PaymentKey is where the payment of an effect is.
func PaymentKey(idem object.Hash) string { return kv.Payments + idem.String() }

// Paid is what an effect was charged to; nil: nothing is known of that, or it is over.
func (q *Quotas) Paid(ctx context.Context, idem object.Hash) (*Payment, error) {
	raw, found, err := q.kv.Get(ctx, PaymentKey(idem))
	if err != nil || !found {
		return nil, err
	}
	p, err := object.Decode[payment](raw)
	return (*Payment)(p), err
}
