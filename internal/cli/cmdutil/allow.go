package cmdutil

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/remedy"
	"github.com/mythos-project/mythos/internal/repo"
)

// AllowHint names the remedy for a call that was refused for lack of authority; empty if the refusal itself does. Only
// a user who may issue capabilities gets the command that issues one; others are told whom to ask. A use of somebody
// else's capability, or of a revoked one, is no reason to issue another.
func AllowHint(n *repo.Repo, err error, tool string) string {
	var denied *caps.DeniedError
	if !errors.As(err, &denied) {
		return ""
	}
	return remedy.For(err, allowing(n, tool))
}

// allowing is the command that allows a call of a tool, and who may run it.
func allowing(n *repo.Repo, tool string) string {
	if t, err := n.Toolbox.Find(context.Background(), tool); err == nil && n.Gate.Elsewhere(t.ID) {
		return "ask someone who may issue it to run at the server: " + remedy.Issue(n.Self().KeyHex(), "tool.call:"+t.ID.String()+",calls=1", "1h")
	}
	scopeText := "tool.call:" + tool + ",calls=1"
	if n.MayIssue(scope.KindToolCall) {
		return remedy.Issue("self", scopeText, "1h")
	}
	to := "self"
	if name := n.AgentName(n.Self()); name != "" {
		to = name
	}
	return "ask someone who may issue it to run: " + remedy.Issue(to, scopeText, "1h")
}
