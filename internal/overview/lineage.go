// Package overview counts and selects what happened in a repository, for the people who
// operate it: which effects were made under a capability, how often each agent called each
// tool, and with what outcome.
package overview

import (
	"context"

	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
)

// maxLeaves is how many capabilities are remembered.
const maxLeaves = 1 << 16

// Under returns a function that reports whether a capability is ancestor or was derived from it by attenuation. A
// capability that is not stored is neither.
func Under(ctx context.Context, n *repo.Repo, ancestor object.Hash) func(leaf object.Hash) bool {
	known := map[object.Hash]bool{ancestor: true}
	return func(leaf object.Hash) bool {
		is, ok := known[leaf]
		if ok {
			return is
		}
		if chain, err := n.Auth.Chain(ctx, leaf); err == nil {
			for _, link := range chain {
				is = is || link.ID == ancestor
			}
		}
		if len(known) < maxLeaves {
			known[leaf] = is
		}
		return is
	}
}
