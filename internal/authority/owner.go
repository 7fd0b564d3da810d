package authority

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

const ownerTTL = 10 * time.Minute

// Own gives the repository's own identity a short-lived capability for its owner's actions here: the owner, too, acts
// under one. The issuance policy applies to capabilities for others, not to these.
func (au *Authority) Own(ctx context.Context, sc scope.Scope) (caps.Chain, error) {
	cs, err := scope.New(sc)
	if err != nil {
		return nil, err
	}
	link, err := au.issue(ctx, caps.Draft{Subject: au.ID.Self(), Scope: cs, NotBefore: au.ID.Now(), ExpiresAt: au.ID.Now().Add(ownerTTL)})
	return caps.Chain{link}, err
}

// Record records a receipt for an action under the repository's own key.
func (au *Authority) Record(ctx context.Context, builtin string, request []byte, response object.Hash) error {
	_, raw, err := au.receipt(builtin, request, response)
	if err != nil {
		return err
	}
	return au.Ledger.Record(ctx, raw)
}

func (au *Authority) receipt(builtin string, request []byte, response object.Hash, evidence ...object.Hash) (object.Hash, []byte, error) {
	return ledger.NewReceipt(au.ID.Key, ledger.Receipt{
		ToolID: exec.BuiltinID(builtin), RequestHash: object.Sum(request), ResponseHash: response,
		TimeObserved: au.ID.Now(), Status: exec.StatusOK, Evidence: evidence,
	})
}

// ForTool is the authority for an effect on datasets: the given chains, or the owner's own for this use, or, if
// require_cap is set, the held ones.
func (au *Authority) ForTool(ctx context.Context, effect string, request []byte, given []caps.Chain) ([]caps.Chain, error) {
	if given != nil {
		return given, nil
	}
	tool := exec.BuiltinID(effect)
	if au.RequireCap {
		held, err := au.Covering(ctx, scope.Use{Kind: scope.KindToolCall, Tool: tool, Request: request})
		return OrNone(held), err
	}
	chain, err := au.Own(ctx, &scope.ToolCall{ToolID: tool, MaxCalls: 1})
	return []caps.Chain{chain}, err
}

// OrNone prevents Call from searching for tool.call capabilities when there are none.
func OrNone(chains []caps.Chain) []caps.Chain {
	if chains == nil {
		return []caps.Chain{}
	}
	return chains
}

// Readable calls fn for every whole object that a capability held here allows us to read from its issuer, with that
// capability's chain.
func (au *Authority) Readable(ctx context.Context, fn func(root object.Hash, chain caps.Chain) error) error {
	return au.Each(ctx, func(l caps.Link) error {
		if !l.Cap.Subject.Same(au.ID.Self()) || l.Cap.Scope.Kind != scope.KindBlobRead || au.ID.Now() >= l.Cap.ExpiresAt {
			return nil
		}
		sc, err := l.Cap.Scope.Decode()
		if err != nil {
			return fmt.Errorf("capability %s: %w", l.ID.Short(), err)
		}
		read, ok := sc.(*scope.BlobRead)
		if !ok || read.RangeStart != nil || read.RangeLen != nil {
			return nil
		}
		chain, err := au.Chain(ctx, l.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil // it cannot be shown to anybody
		}
		if err != nil {
			return err
		}
		return fn(read.CID, chain)
	})
}
