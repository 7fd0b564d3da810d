package parts

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
)

// Repaired is the result of repairing one tree.
type Repaired struct {
	Root object.Hash `json:"root"`
	Peer string      `json:"peer,omitempty"` // the name of the peer that had it; empty: none
	Err  error       `json:"-"`              // why no peer sent it
}

// Repair fetches every incomplete tree from the peers that the repository knows, as far as capabilities held here allow
// us to read it, and calls report for each. For that it reads all trees under such capabilities.
func Repair(ctx context.Context, n *repo.Repo, progress Progress, report func(Repaired)) error {
	peers, err := peer.Known(ctx, n)
	if err != nil {
		return err
	}
	done := map[object.Hash]bool{}
	return n.Auth.Readable(ctx, func(root object.Hash, chain caps.Chain) error {
		if done[root] || n.Transfer.Whole(ctx, transfer.Object(root), nothing) == nil {
			done[root] = true
			return ctx.Err()
		}
		r := Repaired{Root: root}
		r.Peer, r.Err = fetchFrom(ctx, peers, root, chain, progress)
		done[root] = r.Err == nil
		report(r)
		return ctx.Err()
	})
}

// fetchFrom asks the peers one after the other.
func fetchFrom(ctx context.Context, known []*peer.Client, root object.Hash, chain caps.Chain, progress Progress) (string, error) {
	var errs []error
	for _, p := range known {
		_, err := Pull(ctx, []*peer.Client{p}, root, chain, progress, nil)
		if err == nil {
			return p.Name, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", p, err))
	}
	if len(errs) == 0 {
		return "", errors.New("no peer is configured")
	}
	return "", errors.Join(errs...)
}

// nothing is verified.
func nothing(transfer.Key) bool { return false }
