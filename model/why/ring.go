package why

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
)

// ring begins most walks.
func (w *walker) ring(ring uint8) (*Node, error) {
	state, err := w.res.Ring(w.ctx, ring)
	if damaged(err) {
		n := &Node{Kind: KindRing, Label: fmt.Sprintf("ring %d", ring)}
		n.check(err)
		return n, nil
	} else if err != nil {
		return nil, err
	}
	n := &Node{Kind: KindRing, ID: state.PromotionID, Verified: true,
		Label: fmt.Sprintf("ring %d: model %s, record %d", ring, state.ModelID.Short(), state.Sequence)}
	c := w.add(n, "PromotionRecord", state.PromotionID, 1)
	p, err := decoded[model.PromotionRecord](&w.source, "PromotionRecord", state.PromotionID)
	if err == nil && (p.ModelID != state.ModelID || p.RingID != ring || p.Sequence != state.Sequence) {
		c.fail("the record is about model %s in ring %d, number %d", p.ModelID.Short(), p.RingID, p.Sequence)
	}
	if state.Policy != nil && (err != nil || *state.Policy != p.PolicyID) {
		w.policyOf(n, *state.Policy, ring, 1)
	}
	if state.Hold != nil {
		c := w.add(n, "RingHold", *state.Hold, 1)
		if h, err := decoded[model.RingHold](&w.source, "RingHold", *state.Hold); err == nil && h.RingID != ring {
			c.fail("it is a hold of ring %d", h.RingID)
		}
	}
	return n, w.err
}

// policyOf adds a policy that is or was in force in a ring below n.
func (w *walker) policyOf(n *Node, id object.Hash, ring uint8, depth int) {
	c := w.add(n, "PolicyDef", id, depth)
	if def, err := decoded[model.PolicyDef](&w.source, "PolicyDef", id); err == nil && def.Ring != ring {
		c.fail("the policy is for ring %d, not %d", def.Ring, ring)
	}
	if !c.Seen && c.Problem == "" && len(w.related(id, registry.AboutDecision)) == 0 {
		c.undecided()
	}
}

func (w *walker) promotion(n *Node, raw []byte, depth int) {
	p, id, err := model.OpenPromotion(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("%s into ring %d by %s, %s", p.ActionName(), p.RingID, who(p.Signer), minute(p.TimeObserved))
	if p.Reason != nil {
		n.Label += ": " + *p.Reason
	}
	w.policyOf(n, p.PolicyID, p.RingID, depth)
	w.add(n, "ModelRef", p.ModelID, depth)
	w.attestations(n, p, depth)
	tool := model.PromoteTool
	if p.Action == model.ActionRollback {
		tool = model.RollbackTool
	}
	w.decision(n, depth, sameBytes(raw), tool)
	if p.Restore != nil {
		n.leaf("PromotionRecord", *p.Restore, "a rollback goes back to record %s", p.Restore.Short())
	} else if p.Fallback != nil {
		n.leaf("ModelRef", *p.Fallback, "a rollback falls back to model %s", p.Fallback.Short())
	}
}

// attestations adds those of a promotion below it, the first few of each claim, and checks that they meet its policy.
func (w *walker) attestations(n *Node, p *model.PromotionRecord, depth int) {
	policy, err := decoded[model.PolicyDef](&w.source, "PolicyDef", p.PolicyID)
	if err != nil {
		policy = nil // reported as a problem of its own
	}
	shown, passed, signed := map[uint8]int{}, map[object.Hash]bool{}, map[string]bool{}
	for _, id := range p.EvalAttestations {
		a, err := decoded[model.Attestation](&w.source, registry.AboutAttestation, id)
		if err != nil {
			a = &model.Attestation{}
		}
		shown[a.ClaimType]++
		w.nth(n, shown[a.ClaimType]-1, w.o.Width, func() *Node {
			c := w.visit(registry.AboutAttestation, id, depth)
			if err == nil {
				c.check(supports(a, p, policy))
			}
			return c
		})
		switch a.ClaimType {
		case model.ClaimEvalPass:
			for _, h := range a.Evidence {
				passed[h] = true
			}
		case model.ClaimQuorumSignoff:
			signed[a.Signer.KeyHex()] = true
		}
	}
	if policy == nil || p.Action == model.ActionRollback && len(p.EvalAttestations) == 0 {
		return // the model was not promoted into the ring
	}
	if slices.ContainsFunc(n.Children, func(c *Node) bool { return FirstProblem(c) != nil }) {
		return // the problems are shown already
	}
	for _, suite := range policy.Suites {
		if !passed[suite] {
			n.fail("no EvalPass on suite %s, which its policy requires, is among its attestations", suite.Short())
		}
	}
	if len(signed) < int(policy.Quorum) {
		n.fail("its policy requires sign-offs by %d verifiers, it has %d", policy.Quorum, len(signed))
	}
}

// supports checks that a promotion may rely on an attestation.
func supports(a *model.Attestation, p *model.PromotionRecord, policy *model.PolicyDef) error {
	switch {
	case a.SubjectHash != p.ModelID:
		return fmt.Errorf("it is about %s, not about model %s", a.SubjectHash.Short(), p.ModelID.Short())
	case a.ClaimType == model.ClaimQuorumSignoff && !a.Names(p.PolicyID):
		return fmt.Errorf("it does not sign off policy %s", p.PolicyID.Short())
	case a.Grounds() != nil:
		return fmt.Errorf("it counts for nothing: %w", a.Grounds())
	case !a.Passes():
		return fmt.Errorf("it says no (%d)", a.Result)
	case policy != nil && !slices.ContainsFunc(policy.Verifiers, a.Signer.Same):
		return fmt.Errorf("%s is not a verifier of policy %s", a.Signer, p.PolicyID.Short())
	}
	return nil
}

func (w *walker) policy(n *Node, raw []byte, depth int) {
	p, id, err := model.OpenPolicy(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("policy %s for ring %d by %s: %s, %s, quorum %d of %d", policyName(p, id), p.Ring, who(p.Signer),
		units.Count(len(p.Suites), "suite"), units.Count(len(p.Thresholds), "threshold"), p.Quorum, len(p.Verifiers))
	decisions := w.related(id, registry.AboutDecision)
	at := model.When{Time: p.TimeObserved}
	if len(decisions) > 0 {
		at.Receipt = decisions[0]
	}
	if !model.Trusts(w.o.Trust.Policy, p.Signer, at) {
		n.fail("%s is not trusted for policies", p.Signer)
	}
	if len(decisions) > 0 {
		w.decision(n, depth, func(response []byte) bool {
			s, err := object.Decode[model.PolicyState](response)
			return err == nil && s.PolicyID == id && s.RingID == p.Ring
		}, model.PolicyTool)
	}
}

// policyName is what people call a policy.
func policyName(p *model.PolicyDef, id object.Hash) string {
	if p.Name != nil {
		return fmt.Sprintf("%q", *p.Name)
	}
	return id.Short()
}

func (w *walker) indexState(n *Node, raw []byte, depth int) {
	s, id, err := model.OpenIndexState(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("index %s, state %d: %s", s.Name, s.Sequence, units.Count(int(s.Count), "episode"))
	w.manifest(n, s.Manifest, nil, depth)
	if s.Vectors != nil {
		nodes{w}.vectors(n, s, depth)
	}
	if len(w.related(id, registry.AboutDecision)) > 0 {
		w.decision(n, depth, sameBytes(raw), model.IndexUpdateTool, model.IndexRollbackTool)
	}
	if s.Restore != nil {
		n.leaf("IndexState", *s.Restore, "a rollback goes back to state %s", s.Restore.Short())
	}
}

// decision adds the receipt of the effect that made a record, a hold or a state, or put a policy into force, below it:
// who decided, under which capability. Its tool must be one of tools, and its response must satisfy made.
func (w *walker) decision(n *Node, depth int, made func(response []byte) bool, tools ...object.Hash) {
	receipts := w.receipts(n.ID, registry.AboutDecision)
	if len(receipts) == 0 {
		n.undecided()
	}
	w.some(n, "Receipt", receipts, depth, func(c *Node) {
		r, effect, err := w.opened(c.ID)
		switch {
		case err != nil:
			c.fail("%v", err)
		case !slices.Contains(tools, r.ToolID):
			c.fail("it is of %s, which does not decide this", w.tool(r.ToolID))
		case !made(effect.Response):
			c.fail("its response is not this object")
		}
	})
}

// undecided reports that the receipt of a decision is missing.
func (n *Node) undecided() {
	n.leaf("Receipt", object.Hash{}, "who decided it").fail("no receipt of this decision is here")
}

func sameBytes(want []byte) func([]byte) bool {
	return func(have []byte) bool { return bytes.Equal(have, want) }
}

func (w *walker) ringHold(n *Node, raw []byte, depth int) {
	h, id, err := model.OpenHold(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	verb, tool := "thawed", model.ThawTool
	if h.Frozen {
		verb, tool = "frozen", model.FreezeTool
	}
	n.Label = fmt.Sprintf("ring %d %s by %s, %s: %s", h.RingID, verb, who(h.Signer), minute(h.TimeObserved), h.Reason)
	w.decision(n, depth, sameBytes(raw), tool)
	if h.Previous != nil && depth == 1 { // at the start of a walk: also its predecessor
		w.add(n, "RingHold", *h.Previous, depth)
	}
}
