package model

import (
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// PolicyTool is the effect that puts a policy into force: PolicyRequest → PolicyState.
var PolicyTool = ir.BuiltinTool("policy.set")

// PolicyRequest asks to put a policy into force in its ring (our addition, spec/learning.md#in-force): the request of
// the policy.set effect.
type PolicyRequest struct {
	PolicyID object.Hash  `can:"1,policy_id"`
	After    *object.Hash `can:"2,after"` // the policy in force at the time of the request; absent: none
}

// PolicyState says which policy is in force in a ring (our addition).
type PolicyState struct {
	RingID   uint8        `can:"1,ring_id"`
	PolicyID object.Hash  `can:"2,policy_id"`
	Previous *object.Hash `can:"3,previous"` // the previous policy
}
