package caps

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Draft is the content of a new capability.
type Draft struct {
	Subject   object.AgentID
	Scope     scope.CapScope // Attenuate: the parent's when the kind is 0
	NotBefore object.Time    // Attenuate: the parent's when 0
	ExpiresAt object.Time    // Attenuate: the parent's when 0
	Delegable bool           // the subject may issue children
	Revocable bool           // requires a revocation check; Attenuate: also if the parent requires one
}

// Issue makes a root capability. Its chain verifies where the signer is trusted for the scope's kind.
func Issue(s sign.Signer, draft Draft) (Link, error) {
	return issue(s, draft, nil)
}

// Attenuate makes a child of the leaf of a chain. The signer is the subject of a delegable leaf, or the leaf's issuer;
// the draft narrows the leaf. Attenuate verifies the chain's bytes and signatures and refuses, with a *DeniedError,
// every new link that a verifier would refuse. It does not check trust, time or revocation. The new chain is the new
// link followed by the parent chain.
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

// Under returns the draft with every field filled in that Attenuate takes from the parent.
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

// check refuses drafts that no verifier would accept.
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
