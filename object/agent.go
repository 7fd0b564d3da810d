package object

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object/can"
)

// Ed25519 is the only signature scheme of MYTHOS v0.2: an AgentID's scheme and a
// Signature's algorithm.
const Ed25519 uint8 = 1

// AgentID names an agent by its public key. The hint is part of the canonical bytes but not of the identity: compare
// with Same or KeyID.
type AgentID struct {
	Scheme uint8    `can:"1,scheme"` // 1 Ed25519
	Key    [32]byte `can:"2,key"`
	Hint   string   `can:"3,hint,omitzero"` // a name for people
}

// Same reports whether both are the same agent: scheme and key agree.
func (a AgentID) Same(b AgentID) bool { return a.Scheme == b.Scheme && a.Key == b.Key }

// Bare returns a without its hint, to serve as a map key.
func (a AgentID) Bare() AgentID { return AgentID{Scheme: a.Scheme, Key: a.Key} }

// KeyID is the hash of the canonical AgentID without its hint; signatures name their key with it.
func (a AgentID) KeyID() Hash {
	b, err := can.Marshal(a.Bare())
	if err != nil {
		panic("object: an AgentID without hint always encodes: " + err.Error())
	}
	return Sum(b)
}

// KeyHex is the public key as 64 lower-case hex digits.
func (a AgentID) KeyHex() string { return hex.EncodeToString(a.Key[:]) }

// String is the hint, if any, and the public key.
func (a AgentID) String() string {
	if a.Hint != "" {
		return a.Hint + " (" + a.KeyHex() + ")"
	}
	return a.KeyHex()
}

// Check refuses any scheme but Ed25519 [field-8].
func (a AgentID) Check() error {
	if a.Scheme != Ed25519 {
		return fmt.Errorf("agent scheme %d is not known (1 is Ed25519)", a.Scheme)
	}
	return nil
}

// ParseKey reads an Ed25519 public key as 64 hex digits.
func ParseKey(s string) (AgentID, error) {
	a := AgentID{Scheme: Ed25519}
	if len(s) != 64 {
		return AgentID{}, errors.New("a public key has 64 hex digits")
	}
	if _, err := hex.Decode(a.Key[:], []byte(s)); err != nil {
		return AgentID{}, fmt.Errorf("public key: %w", err)
	}
	return a, nil
}

// Signature is a signature over the 32 raw bytes of an object's id.
type Signature struct {
	Alg   uint8    `can:"1,alg"` // 1 Ed25519
	KeyID *Hash    `can:"2,key_id"`
	Sig   [64]byte `can:"3,sig_bytes"`
}

// Check refuses any algorithm but Ed25519 [field-9].
func (s Signature) Check() error {
	if s.Alg != Ed25519 {
		return fmt.Errorf("signature algorithm %d is not known (1 is Ed25519)", s.Alg)
	}
	return nil
}
