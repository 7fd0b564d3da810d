package blob_test

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/blob"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// A blob is read under a capability, like any call of a tool; without one it is refused.
func Example() {
	key, now := sign.FromSeed([32]byte{1}, "alice"), func() object.Time { return 1 }
	db := memory.New()
	s := store.New(db, db)
	gate := &exec.Gate{
		Signer: key, Now: now, Ledger: kvledger.Open(db, key, now), Responses: s, Tools: exec.NewTools(db),
		Verifier: &caps.Verifier{Trusted: func(object.AgentID, uint8) bool { return true }}, Quotas: quota.New(db, now),
	}
	blob.Add(gate, s)
	request, err := can.Marshal(&vm.BlobGetRequest{CID: object.SumText("text")})
	if err != nil {
		panic(err)
	}
	_, err = gate.Do(context.Background(), exec.Effect{Tool: exec.BuiltinID(vm.ToolBlobGet), Request: request})
	fmt.Println(err)
	// Output: effect of tool 28758dccdd4e refused: denied: active: no capability is active
}
