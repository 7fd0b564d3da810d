// Package authority decides who may do what here. It holds, issues and revokes capabilities, charges actions to them,
// and judges who was trusted when something was signed.
package authority

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Built-in effects that nobody calls: the repository's own key makes them, and they leave receipts.
const (
	effectIssue   = "cap.issue"
	effectPolicy  = "cap.policy"
	effectRevoke  = "cap.revoke"
	effectRequire = "cap.require" // a refusal only
)

// Recorded are the names of those effects.
var Recorded = []string{effectIssue, effectPolicy, effectRevoke, effectRequire}

// Authority holds, issues and revokes capabilities, and charges actions to them.
type Authority struct {
	ID          *identity.Identity
	DB          kv.KV
	Store       *store.Store
	Ledger      *kvledger.Ledger
	Gate        *exec.Gate
	Verifier    *caps.Verifier
	Quotas      *quota.Quotas
	Revocations *caps.Revocations
	Policies    *caps.Policies
	RequireCap  bool // the setting: the owner, too, needs an issued capability
	Debugf      func(string, ...any)
}

// Add stores capabilities, so that chains through them can be found.
func (au *Authority) Add(ctx context.Context, links ...caps.Link) error {
	objs := make([]store.Object, len(links))
	for i, l := range links {
		objs[i] = kept(l)
	}
	return au.Store.PutObjects(ctx, objs...)
}

func kept(l caps.Link) store.Object {
	return store.Object{ID: l.ID, Kind: objects.KindCapability, Raw: l.Raw}
}

// Chain returns a capability and those of its ancestors that are here.
func (au *Authority) Chain(ctx context.Context, id object.Hash) (caps.Chain, error) {
	var chain caps.Chain
	for next := &id; next != nil; {
		o, err := au.Store.Object(ctx, *next)
		if err != nil {
			return nil, fmt.Errorf("capability %s: %w", next.Short(), err)
		}
		if o.Kind != objects.KindCapability {
			return nil, fmt.Errorf("%s is a %s: %w", next.Short(), o.Kind, objects.ErrKind)
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

// Each calls fn for every capability that is here, ascending by id.
func (au *Authority) Each(ctx context.Context, fn func(caps.Link) error) error {
	return au.Store.Objects(ctx, objects.KindCapability, func(o store.Object) error {
		link, err := caps.Open(o.Raw)
		if err != nil {
			return fmt.Errorf("capability %s: %w", o.ID.Short(), err)
		}
		return fn(link)
	})
}

// Covering returns the chains held here that cover a use now, the one that expires first first. An empty result is not
// an error.
func (au *Authority) Covering(ctx context.Context, use scope.Use) ([]caps.Chain, error) {
	held, err := au.Held(ctx, use.Kind)
	return au.Covers(held, use), err
}

// Held returns the chains held here that may allow uses of a kind, valid or not, the one that expires first first. It
// leaves out chains that the repository's identity issued to somebody else, who delegated them back: those are for
// requests of that agent.
func (au *Authority) Held(ctx context.Context, kind uint8) ([]caps.Chain, error) {
	return au.HeldIf(ctx, []uint8{kind}, func(c caps.Chain) bool {
		return len(c) < 2 || c[1].Cap.Subject.Same(au.ID.Self()) || !au.ID.Issued(c[len(c)-1].Cap.Issuer)
	})
}

// HeldIf returns chains of some kinds that satisfy fits, like Held, but also those of other agents.
func (au *Authority) HeldIf(ctx context.Context, kinds []uint8, fits func(caps.Chain) bool) ([]caps.Chain, error) {
	serves := func(l caps.Link) bool {
		return slices.ContainsFunc(kinds, func(k uint8) bool { return scope.Serves(l.Cap.Scope.Kind, k) })
	}
	var ids []object.Hash
	err := au.Each(ctx, func(l caps.Link) error {
		if l.Cap.Subject.Same(au.ID.Self()) && serves(l) {
			ids = append(ids, l.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var held []caps.Chain
	for _, id := range ids {
		chain, err := au.Chain(ctx, id)
		if err != nil {
			if errors.Is(err, store.ErrNotFound) {
				continue // a link is missing: the chain cannot be shown to anybody
			}
			return nil, err
		}
		if fits(chain) {
			held = append(held, chain)
		}
	}
	slices.SortStableFunc(held, func(a, b caps.Chain) int {
		return cmp.Compare(a[0].Cap.ExpiresAt, b[0].Cap.ExpiresAt)
	})
	return held, nil
}

// Covers returns the chains that cover a use now.
func (au *Authority) Covers(held []caps.Chain, use scope.Use) []caps.Chain {
	var found []caps.Chain
	for _, chain := range held {
		if au.Verifier.Authorize(chain, au.ID.Self(), use, au.ID.Now()) == nil {
			found = append(found, chain)
		}
	}
	return found
}

// Issue issues a capability with the repository's key for its kind, and stores it. The issuance policy in force must
// allow it (*caps.PolicyError). The issuance leaves a receipt in the ledger, like every effect.
func (au *Authority) Issue(ctx context.Context, d caps.Draft) (caps.Link, error) {
	if err := au.permit(ctx, d); err != nil {
		return caps.Link{}, err
	}
	return au.issue(ctx, d)
}

func (au *Authority) issue(ctx context.Context, d caps.Draft) (caps.Link, error) {
	key, link, err := au.sealed(ctx, d)
	if err != nil {
		return caps.Link{}, err
	}
	_, _, err = au.issued(ctx, key, link, nil)
	return link, err
}

// sealed makes a new capability with the repository's key for its kind.
func (au *Authority) sealed(ctx context.Context, d caps.Draft) (sign.Signer, caps.Link, error) {
	key, err := au.ID.Issuer(d.Scope.Kind)
	if err != nil {
		return nil, caps.Link{}, err
	}
	link, err := caps.Issue(key, d)
	if err != nil {
		return nil, caps.Link{}, err
	}
	if !au.ID.TrustsIssuer(key.Agent(), d.Scope.Kind) {
		return nil, caps.Link{}, au.Gate.Refuse(ctx, exec.Effect{Tool: exec.BuiltinID(effectIssue), Request: link.Raw}, exec.StatusDenied,
			&caps.DeniedError{Check: caps.CheckTrust, Reason: fmt.Sprintf("%s is not trusted to issue %s here", key.Agent(), scope.KindName(d.Scope.Kind)),
				Help: "ask somebody who is: " + au.ID.IssuerNames(d.Scope.Kind)})
	}
	return key, link, nil
}

// permit refuses what the issuance policy does not allow, and records the refusal [cap-151]. Without a policy,
// everything may be issued.
func (au *Authority) permit(ctx context.Context, d caps.Draft) error {
	policy, _, err := au.Policies.Current(ctx)
	if err != nil || policy == nil {
		return err
	}
	rule, err := policy.Permit(d, au.ID.Now())
	if err != nil {
		return errors.Join(err, au.Refuse(ctx, policy.RefusedTo(au.ID.Self(), d.Scope.String(), nil), err))
	}
	au.Debugf("issuance policy %s, rule %q", policy.PolicyID.Short(), rule)
	return nil
}

// Attenuate delegates a part of a capability that is here. The issuance policy applies.
func (au *Authority) Attenuate(ctx context.Context, parent object.Hash, d caps.Draft) (caps.Link, error) {
	chain, err := au.Chain(ctx, parent)
	if err != nil {
		return caps.Link{}, err
	}
	key, err := au.deriver(&chain[0].Cap)
	if err != nil {
		return caps.Link{}, err
	}
	d = d.Under(&chain[0].Cap)
	if err := au.permit(ctx, d); err != nil {
		return caps.Link{}, err
	}
	link, err := caps.Attenuate(key, chain, d)
	if err != nil {
		return caps.Link{}, err
	}
	_, _, err = au.issued(ctx, key, link, nil)
	return link, err
}

// deriver is the key for making a child: the identity, which may hold the parent, or the parent issuer's key, if it is
// here.
func (au *Authority) deriver(parent *caps.Capability) (sign.Signer, error) {
	if parent.Subject.Same(au.ID.Self()) {
		return au.ID.Key, nil
	}
	key, err := au.ID.SignerOf(parent.Issuer)
	if errors.Is(err, identity.ErrNoKey) {
		return au.ID.Key, nil // the refusal says why
	}
	return key, err
}

// issued stores a new capability, its receipt and the additional changes (with, if not nil) in one update. If the
// capability requires revocation checks, its issuer needs a revocation list, which may be a first, empty one.
func (au *Authority) issued(ctx context.Context, key sign.Signer, link caps.Link, with func(receipt object.Hash) []ledger.Rider, evidence ...object.Hash) (id object.Hash, receipt []byte, err error) {
	if err := au.listed(ctx, key, link); err != nil {
		return id, nil, err
	}
	if id, receipt, err = au.receipt(effectIssue, link.Raw, link.ID, evidence...); err != nil {
		return id, nil, err
	}
	put, err := au.Store.ObjectUpdate(ctx, kept(link))
	if err != nil {
		return id, nil, err
	}
	riders := []ledger.Rider{putting(put)}
	if with != nil {
		riders = append(riders, with(id)...)
	}
	return id, receipt, au.Ledger.Record(ctx, receipt, riders...)
}

// putting is a rider that stores something together with a receipt.
func putting(put map[string][]byte) ledger.Rider {
	size := 0
	for key, value := range put {
		size += len(key) + len(value)
	}
	return ledger.Rider{Size: size, Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) { return put, nil }}
}

func (au *Authority) listed(ctx context.Context, key sign.Signer, link caps.Link) error {
	if !link.Cap.Revocable() {
		return nil
	}
	list, err := au.Revocations.List(ctx, key.Agent())
	if err != nil || list != nil {
		return err
	}
	_, _, err = au.Revoke(ctx, key.Agent())
	return err
}

// SetPolicy signs rules as the next issuance policy and puts it into force, with a receipt.
func (au *Authority) SetPolicy(ctx context.Context, rules []caps.IssuanceRule) (*caps.IssuancePolicy, error) {
	kept, err := au.Policies.Kept(ctx)
	if err != nil {
		return nil, err
	}
	_, raw, err := caps.NewIssuancePolicy(au.ID.Key, kept, rules, au.ID.Now())
	if err != nil {
		return nil, err
	}
	return au.PutPolicy(ctx, raw)
}

// PutPolicy puts a signed issuance policy into force, with a receipt.
func (au *Authority) PutPolicy(ctx context.Context, raw []byte) (*caps.IssuancePolicy, error) {
	p, err := au.Policies.Put(ctx, raw)
	if err != nil {
		return nil, err
	}
	return p, au.Record(ctx, effectPolicy, raw, p.PolicyID)
}

// Revoke revokes capabilities that a key here issued, and returns the new list and its bytes. Without any capability it
// only renews the list of the identity. It leaves a receipt for each list.
func (au *Authority) Revoke(ctx context.Context, issuer object.AgentID, ids ...object.Hash) (*caps.RevocationList, []byte, error) {
	key, err := au.ID.SignerOf(issuer)
	if err != nil {
		return nil, nil, err
	}
	list, raw, err := au.Revocations.Revoke(ctx, key, au.ID.Now(), ids...)
	if err != nil {
		return nil, nil, err
	}
	if _, err := au.Store.PutBytes(ctx, raw); err != nil { // each list stays: its place shows what was revoked when
		return nil, nil, err
	}
	return list, raw, au.Record(ctx, effectRevoke, raw, list.ListID)
}

// RevocationLists returns the newest revocation list of each issuer that has one here, by issuer.
func (au *Authority) RevocationLists(ctx context.Context) ([]*caps.RevocationList, error) {
	var issuers []object.AgentID
	err := au.DB.Scan(ctx, caps.RevocationPrefix, kv.End(caps.RevocationPrefix), func(key string, _ []byte) error {
		agent, err := object.ParseKey(strings.TrimPrefix(key, caps.RevocationPrefix))
		issuers = append(issuers, agent)
		return err
	})
	if err != nil {
		return nil, err
	}
	lists := make([]*caps.RevocationList, 0, len(issuers))
	for _, issuer := range issuers {
		l, err := au.Revocations.List(ctx, issuer)
		if err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	return lists, nil
}
