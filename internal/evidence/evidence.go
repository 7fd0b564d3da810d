// Package evidence opens complete bundles of evidence: the ledger's part and the capability chain, which the ledger
// does not read (spec/evidence.md#evidence-bundles).
package evidence

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Open checks that a bundle is intact. The caller decides whether its signers are trusted. Errors are those of
// [ledger.VerifyEvidence], those of [caps.OpenChain], a *caps.DeniedError, and ErrChain.
func Open(raw []byte) (*ledger.Evidence, error) {
	ev, _, err := open(raw)
	return ev, err
}

// open is Open, and also returns who approved the call.
func open(raw []byte) (*ledger.Evidence, []Signer, error) {
	ev, err := ledger.VerifyEvidence(raw, nil)
	if err != nil {
		return nil, nil, err
	}
	agreed, err := authority(ev)
	if err != nil {
		return nil, nil, fmt.Errorf("evidence: its capabilities: %w", err)
	}
	return ev, agreed, nil
}

// ErrChain means that the capabilities of a bundle do not belong to its receipt.
var ErrChain = errors.New("not the authority of this receipt")

// authority returns who approved, and checks that the chain is complete and is the one that the receipt names. The root
// issuer is accepted as it is, and no revocation list is consulted: a bundle holds neither trust nor lists.
func authority(ev *ledger.Evidence) (agreed []Signer, err error) {
	if len(ev.Caps) == 0 {
		if len(ev.Agreed) > 0 {
			err = fmt.Errorf("%w: approvals, and no capability that asks for them", ErrChain)
		}
		return nil, err
	}
	chain, err := caps.OpenChain(ev.Caps...)
	if err != nil {
		return nil, err
	}
	r := ev.Receipt
	if len(r.Evidence) == 0 || chain[0].ID != r.Evidence[0] {
		return nil, fmt.Errorf("%w: it names another capability than %s", ErrChain, chain[0].ID.Short())
	}
	root := chain[len(chain)-1].Cap.Issuer
	v := caps.Verifier{Trusted: func(a object.AgentID, _ uint8) bool { return a.Same(root) }, Unlisted: true}
	if err := v.Verify(chain, r.Signer, r.TimeObserved); err != nil {
		return nil, err
	}
	leaf, err := chain[0].Cap.Scope.Decode()
	if err != nil {
		return nil, err
	}
	if tools := scope.Tools(leaf); tools != nil && !slices.Contains(tools, Charged(r)) {
		return nil, fmt.Errorf("%w: capability %s is for other tools than that of the receipt, %s", ErrChain, chain[0].ID.Short(), Charged(r).Short())
	}
	return approved(ev, chain, scope.ApproveOf(leaf))
}

// approved checks the approvals that the capability asks for. The approvers are among those who have to be trusted.
func approved(ev *ledger.Evidence, chain caps.Chain, need *scope.Approve) ([]Signer, error) {
	if need == nil {
		if len(ev.Agreed) > 0 {
			return nil, fmt.Errorf("%w: approvals that capability %s does not ask for", ErrChain, chain[0].ID.Short())
		}
		return nil, nil
	}
	q, list, err := approval.Verify(ev.Receipt, chain, need, ev.Agreed, ev.Receipt.Signer, ev.Log.Signer)
	if errors.Is(err, approval.ErrEvidence) {
		err = fmt.Errorf("%w: %w", ErrChain, err)
	}
	if err != nil {
		return nil, err
	}
	var signers []Signer
	for _, a := range list {
		s := signerOf("approval/"+q.Role, a.Signer)
		s.Role = q.Role
		signers = append(signers, s)
	}
	return signers, nil
}

// Charged returns the tool that a receipt's capability has to be for; for mythos.once, the program that it ran.
func Charged(r *ledger.Receipt) object.Hash {
	if r.ToolID == ir.BuiltinTool("once") && len(r.Evidence) > 1 {
		return r.Evidence[1]
	}
	return r.ToolID
}
