package overview

import (
	"context"
	"strings"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/repo"
)

// ToolOf is the name of the tool that a scope is about; empty: none, or it has no name here.
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

// ScopeText is a scope with the name of its tool for the tool's id. It can be given back.
func ScopeText(ctx context.Context, n *repo.Repo, s scope.CapScope) string {
	return Named(s.String(), ToolOf(ctx, n, s))
}

// Named is the text of a scope with the name of its tool; an empty name changes nothing.
func Named(scope, tool string) string {
	const kind, digits = "tool.call:", 64
	rest, found := strings.CutPrefix(scope, kind)
	if tool == "" || !found || len(rest) < digits {
		return scope
	}
	return kind + tool + rest[digits:]
}
