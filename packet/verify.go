package packet

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// VerifySignatures checks every signature. The error wraps [ErrSignature] and
// sign.ErrSignature. A packet without signatures passes: see [Packet.Verify].
func (p *Packet) VerifySignatures() error {
	claims := make([]sign.Claim, len(p.Signatures))
	for i, e := range p.Signatures {
		claims[i] = sign.Claim{Agent: e.Signer, Message: p.signed, Sig: e.Sig}
	}
	if err := sign.VerifyAll(claims); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// Verify checks that every signature verifies ([ErrSignature]) and that trusted holds for at least one signer
// ([ErrUntrusted]). It returns the trusted signers in the order of the packet.
func (p *Packet) Verify(trusted func(object.AgentID) bool) ([]object.AgentID, error) {
	if err := p.VerifySignatures(); err != nil {
		return nil, err
	}
	var by []object.AgentID
	for _, e := range p.Signatures {
		if trusted != nil && trusted(e.Signer) {
			by = append(by, e.Signer)
		}
	}
	if len(by) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrUntrusted, p.signers())
	}
	return by, nil
}

func (p *Packet) signers() string {
	switch len(p.Signatures) {
	case 0:
		return "it has no signatures"
	case 1:
		return "it is signed by " + p.Signatures[0].Signer.String()
	}
	return fmt.Sprintf("it is signed by %s and %d more", p.Signatures[0].Signer, len(p.Signatures)-1)
}

// SignedBy reports whether a signature of the packet names the agent. Verify the signatures first.
func (p *Packet) SignedBy(agent object.AgentID) bool {
	for _, e := range p.Signatures {
		if e.Signer.Same(agent) {
			return true
		}
	}
	return false
}
