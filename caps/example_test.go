package caps_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// A team gives an agent one power for an hour. The agent passes on less of it; nobody can pass on more.
func Example() {
	team := sign.FromSeed([32]byte{1}, "team")
	agent := sign.FromSeed([32]byte{2}, "agent")
	helper := sign.FromSeed([32]byte{3}, "helper")
	now := object.Time(1_700_000_000_000_000)
	tool := object.SumText("tool:echo").String()

	text, _ := scope.Parse("tool.call:"+tool+",calls=10,prefix:/path=/data/", nil)
	root, _ := caps.Issue(team, caps.Draft{
		Subject: agent.Agent(), Scope: text, NotBefore: now, ExpiresAt: now.Add(time.Hour), Delegable: true,
	})

	less, _ := scope.Parse("tool.call:"+tool+",calls=2,prefix:/path=/data/logs/", nil)
	child, _ := caps.Attenuate(agent, caps.Chain{root}, caps.Draft{Subject: helper.Agent(), Scope: less})
	chain := caps.Chain{child, root}

	verifier := &caps.Verifier{Trusted: func(issuer object.AgentID, _ uint8) bool { return issuer.Same(team.Agent()) }}
	use := scope.Use{Kind: scope.KindToolCall, Tool: object.SumText("tool:echo"), Request: []byte(`{"path":"/data/logs/today"}`)}
	fmt.Println(verifier.Authorize(chain, helper.Agent(), use, now))

	more, _ := scope.Parse("tool.call:"+tool+",calls=20,prefix:/path=/data/", nil)
	_, err := caps.Attenuate(agent, caps.Chain{root}, caps.Draft{Subject: helper.Agent(), Scope: more})
	var denied *caps.DeniedError
	fmt.Println(errors.As(err, &denied), denied.Check, "-", denied.Reason)
	// Output:
	// <nil>
	// true scope - calls is 20, its parent's limit is 10
}
