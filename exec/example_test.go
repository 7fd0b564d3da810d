package exec_test

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// A Go program embeds the gate: an effect needs a capability, happens once for its key,
// and leaves a receipt.
func Example() {
	ctx := context.Background()
	key := sign.FromSeed([32]byte{1}, "alice")
	now := func() object.Time { return 1_767_322_800_000_000 }
	db := memory.New()
	s := store.New(db, db)
	gate := &exec.Gate{
		Signer: key, Now: now, Ledger: kvledger.Open(db, key, now), Responses: s, Tools: exec.NewTools(db),
		Verifier: &caps.Verifier{Trusted: func(a object.AgentID, _ uint8) bool { return a.Same(key.Agent()) }},
		Quotas:   quota.New(db, now), Runners: map[uint8]exec.Runner{},
	}
	tool := exec.BuiltinID("shout")
	gate.Builtin("shout", exec.Builtin{
		Use: func(request []byte) (scope.Use, error) {
			return scope.Use{Kind: scope.KindToolCall, Tool: tool, Request: request}, nil
		},
		Run: func(_ context.Context, c exec.Call) (exec.Response, error) {
			return exec.Response{Body: append(c.Request, '!'), Status: exec.StatusOK}, nil
		},
	})

	call := exec.Effect{Tool: tool, Request: []byte("hello"), Key: []byte("once")}
	_, err := gate.Do(ctx, call)
	fmt.Println(err)

	scope, err := scope.Parse("tool.call:"+tool.String()+",calls=1", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	link, err := caps.Issue(key, caps.Draft{Subject: key.Agent(), Scope: scope, NotBefore: now(), ExpiresAt: now() + 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	call.Caps = []caps.Chain{{link}}
	for range 2 {
		out, err := gate.Do(ctx, call)
		fmt.Println(string(out.Body), out.Status, out.Replayed, err)
	}
	// Output:
	// effect of tool 94c709b52539 refused: denied: active: no capability is active
	// hello! 200 false <nil>
	// hello! 200 true <nil>
}
