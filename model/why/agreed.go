package why

import (
	"fmt"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// agreed adds the people who approved a receipt's call below it, if its capability requires approval, and verifies the
// approvals.
func (r nodes) agreed(n *Node, rec *ledger.Receipt) {
	w := r.w
	if rec.Refusal() || len(rec.Evidence) == 0 || !w.isCapability(w.under(rec)) {
		return
	}
	chain, err := w.chain(w.under(rec))
	if err != nil {
		return // reported at the capability
	}
	what, err := chain[0].Cap.Scope.Decode()
	if err != nil {
		return
	}
	need := scope.ApproveOf(what)
	if need == nil {
		return
	}
	c := n.leaf("ApprovalRequest", object.Hash{}, "approval by %s", need)
	var raws [][]byte
	for _, id := range rec.Evidence {
		kind, err := w.res.Kind(w.ctx, id)
		if err != nil || kind != "ApprovalRequest" && kind != "Approval" {
			continue
		}
		raw, err := w.raw(kind, id)
		if !c.check(err) {
			return
		}
		raws = append(raws, raw)
	}
	by := []object.AgentID{rec.Signer}
	if len(raws) > 0 { // a gateway may have asked
		if q, err := approval.OpenRequest(raws[0]); err == nil && w.o.Trust.Receipt != nil && w.o.Trust.Receipt(q.Signer, receiptWhen(rec, rec.ReceiptID)) {
			by = append(by, q.Signer)
		}
	}
	q, list, err := approval.Verify(rec, chain, need, raws, by...)
	if !c.check(err) {
		return
	}
	c.ID = q.ID
	for _, a := range list {
		text := fmt.Sprintf("agreed to by %s, as %s", who(a.Signer), q.Role)
		if a.Note != "" {
			text += ": " + OneLine(a.Note)
		}
		one := c.leaf("Approval", a.ID, "%s", text)
		if w.o.Approves == nil || !w.o.Approves(a.Signer, q.Role, rec.ReceiptID, rec) {
			one.fail("%s has not the role %s", a.Signer, q.Role)
		}
	}
}
