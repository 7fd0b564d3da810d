package quota_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

// A capability for two calls is charged until nothing is left.
func Example() {
	team, agent := sign.FromSeed([32]byte{1}, "team"), sign.FromSeed([32]byte{2}, "agent")
	tool, now := object.SumText("tool:echo"), object.Time(1_700_000_000_000_000)
	calls, _ := scope.New(&scope.ToolCall{ToolID: tool, MaxCalls: 2})
	link, _ := caps.Issue(team, caps.Draft{Subject: agent.Agent(), Scope: calls, NotBefore: now, ExpiresAt: now.Add(time.Hour)})

	q := quota.New(memory.New(), func() object.Time { return now })
	for range 3 {
		err := q.Charge(context.Background(), caps.Chain{link}, scope.Use{Kind: scope.KindToolCall, Tool: tool})
		fmt.Println(err == nil)
	}
	// Output:
	// true
	// true
	// false
}
