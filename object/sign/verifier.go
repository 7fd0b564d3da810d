package sign

import (
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"github.com/mythos-project/mythos/object"
)

// asStandard accepts exactly the signatures that crypto/ed25519 accepts: the equation without cofactor, S below the
// group order, R compared as bytes. Batch verification cannot do this (docs/rationale.md) and is not used.
var asStandard = &voi.Options{Verify: voi.VerifyOptionsStdLib}

// Verifier checks signatures of one agent. Making one costs about one verification; its table of 2 KiB saves a quarter
// of each later verification. It is safe for concurrent use.
type Verifier struct {
	agent object.AgentID
	key   *voi.ExpandedPublicKey // nil: not a point of the curve
}

// NewVerifier returns the verifier of an agent. If the agent is malformed, or its key is not a point of the curve, no
// signature verifies.
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
