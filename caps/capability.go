package caps

import (
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

const (
	// MaxDepth is the largest number of links in a chain.
	MaxDepth = 16
	// MaxSize is the largest encoded capability that is read, in bytes.
	MaxSize = 64 << 10
)

// Capability is one grant. Its id leaves out the id and the signature, and the
// issuer signs the id.
type Capability struct {
	CapID              object.Hash      `can:"1,cap_id"`
	Issuer             object.AgentID   `can:"2,issuer"`
	Subject            object.AgentID   `can:"3,subject"` // the agent who may use it
	Scope              scope.CapScope   `can:"4,scope"`
	NotBefore          object.Time      `can:"5,not_before"`          // valid from this time on,
	ExpiresAt          object.Time      `can:"6,expires_at"`          // and until just before this time
	Delegable          bool             `can:"7,delegable"`           // the subject may issue children
	AttenuationParent  *object.Hash     `can:"8,attenuation_parent"`  // absent: a root
	RevocationRequired *bool            `can:"9,revocation_required"` // absent: false
	Signature          object.Signature `can:"10,signature"`
}

// Rule says how capabilities are identified and signed.
var Rule = object.Rule{Mask: can.Mask{1: nil, 10: nil}, IDField: 1, Signer: 2, Sig: 10}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Capability]("Capability", Rule),
	object.Define[RevocationList]("RevocationList", RevocationRule),
	object.Define[IssuancePolicy]("IssuancePolicy", PolicyRule),
	object.Define[IssuanceRule]("IssuanceRule", object.Rule{}),
	object.Define[TokenRule]("TokenRule", object.Rule{}),
	object.Define[Request]("CapRequest", object.Rule{}),
	object.Define[Issued]("CapIssued", object.Rule{}),
	object.Define[Proof]("IssuanceProof", object.Rule{}),
	object.Define[Refused]("CapRefused", object.Rule{}),
}

// Revocable reports whether the capability requires a revocation check.
func (c *Capability) Revocable() bool { return c.RevocationRequired != nil && *c.RevocationRequired }

// Link is one opened capability: its id, its fields and its received bytes.
type Link struct {
	ID  object.Hash
	Cap Capability
	Raw []byte
}

// Chain is a capability and its parents, the leaf first and the root last.
type Chain []Link

// Open reads the canonical bytes of a capability and checks its id, its fields and those of its scope. It checks no
// signature and trusts nobody. It copies raw.
func Open(raw []byte) (Link, error) {
	l, _, err := open(raw)
	if err != nil {
		return Link{}, fmt.Errorf("capability: %w", err)
	}
	l.Raw = append(make([]byte, 0, len(raw)), raw...)
	return l, nil
}

// open is Open without the copy, and returns the decoded scope. It does the same as object.Open but decodes scope and
// id only once; a test compares the two.
func open(raw []byte) (l Link, scope scope.Scope, err error) {
	if len(raw) > MaxSize {
		return Link{}, nil, fmt.Errorf("%d bytes are more than %d", len(raw), MaxSize)
	}
	l.Raw = raw
	if err := can.Unmarshal(raw, &l.Cap); err != nil {
		return Link{}, nil, err
	}
	if scope, err = l.Cap.check(); err != nil {
		return Link{}, nil, fmt.Errorf("%w: %w", object.ErrInvalid, err)
	}
	if l.ID, err = Rule.ID(raw); err != nil {
		return Link{}, nil, err
	}
	if l.Cap.CapID != l.ID {
		return Link{}, nil, fmt.Errorf("%w: it carries %s, its bytes give %s", object.ErrID, l.Cap.CapID, l.ID)
	}
	return l, scope, nil
}

// check applies the field rules and returns the decoded scope.
func (c *Capability) check() (scope.Scope, error) {
	if err := c.CapID.Check(); err != nil {
		return nil, fmt.Errorf("cap_id: %w", err)
	}
	if err := c.Issuer.Check(); err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	if err := c.Subject.Check(); err != nil {
		return nil, fmt.Errorf("subject: %w", err)
	}
	if c.AttenuationParent != nil {
		if err := c.AttenuationParent.Check(); err != nil {
			return nil, fmt.Errorf("attenuation_parent: %w", err)
		}
	}
	if c.Signature.KeyID != nil {
		if err := c.Signature.KeyID.Check(); err != nil {
			return nil, fmt.Errorf("signature.key_id: %w", err)
		}
	}
	if err := c.Signature.Check(); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	scope, err := c.Scope.Decode()
	if err != nil {
		return nil, fmt.Errorf("scope: %w", err)
	}
	return scope, nil
}

// Leaf is the capability that the holder uses. It returns false for an empty chain.
func (c Chain) Leaf() (Link, bool) {
	if len(c) == 0 {
		return Link{}, false
	}
	return c[0], true
}

// Raws returns the bytes of all links, the leaf first.
func (c Chain) Raws() [][]byte {
	raws := make([][]byte, len(c))
	for i, l := range c {
		raws[i] = l.Raw
	}
	return raws
}

// OpenChain opens the links of a chain, the leaf first. It checks that each link names the next as its parent and that
// the last is a root. It checks no signature and trusts nobody.
func OpenChain(raws ...[]byte) (Chain, error) {
	if len(raws) == 0 || len(raws) > MaxDepth {
		return nil, &DeniedError{Check: CheckChain, Reason: fmt.Sprintf("a chain has 1 to %d capabilities, not %d", MaxDepth, len(raws)), Help: "present the whole chain up to the root"}
	}
	chain := make(Chain, len(raws))
	for i, raw := range raws {
		l, err := Open(raw)
		if err != nil {
			return nil, fmt.Errorf("link %d: %w", i, err)
		}
		chain[i] = l
	}
	for i := range chain {
		if d := chain.connected(i); d != nil {
			return nil, d
		}
	}
	return chain, nil
}

// connected checks that link i names the next link as its parent, or that it names none if it is the last.
func (c Chain) connected(i int) *DeniedError {
	parent := c[i].Cap.AttenuationParent
	switch {
	case i == len(c)-1 && parent != nil:
		return c.deny(i, CheckParent, fmt.Sprintf("its parent %s is not in the chain", parent.Short()),
			"present the whole chain up to the root")
	case i < len(c)-1 && parent == nil:
		return c.deny(i, CheckParent, "it is a root, yet more capabilities follow it in the chain",
			"present the leaf first and the root last")
	case i < len(c)-1 && *parent != c[i+1].ID:
		return c.deny(i, CheckParent, fmt.Sprintf("its parent is %s, the chain goes on with %s", parent.Short(), c[i+1].ID.Short()),
			"present the leaf first and the root last")
	}
	return nil
}
