package approval_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/object"
)

// Each key counts once. The key of the agent for whom the call is made never counts.
func ExampleRequest_Count() {
	q := approval.Request{ID: object.SumText("a call"), Agents: []object.AgentID{eve.Agent()}, Need: 2, Role: "ops", ExpiresAt: 1000}
	said := []*approval.Approval{
		{Request: q.ID, Yes: true, Signer: bob.Agent()},
		{Request: q.ID, Yes: true, Signer: bob.Agent()},
		{Request: q.ID, Yes: true, Signer: eve.Agent()},
		{Request: q.ID, Yes: true, Signer: carol.Agent(), TimeObserved: 1000}, // too late
	}
	everybody := func(object.AgentID, string) bool { return true }
	yes, denied := q.Count(said, everybody)
	fmt.Println(yes, denied == nil)
	// Output: 1 true
}
