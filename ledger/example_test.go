package ledger_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// The state machine alone, without a store: two agents ask to run one effect.
func Example() {
	tool, request := object.SumText("tool:deploy"), object.SumText("release 7")
	s := ledger.Fold(ledger.IdemID(tool, []byte("r7")), nil)
	wish := ledger.Event{Attempt: &ledger.Attempt{RequestHash: request}}
	policy := ledger.Policy{Lease: time.Minute}

	v := ledger.Decide(s, wish, 0, policy)
	fmt.Println("the first one may run it:", v.Action == ledger.Invoke)

	s.Add(ledger.Entry{Kind: ledger.EntryRegister, Register: &ledger.EffectRegister{
		IdemID: s.IdemID, ToolID: tool, RequestHash: request, LeaseExpiresAt: object.Time(0).Add(policy.Lease)}})
	v = ledger.Decide(s, wish, object.Time(0).Add(time.Second), policy)
	fmt.Println("the second one has to wait:", errors.Is(v.Err, ledger.ErrBusy))

	v = ledger.Decide(s, wish, object.Time(0).Add(time.Hour), policy)
	fmt.Println("an hour later nobody knows:", errors.Is(v.Err, ledger.ErrUnknownOutcome))
	// Output:
	// the first one may run it: true
	// the second one has to wait: true
	// an hour later nobody knows: true
}
