package ledger

import (
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Signer signs entries as one agent. It computes the key id once.
type Signer struct {
	sign.Signer
	agent object.AgentID
	keyID object.Hash
}

// NewSigner returns a Signer that signs with s.
func NewSigner(s sign.Signer) Signer {
	agent := s.Agent()
	return Signer{s, agent, agent.KeyID()}
}

// Agent is the agent that signs.
func (x Signer) Agent() object.AgentID { return x.agent }

// seal signs id, the id of v, into sig, which points into v, and encodes v. It always writes the key id.
func (x Signer) seal(id object.Hash, v any, sig *object.Signature) ([]byte, error) {
	made, err := x.Sign(id.Sum[:])
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", id.Short(), err)
	}
	keyID := x.keyID
	*sig = object.Signature{Alg: object.Ed25519, KeyID: &keyID, Sig: made}
	return can.Marshal(v)
}

// Seal signs v by its rule into sig, which points into v, and encodes v. The id of v is not part of v.
func (x Signer) Seal(rule object.Rule, v any, sig *object.Signature) ([]byte, error) {
	id, err := rule.IDOf(v)
	if err != nil {
		return nil, err
	}
	return x.seal(id, v, sig)
}

// Signed reports whether sig is the signature that this Signer itself makes of id. An Ed25519 key signs
// deterministically, and signing again costs less than half of a verification. False means only that this is not known.
func (x Signer) Signed(agent object.AgentID, id object.Hash, sig object.Signature) bool {
	key, local := x.Signer.(*sign.Key)
	if !local || !agent.Same(x.agent) || sig.Alg != object.Ed25519 || (sig.KeyID != nil && *sig.KeyID != x.keyID) {
		return false
	}
	again, err := key.Sign(id.Sum[:])
	return err == nil && again == sig.Sig
}

const maxKeys = 1 << 12 // number of key ids and agents kept

// Keyring remembers the key ids and verifiers of agents, and looks up agents by key id.
type Keyring struct {
	mu     sync.RWMutex
	known  map[object.AgentID]knownKey
	agents map[object.Hash]object.AgentID
}

type knownKey struct {
	id object.Hash
	*sign.Verifier
}

// NewKeyring returns a Keyring that knows some agents.
func NewKeyring(agents ...object.AgentID) *Keyring {
	k := &Keyring{known: map[object.AgentID]knownKey{}, agents: map[object.Hash]object.AgentID{}}
	for _, a := range agents {
		k.ID(a)
	}
	return k
}

// ID is agent.KeyID, computed once while there is room.
func (k *Keyring) ID(agent object.AgentID) object.Hash { return k.key(agent).id }

func (k *Keyring) key(agent object.AgentID) knownKey {
	bare := agent.Bare()
	k.mu.RLock()
	key, ok := k.known[bare]
	k.mu.RUnlock()
	if ok {
		return key
	}
	key = knownKey{bare.KeyID(), sign.NewVerifier(bare)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) < maxKeys {
		k.known[bare], k.agents[key.id] = key, bare
	}
	return key
}

// Agent is the agent with a key id, if the Keyring has seen it.
func (k *Keyring) Agent(id object.Hash) (object.AgentID, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	a, ok := k.agents[id]
	return a, ok
}

// Verify checks agent's signature over an id. A key id in the signature must be that of agent.
func (k *Keyring) Verify(agent object.AgentID, id object.Hash, sig object.Signature) error {
	if err := sig.Check(); err != nil {
		return err
	}
	key := k.key(agent)
	if sig.KeyID != nil && *sig.KeyID != key.id {
		return fmt.Errorf("%w: it names key %s, the signer is %s", sign.ErrSignature, sig.KeyID.Short(), agent)
	}
	return key.Verify(id.Sum[:], sig.Sig)
}
