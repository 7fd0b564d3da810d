package gateway

import (
	"context"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// For returns the repository's ledger for agents elsewhere, who run tools and `mythos once` on their own machines.
// Other built-in tools work on the caller's own repository.
func For(n *repo.Repo) *Service {
	return &Service{Self: n.Self(), Now: n.Now, Ledger: n.Ledger, Verifier: n.Verifier, Quotas: n.Quotas, Holds: n.Holds, Approvals: n.Approvals, KV: n.DB, Responses: n.Store, Tools: n.Tools,
		Use: func(tool object.Hash, request []byte) (scope.Use, bool, error) {
			if tool == once.Tool {
				use, err := n.Gate.Use(context.Background(), tool, request)
				return use, true, err
			}
			_, builtin := n.Gate.BuiltinName(tool)
			return scope.Use{Kind: scope.KindToolCall, Tool: tool, Request: request}, !builtin, nil
		},
		Marks: func(a object.AgentID) bool { return n.Trust.Trusted(a, keyfile.ForLedger, n.Now()) },
	}
}
