package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// trustsIssuer says whether an agent may issue capabilities of this kind. What the
// trust file says counts, for the repository's own identity, too; one that the
// file does not name (MYTHOS_KEY) is its own first authority, unless it is a key that the
// repository keeps for somebody else: an agent is no authority for having a key.
func (n *Node) trustsIssuer(issuer object.AgentID, kind uint8) bool {
	if e, named := n.Trust.ByAgent(issuer); named {
		if issuer.Same(n.Self()) && e.From > n.now() {
			return n.Trust.TrustedIssuer(issuer, kind, e.From) // our own key needs no first moment: the clock was ahead when it was made
		}
		return n.Trust.TrustedIssuer(issuer, kind, n.now())
	}
	return issuer.Same(n.Self()) && !n.guest
}

// trustsPolicy says whose issuance policies count here: of those who were trusted for
// them when they signed.
func (n *Node) trustsPolicy(ctx context.Context, p *caps.IssuancePolicy) bool {
	m := ledger.Moment{Time: p.TimeObserved}
	return p.Issuer.Same(n.Self()) || n.Trust.Held(p.Issuer, keyfile.ForPolicy, m, n.now(), n.later(ctx, p.Issuer, m))
}

// issuer is the key that issues capabilities of a kind here: the one in the key
// folder that the trust file names for the kind's domain, the newest of several;
// else the repository's identity. Who acts with another key (MYTHOS_KEY) issues with that
// one alone.
func (n *Node) issuer(kind uint8) (sign.Signer, error) {
	if n.Config.Key != "" {
		return n.Key, nil
	}
	name, err := IssuerKey(n.Dir, n.Trust, caps.Domain(kind), n.now())
	if err != nil || name == "" || name == selfKey {
		return n.Key, err
	}
	return n.KeyNamed(name)
}

// IssuerKey is the name of the key in the repository's folder that the trust file
// names for a domain itself, not by "*"; "" when none does.
func IssuerKey(dir string, trust *keyfile.Trust, domain string, now object.Time) (string, error) {
	keys, err := keyfile.List(KeyDir(dir))
	if err != nil {
		return "", err
	}
	for _, e := range slices.Backward(trust.Entries()) { // what was added last is the newest, whatever its dates say
		if !e.Names(domain) || !e.In(now) {
			continue
		}
		agent, err := e.Agent()
		if err != nil {
			return "", err
		}
		if i := slices.IndexFunc(keys, func(k keyfile.KeyEntry) bool { return k.Err == nil && k.Agent.Same(agent) }); i >= 0 {
			return keys[i].Name, nil
		}
	}
	return "", nil
}

// KeyNamed loads a key of the repository, once. The error wraps fs.ErrNotExist when there
// is none of that name.
func (n *Node) KeyNamed(name string) (*sign.Key, error) {
	n.keyMu.Lock()
	defer n.keyMu.Unlock()
	if k := n.keys[name]; k != nil {
		return k, nil
	}
	k, err := keyfile.Load(KeyDir(n.Dir), name, n.pass)
	if err != nil {
		return nil, err
	}
	if n.keys == nil {
		n.keys = map[string]*sign.Key{}
	}
	n.keys[name] = k
	return k, nil
}

// SignerOf is the key of an agent that is held here, former ones included.
func (n *Node) SignerOf(agent object.AgentID) (sign.Signer, error) {
	if agent.Same(n.Self()) {
		return n.Key, nil
	}
	if n.Config.Key != "" { // who acts with another key signs with that one alone
		return nil, fmt.Errorf("key of %s: %w", agent, ErrNoKey)
	}
	keys, err := keyfile.List(KeyDir(n.Dir))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(keys, func(k keyfile.KeyEntry) bool { return k.Err == nil && k.Agent.Same(agent) })
	if i < 0 {
		return nil, fmt.Errorf("key of %s: %w", agent, ErrNoKey)
	}
	return n.KeyNamed(keys[i].Name)
}

// ErrNoKey means that a key is not held here.
var ErrNoKey = fmt.Errorf("%w: the key is not held here", caps.ErrDenied)

// ownAgents are the agents whose keys are in the repository's folder, former ones
// included: what they signed, we signed.
func (n *Node) ownAgents() ([]object.AgentID, error) {
	keys, err := keyfile.List(KeyDir(n.Dir))
	if err != nil {
		return nil, err
	}
	agents := []object.AgentID{n.Self()}
	for _, k := range keys {
		if k.Err == nil {
			agents = append(agents, k.Agent)
		}
	}
	return agents, nil
}
