package identity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// TrustsIssuer reports whether an agent may issue capabilities of this kind. The trust file decides, even for the
// repository's own identity. An identity that the file does not name (MYTHOS_KEY) is its own first authority, unless it
// is a key that the repository stores for somebody else: having a key does not make an agent an authority.
func (id *Identity) TrustsIssuer(issuer object.AgentID, kind uint8) bool {
	if e, named := id.Trust.ByAgent(issuer); named {
		if issuer.Same(id.Self()) && e.From > id.now() {
			return id.Trust.TrustedIssuer(issuer, kind, e.From) // our own key is valid from any time: the clock may have been ahead when it was made
		}
		return id.Trust.TrustedIssuer(issuer, kind, id.now())
	}
	return issuer.Same(id.Self()) && !id.guest
}

// Issued reports whether capabilities issued by this agent are ours: the agent is us, or its key is stored here as that
// of a former identity. With a key that the repository stores for somebody else, only that key is ours.
func (id *Identity) Issued(by object.AgentID) bool {
	return by.Same(id.Self()) || !id.guest && slices.ContainsFunc(id.Former, by.Same)
}

// Issuer returns the key that issues capabilities of a kind here: the key in the key folder that the trust file names
// for the kind's domain, the newest if there are several; otherwise the repository's identity. With another key
// (MYTHOS_KEY), only that one issues.
func (id *Identity) Issuer(kind uint8) (sign.Signer, error) {
	if id.given {
		return id.Key, nil
	}
	name, err := IssuerKey(id.Dir, id.Trust, scope.Domain(kind), id.now())
	if err != nil || name == "" || name == SelfKey {
		return id.Key, err
	}
	return id.KeyNamed(name)
}

// IssuerKey returns the name of the key in the repository's folder that the trust file names for a domain explicitly,
// not by "*"; empty if there is none.
func IssuerKey(dir string, trust *keyfile.Trust, domain string, now object.Time) (string, error) {
	keys, err := keyfile.List(KeyDir(dir))
	if err != nil {
		return "", err
	}
	for _, e := range slices.Backward(trust.Entries()) { // the last added is the newest, whatever its dates say
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

// KeyNamed loads a key of the repository, once. The error wraps fs.ErrNotExist if there is none of that name.
func (id *Identity) KeyNamed(name string) (*sign.Key, error) {
	id.mu.Lock()
	defer id.mu.Unlock()
	if k := id.keys[name]; k != nil {
		return k, nil
	}
	k, err := keyfile.Load(KeyDir(id.Dir), name, id.pass)
	if err != nil {
		return nil, err
	}
	if id.keys == nil {
		id.keys = map[string]*sign.Key{}
	}
	id.keys[name] = k
	return k, nil
}

// SignerOf returns the key of an agent that is stored here, including former ones.
func (id *Identity) SignerOf(agent object.AgentID) (sign.Signer, error) {
	if agent.Same(id.Self()) {
		return id.Key, nil
	}
	if id.given { // with another key, only that one signs
		return nil, fmt.Errorf("key of %s: %w", agent, ErrNoKey)
	}
	keys, err := keyfile.List(KeyDir(id.Dir))
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(keys, func(k keyfile.KeyEntry) bool { return k.Err == nil && k.Agent.Same(agent) })
	if i < 0 {
		return nil, fmt.Errorf("key of %s: %w", agent, ErrNoKey)
	}
	return id.KeyNamed(keys[i].Name)
}

// ErrNoKey means that a key is not stored here.
var ErrNoKey = fmt.Errorf("%w: the key is not held here", caps.ErrDenied)

// ownAgents returns the agents whose keys are in the repository's folder, including former ones: what they signed, we
// signed.
func (id *Identity) ownAgents() ([]object.AgentID, error) {
	keys, err := keyfile.List(KeyDir(id.Dir))
	if err != nil {
		return nil, err
	}
	agents := []object.AgentID{id.Self()}
	for _, k := range keys {
		if k.Err == nil {
			agents = append(agents, k.Agent)
		}
	}
	return agents, nil
}

// MayIssue reports whether capabilities of a kind that this agent issues count here.
func (id *Identity) MayIssue(kind uint8) bool {
	key, err := id.Issuer(kind)
	return err == nil && id.TrustsIssuer(key.Agent(), kind)
}

// IssuerNames returns the names of those who may issue capabilities of a kind here.
func (id *Identity) IssuerNames(kind uint8) string {
	var names []string
	for _, a := range id.Trust.AgentsFor(scope.Domain(kind), id.now()) {
		names = append(names, a.Hint)
	}
	return strings.Join(names, ", ")
}
