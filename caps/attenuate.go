package caps

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// proven is a chain that passed every check of its bytes alone: forms, ids, signatures, and that each child is allowed
// by its parent.
type proven struct {
	links  Chain         // decoded again from the bytes; the bytes are shared with the caller
	scopes []scope.Scope // of the links
}

// prove checks a chain from its bytes alone (spec/capabilities.md#attenuation),
// root first. It makes one signature check for each link.
func prove(chain Chain) (*proven, error) {
	if len(chain) == 0 {
		return nil, &DeniedError{Check: CheckChain, Reason: "there is no capability", Help: "have one issued"}
	}
	if len(chain) > MaxDepth {
		return nil, chain.deny(0, CheckChain, fmt.Sprintf("the chain has %d links, at most %d are allowed", len(chain), MaxDepth),
			"have a capability issued by someone nearer to the root")
	}
	p := &proven{links: make(Chain, len(chain)), scopes: make([]scope.Scope, len(chain))}
	root := len(chain) - 1
	broken := root // the first link, from the root down, whose form is wrong; -1: none
	var wrong *DeniedError
	for ; broken >= 0; broken-- {
		if wrong = p.read(broken, chain[broken]); wrong != nil {
			break
		}
	}
	forged := signatures(p.links[broken+1:])
	for i := root; i > broken; i-- {
		if err := forged[i-broken-1]; err != nil {
			return nil, p.links.deny(i, CheckSignature, "the signature is not that of its issuer, "+p.links[i].Cap.Issuer.Name(),
				"get it from its issuer again").because(err)
		}
		if d := p.allowed(i); d != nil {
			return nil, d
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	return p, nil
}

// read opens link i and checks that it follows from the link above it.
func (p *proven) read(i int, l Link) *DeniedError {
	opened, scope, err := open(l.Raw)
	if err != nil {
		return &DeniedError{Check: formOrID(err), Cap: l.ID, Link: i, Reason: "its bytes are not a capability",
			Help: "get an undamaged copy of the capability", Err: err}
	}
	p.links[i], p.scopes[i] = opened, scope
	if l.ID != opened.ID {
		return p.links.deny(i, CheckID, "it was presented as "+l.ID.String(), "")
	}
	return p.links.connected(i)
}

// signatures checks the signatures of all links on all processors; they are nearly all the work of verifying a chain.
// One goroutine checks several, because each goroutine has to grow its stack.
func signatures(links Chain) (errs [MaxDepth]error) {
	par.Do(len(links), 0, func(i int) { errs[i] = sign.VerifyID(links[i].Cap.Issuer, links[i].ID, links[i].Cap.Signature) })
	return errs
}

// allowed checks link i's scope and that its parent allows it.
func (p *proven) allowed(i int) *DeniedError {
	if err := scope.Exact(p.links[i].Raw, p.links[i].Cap.Scope, p.scopes[i]); err != nil {
		return p.links.deny(i, CheckScope, err.Error(), "use a newer version")
	}
	if i == len(p.links)-1 {
		return nil
	}
	return p.derived(i)
}

// derived checks that link i is a valid child of link i+1.
func (p *proven) derived(i int) *DeniedError {
	child, parent := &p.links[i].Cap, &p.links[i+1].Cap
	switch {
	case child.Issuer.Same(parent.Issuer): // re-issue
	case !child.Issuer.Same(parent.Subject):
		return p.links.deny(i, CheckDelegation, fmt.Sprintf("its issuer %s is neither the subject nor the issuer of its parent", child.Issuer.Name()),
			"only "+parent.Subject.Name()+" may hand it on")
	case !parent.Delegable:
		return p.links.deny(i, CheckDelegation, "its parent is not delegable", "ask "+parent.Issuer.Name()+" for a delegable capability")
	}
	if child.Delegable && !parent.Delegable {
		return p.links.deny(i, CheckDelegation, "it is delegable, its parent is not", "ask for a delegable parent")
	}
	if child.NotBefore < parent.NotBefore || child.ExpiresAt > parent.ExpiresAt {
		return p.links.deny(i, CheckWindow, fmt.Sprintf("its window, %s to %s, is not inside its parent's, %s to %s",
			child.NotBefore, child.ExpiresAt, parent.NotBefore, parent.ExpiresAt), "choose a shorter time to live")
	}
	if err := scope.Within(p.scopes[i], p.scopes[i+1]); err != nil {
		return p.links.deny(i, CheckScope, err.Error(), "a child may only narrow what its parent allows: "+parent.Scope.String())
	}
	if parent.Revocable() && !child.Revocable() {
		return p.links.deny(i, CheckRevocable, "its parent requires revocation checks, it does not", "mark it revocable")
	}
	return nil
}

func formOrID(err error) string {
	if errors.Is(err, object.ErrID) {
		return CheckID
	}
	return CheckForm
}
