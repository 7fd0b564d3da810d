package overview

import (
	"context"
	"strings"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/repo"
)

// ToolOf returns the name of the tool that a scope is about; empty: there is none, or it has no local name.
func ToolOf(ctx context.Context, n *repo.Repo, s scope.CapScope) string {
	sc, err := s.Decode()
	if err != nil {
		return ""
	}
	call, ok := sc.(*scope.ToolCall)
	if !ok {
		return ""
	}
	if name := n.Toolbox.Name(ctx, call.ToolID); name != call.ToolID.Short() {
		return name
	}
	return ""
}

// ScopeText returns a scope with the name of its tool instead of the tool's id. It can be parsed again.
func ScopeText(ctx context.Context, n *repo.Repo, s scope.CapScope) string {
	return Named(s.String(), ToolOf(ctx, n, s))
}

// Named returns the text of a scope with the name of its tool; an empty name changes nothing.
func Named(scope, tool string) string {
	const kind, digits = "tool.call:", 64
	rest, found := strings.CutPrefix(scope, kind)
	if tool == "" || !found || len(rest) < digits {
		return scope
	}
	return kind + tool + rest[digits:]
}
