package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

const kindCapability = "Capability"

// trustsIssuer says whether the trust file lets the agent issue capabilities of
// this kind. The repository's own identity is its first authority.
func (n *Node) trustsIssuer(issuer object.AgentID, kind uint8) bool {
	return issuer.Same(n.Self()) || n.Trust.TrustedIssuer(issuer, kind, n.now())
}

// AddCaps keeps capabilities, so that chains through them can be found.
func (n *Node) AddCaps(ctx context.Context, links ...caps.Link) error {
	objs := make([]store.Object, len(links))
	for i, l := range links {
		objs[i] = store.Object{ID: l.ID, Kind: kindCapability, Raw: l.Raw}
	}
	return n.Store.PutObjects(ctx, objs...)
}

// Chain returns a capability and its ancestors, as far as they are here.
func (n *Node) Chain(ctx context.Context, id object.Hash) (caps.Chain, error) {
	var chain caps.Chain
	for next := &id; next != nil; {
		o, err := n.Store.Object(ctx, *next)
		if err != nil {
			return nil, fmt.Errorf("capability %s: %w", next.Short(), err)
		}
		if o.Kind != kindCapability {
			return nil, fmt.Errorf("%s is a %s: %w", next.Short(), o.Kind, ErrKind)
		}
		link, err := caps.Open(o.Raw)
		if err != nil {
			return nil, fmt.Errorf("capability %s: %w", next.Short(), err)
		}
		if chain = append(chain, link); len(chain) > caps.MaxDepth {
			return nil, fmt.Errorf("capability %s: more than %d links", id.Short(), caps.MaxDepth)
		}
		next = link.Cap.AttenuationParent
	}
	return chain, nil
}

// ErrKind means that an object is of another kind than what was asked for.
var ErrKind = errors.New("wrong kind of object")

// Caps calls fn for every capability that is here, ascending by id.
func (n *Node) Caps(ctx context.Context, fn func(caps.Link) error) error {
	return n.Store.Objects(ctx, kindCapability, func(o store.Object) error {
		link, err := caps.Open(o.Raw)
		if err != nil {
			return fmt.Errorf("capability %s: %w", o.ID.Short(), err)
		}
		return fn(link)
	})
}

// Covering returns the chains held here that cover a use now and have quota left
// for it, the one that expires first before the others. An empty result is no error.
func (n *Node) Covering(ctx context.Context, use caps.Use) ([]caps.Chain, error) {
	var held []object.Hash
	err := n.Caps(ctx, func(l caps.Link) error {
		if l.Cap.Subject.Same(n.Self()) && l.Cap.Scope.Kind == use.Kind {
			held = append(held, l.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var found []caps.Chain
	for _, id := range held {
		chain, err := n.Chain(ctx, id)
		if err != nil {
			if errors.Is(err, store.ErrNotFound) {
				continue // a link is missing: it cannot be shown to anybody
			}
			return nil, err
		}
		if n.Verifier.Authorize(chain, n.Self(), use, n.now()) == nil {
			found = append(found, chain)
		}
	}
	slices.SortStableFunc(found, func(a, b caps.Chain) int {
		return int(min(max(a[0].Cap.ExpiresAt-b[0].Cap.ExpiresAt, -1), 1))
	})
	return found, nil
}

// IssueCap issues a capability under the repository's identity and keeps it. The
// issuance leaves a receipt in the ledger, as every effect does.
func (n *Node) IssueCap(ctx context.Context, d caps.Draft) (caps.Link, error) {
	link, err := caps.Issue(n.Key, d)
	if err != nil {
		return caps.Link{}, err
	}
	return link, n.issued(ctx, link)
}

// AttenuateCap hands on a part of a capability that is here.
func (n *Node) AttenuateCap(ctx context.Context, parent object.Hash, d caps.Draft) (caps.Link, error) {
	chain, err := n.Chain(ctx, parent)
	if err != nil {
		return caps.Link{}, err
	}
	link, err := caps.Attenuate(n.Key, chain, d)
	if err != nil {
		return caps.Link{}, err
	}
	return link, n.issued(ctx, link)
}

func (n *Node) issued(ctx context.Context, link caps.Link) error {
	if err := n.AddCaps(ctx, link); err != nil {
		return err
	}
	return n.record(ctx, effectIssue, link.Raw, link.ID)
}
