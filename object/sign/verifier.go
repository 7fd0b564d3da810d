package sign

import (
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"github.com/mythos-project/mythos/object"
)

// asStandard accepts exactly the signatures that crypto/ed25519 accepts: the
// equation without cofactor, S below the group order, R compared as bytes. Batch
// verification, which cannot (docs/rationale.md), is not used.
var asStandard = &voi.Options{Verify: voi.VerifyOptionsStdLib}

// Verifier checks signatures of one agent. It costs about a verification to make
// and holds a table of 2 KiB, which saves a quarter of each verification. It is safe
// for concurrent use.
type Verifier struct {
	agent object.AgentID
	key   *voi.ExpandedPublicKey // nil: no point of the curve
}

// NewVerifier returns the verifier of an agent. Of an agent that is malformed, or
// whose key is no point of the curve, no signature verifies.
func NewVerifier(agent object.AgentID) *Verifier {
	key, err := voi.NewExpandedPublicKey(agent.Key[:])
	if err != nil {
		key = nil
	}
	return &Verifier{agent, key}
}

// Verify is the function Verify for the verifier's agent.
func (v *Verifier) Verify(message []byte, sig [64]byte) error {
	if err := v.agent.Check(); err != nil {
		return err
	}
	if v.key == nil || !voi.VerifyExpandedWithOptions(v.key, message, sig[:], asStandard) {
		return refused(v.agent)
	}
	return nil
}
