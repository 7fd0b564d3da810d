package quota

import (
	"context"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Payment is what an effect was charged, until the effect has an outcome or turns out not to have started. The end of
// the attempt returns the unused part.
type Payment struct {
	Fence uint64      // of the charged attempt
	Cap   object.Hash // the leaf
	Price uint64      // the amount charged in addition to the call
	// Tokens and GPUms were charged for a training: the most that it may use.
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

// PaymentKey is the key of an effect's payment.
func PaymentKey(idem object.Hash) string { return kv.Payments + idem.String() }

// Paid returns what an effect was charged; nil if that is unknown or settled.
func (q *Quotas) Paid(ctx context.Context, idem object.Hash) (*Payment, error) {
	raw, found, err := q.kv.Get(ctx, PaymentKey(idem))
	if err != nil || !found {
		return nil, err
	}
	p, err := object.Decode[payment](raw)
	return (*Payment)(p), err
}
