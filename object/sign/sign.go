// Package sign makes and checks the Ed25519 signatures of MYTHOS
// (spec/objects.md#signatures). A signature signs the 32 raw bytes of an
// object's id; packets sign their framing (spec/wire.md).
package sign

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// ErrSignature means that a signature does not verify.
var ErrSignature = errors.New("signature does not verify")

// ErrNoSigner means that nothing names the key that made a signature.
var ErrNoSigner = errors.New("no known key for this signature")

// Signer signs as one agent.
type Signer interface {
	Agent() object.AgentID
	Sign(message []byte) ([64]byte, error)
}

// Key is an Ed25519 private key with the hint of its agent. It is a Signer.
type Key struct {
	private ed25519.PrivateKey
	hint    string
}

var _ Signer = (*Key)(nil)

// Generate makes a new key from the system's random source.
func Generate(hint string) (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return &Key{private, hint}, nil
}

// FromSeed makes the key of a 32-byte Ed25519 seed.
func FromSeed(seed [32]byte, hint string) *Key {
	return &Key{ed25519.NewKeyFromSeed(seed[:]), hint}
}

// Seed returns the 32 secret bytes, for storing the key.
func (k *Key) Seed() [32]byte { return [32]byte(k.private.Seed()) }

// Agent is the public identity, hint included.
func (k *Key) Agent() object.AgentID {
	return object.AgentID{Scheme: object.Ed25519, Key: [32]byte(k.private[32:]), Hint: k.hint}
}

// Sign signs message. It makes the signature that crypto/ed25519 makes, in half the time, and like crypto/ed25519 it
// runs in a time that does not depend on the key. It never fails.
func (k *Key) Sign(message []byte) ([64]byte, error) {
	return [64]byte(voi.Sign(voi.PrivateKey(k.private), message)), nil
}

// String hides the secret from logs.
func (k *Key) String() string { return "key of " + k.Agent().String() }

// ID signs an object's id and names the signing key.
func ID(s Signer, id object.Hash) (object.Signature, error) {
	sig, err := s.Sign(id.Sum[:])
	if err != nil {
		return object.Signature{}, fmt.Errorf("sign %s: %w", id.Short(), err)
	}
	keyID := s.Agent().KeyID()
	return object.Signature{Alg: object.Ed25519, KeyID: &keyID, Sig: sig}, nil
}

// Seal fills in the id and the signature of v and returns the canonical bytes. id and sig point into v. It does not
// check the field rules.
func Seal(s Signer, rule object.Rule, v any, id *object.Hash, sig *object.Signature) ([]byte, error) {
	var err error
	if *id, err = rule.IDOf(v); err != nil {
		return nil, err
	}
	if *sig, err = ID(s, *id); err != nil {
		return nil, err
	}
	return can.Marshal(v)
}

// Verify checks agent's signature over message: it accepts what crypto/ed25519
// accepts, at under half the cost. The error wraps ErrSignature.
func Verify(agent object.AgentID, message []byte, sig [64]byte) error {
	if err := agent.Check(); err != nil {
		return err
	}
	if !voi.VerifyWithOptions(agent.Key[:], message, sig[:], asStandard) {
		return refused(agent)
	}
	return nil
}

func refused(agent object.AgentID) error { return fmt.Errorf("%w: by %s", ErrSignature, agent) }

// VerifyID checks agent's signature over an object's id. A key id in the signature must be that of agent.
func VerifyID(agent object.AgentID, id object.Hash, sig object.Signature) error {
	if err := sig.Check(); err != nil {
		return err
	}
	if sig.KeyID != nil && *sig.KeyID != agent.KeyID() {
		return fmt.Errorf("%w: it names key %s, the signer is %s", ErrSignature, sig.KeyID.Short(), agent)
	}
	return Verify(agent, id.Sum[:], sig.Sig)
}

// VerifyOwn checks the signature of a canonical object by the signer that the object names, and that of its second
// signer, if there is one; rule says where they are. If the type names no signer or has no signature, there is nothing
// to check. The caller decides whether to trust the signer.
func VerifyOwn(rule object.Rule, raw []byte) error {
	if rule.Sig == 0 || rule.Signer == 0 {
		return nil
	}
	id, err := rule.ID(raw)
	if err != nil {
		return err
	}
	if err := verifyField(raw, id, rule.Signer, rule.Sig); err != nil || rule.Cosig == 0 {
		return err
	}
	if second, err := can.Field(raw, rule.Cosig); err != nil || second == nil {
		return err
	}
	return verifyField(raw, id, rule.Cosigner, rule.Cosig)
}

// verifyField checks the signature in one field by the agent in another.
func verifyField(raw []byte, id object.Hash, agent, signature uint64) error {
	var sig object.Signature
	if err := field(raw, signature, &sig); err != nil {
		return err
	}
	var signer object.AgentID
	if err := field(raw, agent, &signer); err != nil {
		return err
	}
	return VerifyID(signer, id, sig)
}

func field(raw []byte, num uint64, v any) error {
	value, err := can.Field(raw, num)
	if err != nil {
		return err
	}
	return can.Unmarshal(value, v)
}
