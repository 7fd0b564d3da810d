package cmdutil

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/repo"
)

// AllowHint says what would allow a call of a tool that was refused for want of
// authority; empty when the refusal says it best itself. The line that issues a
// capability is for those who may issue one: others are told whom to ask. What was
// tried with somebody else's capability, or one that was taken back, is no reason to
// issue another.
func AllowHint(n *repo.Repo, err error, tool string) string {
	var denied *caps.DeniedError
	if !errors.As(err, &denied) {
		return ""
	}
	switch denied.Check {
	case caps.CheckHolder:
		return "only its holder uses a capability, with its own key; `mythos cap ls` lists those of this key"
	case caps.CheckRevocation, caps.CheckTrust, caps.CheckTime, caps.CheckFrozen:
		return denied.Help
	}
	if t, err := n.Toolbox.Find(context.Background(), tool); err == nil && n.Gate.Elsewhere(t.ID) {
		return "ask somebody who may issue it at the server: mythos cap issue --to " + n.Self().KeyHex() + " --scope tool.call:" + t.ID.String() + ",calls=1 --ttl 1h"
	}
	to := "self"
	if name := n.AgentName(n.Self()); name != "" {
		to = name
	}
	line := "mythos cap issue --to self --scope tool.call:" + tool + ",calls=1 --ttl 1h"
	if n.MayIssue(scope.KindToolCall) {
		return line
	}
	return "ask somebody who may issue it: mythos cap issue --to " + to + " --scope tool.call:" + tool + ",calls=1 --ttl 1h"
}
