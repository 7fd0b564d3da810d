package ledger

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// executor signs entries as one agent. Its key id is computed once.
type executor struct {
	signer sign.Signer
	agent  object.AgentID
	keyID  object.Hash
}

func newExecutor(s sign.Signer) executor {
	agent := s.Agent()
	return executor{s, agent, agent.KeyID()}
}

// seal signs id, which is v's, into sig, which points into v, and encodes v. The
// key id is always written.
func (x executor) seal(id object.Hash, v any, sig *object.Signature) ([]byte, error) {
	made, err := x.signer.Sign(id.Sum[:])
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", id.Short(), err)
	}
	keyID := x.keyID
	*sig = object.Signature{Alg: object.Ed25519, KeyID: &keyID, Sig: made}
	return can.Marshal(v)
}

// sealEntry is seal for a v whose id is not in it.
func (x executor) sealEntry(rule object.Rule, v any, sig *object.Signature) ([]byte, error) {
	id, err := rule.IDOf(v)
	if err != nil {
		return nil, err
	}
	return x.seal(id, v, sig)
}

// signed reports whether sig is what this executor itself makes of id: for an
// Ed25519 key at hand, which signs deterministically, signing again costs less
// than half of a verification. False says nothing.
func (x executor) signed(agent object.AgentID, id object.Hash, sig object.Signature) bool {
	key, local := x.signer.(*sign.Key)
	if !local || !agent.Same(x.agent) || sig.Alg != object.Ed25519 || (sig.KeyID != nil && *sig.KeyID != x.keyID) {
		return false
	}
	again, err := key.Sign(id.Sum[:])
	return err == nil && again == sig.Sig
}

const maxKeys = 1 << 12 // key ids and agents kept

// keyring remembers the key ids and verifiers of agents, and the agents by key id.
type keyring struct {
	mu     sync.RWMutex
	known  map[object.AgentID]knownKey
	agents map[object.Hash]object.AgentID
}

type knownKey struct {
	id object.Hash
	*sign.Verifier
}

func newKeyring(agents ...object.AgentID) *keyring {
	k := &keyring{known: map[object.AgentID]knownKey{}, agents: map[object.Hash]object.AgentID{}}
	for _, a := range agents {
		k.id(a)
	}
	return k
}

// id is agent.KeyID, computed once while there is room.
func (k *keyring) id(agent object.AgentID) object.Hash { return k.key(agent).id }

func (k *keyring) key(agent object.AgentID) knownKey {
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

func (k *keyring) agent(id object.Hash) (object.AgentID, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	a, ok := k.agents[id]
	return a, ok
}

// verify checks agent's signature over an id; a key id in it must be agent's.
func (k *keyring) verify(agent object.AgentID, id object.Hash, sig object.Signature) error {
	if err := sig.Check(); err != nil {
		return err
	}
	key := k.key(agent)
	if sig.KeyID != nil && *sig.KeyID != key.id {
		return fmt.Errorf("%w: it names key %s, the signer is %s", sign.ErrSignature, sig.KeyID.Short(), agent)
	}
	return key.Verify(id.Sum[:], sig.Sig)
}

const memoSize = 1 << 14 // leaves in each of two generations

// memo remembers leaves whose signatures were verified, or made, here.
type memo struct {
	mu         sync.Mutex
	young, old map[[32]byte]struct{}
}

func leafDigest(kind byte, raw []byte) (d [32]byte) {
	h := sha256.New()
	h.Write([]byte{kind})
	h.Write(raw)
	h.Sum(d[:0])
	return d
}

func (m *memo) has(d [32]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, young := m.young[d]
	_, old := m.old[d]
	return young || old
}

func (m *memo) add(d [32]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= memoSize {
		m.young, m.old = make(map[[32]byte]struct{}, memoSize), m.young
	}
	m.young[d] = struct{}{}
}
