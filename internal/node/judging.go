package node

import (
	"context"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/ledger"
)

// trustsPolicy says whose issuance policies count here: of those who were trusted for
// them when they signed.
func (n *Node) trustsPolicy(ctx context.Context, p *caps.IssuancePolicy) bool {
	m := ledger.Moment{Time: p.TimeObserved}
	return p.Issuer.Same(n.Self()) || n.Trust.Held(p.Issuer, keyfile.ForPolicy, m, n.Now(), n.later(ctx, p.Issuer, m))
}
