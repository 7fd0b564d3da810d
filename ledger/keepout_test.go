package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// TestKeepOut: if the policy says so, another request under a key is refused and the history stays unchanged.
func TestKeepOut(t *testing.T) {
	hash := object.SumText("request")
	s := ledger.State{Request: &hash, Register: &ledger.EffectRegister{LeaseExpiresAt: 100}, Fence: 1}
	attempt := ledger.Event{Attempt: &ledger.Attempt{RequestHash: object.SumText("another")}}
	for _, out := range []bool{false, true} {
		v := ledger.Decide(s, attempt, 1, ledger.Policy{Lease: time.Second, KeepOut: out})
		if v.Action != ledger.Refuse || !errors.Is(v.Err, ledger.ErrIdempotencyConflict) || (v.Reason == 0) != out || (v.Evidence == nil) != out || v.Append {
			t.Errorf("%+v", v)
		}
	}
}
