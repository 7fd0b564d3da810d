package caps

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Draft is what a new capability is to say.
type Draft struct {
	Subject   object.AgentID
	Scope     scope.CapScope // Attenuate: the parent's when the kind is 0
	NotBefore object.Time    // Attenuate: the parent's when 0
	ExpiresAt object.Time    // Attenuate: the parent's when 0
	Delegable bool           // the subject may issue children
	Revocable bool           // requires a revocation check; Attenuate: also when the parent does
}

// Issue makes a root capability. The chain of it verifies where the signer is
// trusted for the scope's kind.
func Issue(s sign.Signer, draft Draft) (Link, error) {
	return issue(s, draft, nil)
}

// Attenuate makes a child of the leaf of a chain: the signer is the leaf's subject
// (the leaf being delegable) or its issuer, and the draft narrows the leaf. It
// verifies the chain's bytes and signatures and refuses, with a *DeniedError,
// whatever a verifier would refuse of the longer chain; trust, time and
// revocation are not looked at. The new chain is the new link before the parent.
func Attenuate(s sign.Signer, parent Chain, draft Draft) (Link, error) {
	p, err := prove(parent)
	if err != nil {
		return Link{}, err
	}
	leaf := &p.links[0]
	draft = draft.Under(&leaf.Cap)
	child, err := issue(s, draft, &leaf.ID)
	if err != nil {
		return Link{}, err
	}
	if _, err := prove(append(Chain{child}, parent...)); err != nil {
		return Link{}, err
	}
	return child, nil
}

// Under is the draft of a child of parent with everything filled in that Attenuate
// takes from the parent.
func (d Draft) Under(parent *Capability) Draft {
	if d.Scope.Kind == 0 {
		d.Scope = parent.Scope
	}
	if d.NotBefore == 0 {
		d.NotBefore = parent.NotBefore
	}
	if d.ExpiresAt == 0 {
		d.ExpiresAt = parent.ExpiresAt
	}
	d.Revocable = d.Revocable || parent.Revocable()
	return d
}

func issue(s sign.Signer, draft Draft, parent *object.Hash) (Link, error) {
	if draft.NotBefore >= draft.ExpiresAt {
		return Link{}, fmt.Errorf("a capability that expires at %s cannot be valid from %s on", draft.ExpiresAt, draft.NotBefore)
	}
	if err := draft.check(); err != nil {
		return Link{}, err
	}
	c := Capability{
		Issuer: s.Agent(), Subject: draft.Subject, Scope: draft.Scope,
		NotBefore: draft.NotBefore, ExpiresAt: draft.ExpiresAt,
		Delegable: draft.Delegable, AttenuationParent: parent,
	}
	if draft.Revocable {
		c.RevocationRequired = &draft.Revocable
	}
	raw, err := sign.Seal(s, Rule, &c, &c.CapID, &c.Signature)
	if err != nil {
		return Link{}, fmt.Errorf("issue capability: %w", err)
	}
	return Open(raw)
}

// check refuses drafts that no verifier would take.
func (d *Draft) check() error {
	if err := d.Subject.Check(); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	decoded, err := d.Scope.Decode()
	if err != nil {
		return err
	}
	if !d.Scope.Plain() {
		return errors.New("the scope has fields that this version does not know")
	}
	if call, ok := decoded.(*scope.ToolCall); ok {
		return scope.CheckConstraints(call.Constraints)
	}
	return nil
}
