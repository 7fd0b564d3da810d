package model

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// ring is where most walks start.
func (w *walker) ring(ring uint8) (*Node, error) {
	state, err := w.res.Ring(w.ctx, ring)
	if err != nil {
		return nil, err
	}
	n := &Node{Kind: KindRing, ID: state.PromotionID, Verified: true,
		Label: fmt.Sprintf("ring %d: model %s, record %d", ring, state.ModelID.Short(), state.Sequence)}
	c := w.add(n, "PromotionRecord", state.PromotionID, 1)
	if raw, err := w.raw("PromotionRecord", state.PromotionID); err == nil {
		if p, err := object.Decode[PromotionRecord](raw); err == nil && (p.ModelID != state.ModelID || p.RingID != ring || p.Sequence != state.Sequence) {
			c.fail("the record is about model %s in ring %d, number %d", p.ModelID.Short(), p.RingID, p.Sequence)
		}
	}
	return n, w.err
}

func (w *walker) promotion(n *Node, raw []byte, depth int) {
	p, id, err := OpenPromotion(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("%s into ring %d by %s, %s", p.ActionName(), p.RingID, who(p.Signer), minute(p.TimeObserved))
	if p.Reason != nil {
		n.Label += ": " + *p.Reason
	}
	policy := w.add(n, "PolicyDef", p.PolicyID, depth)
	if raw, err := w.raw("PolicyDef", p.PolicyID); err == nil {
		if def, err := object.Decode[PolicyDef](raw); err == nil && def.Ring != p.RingID {
			policy.fail("the policy is for ring %d, not %d", def.Ring, p.RingID)
		}
	}
	w.add(n, "ModelRef", p.ModelID, depth)
	w.attestations(n, p, depth)
	w.deployment(n, id, raw, depth)
	if p.Restore != nil {
		n.leaf("PromotionRecord", *p.Restore, "a rollback goes back to record %s", p.Restore.Short())
	} else if p.Fallback != nil {
		n.leaf("ModelRef", *p.Fallback, "a rollback falls back to model %s", p.Fallback.Short())
	}
}

// attestations hangs those of a promotion below it: of each claim the first few.
func (w *walker) attestations(n *Node, p *PromotionRecord, depth int) {
	shown := map[uint8]int{}
	for _, id := range p.EvalAttestations {
		raw, err := w.raw(aboutAttestation, id)
		claim := uint8(0)
		if err == nil {
			if a, err := object.Decode[Attestation](raw); err == nil {
				claim = a.ClaimType
			}
		}
		shown[claim]++
		w.nth(n, shown[claim]-1, w.o.Width, func() *Node { return w.attestationOf(p, id, raw, err, depth) })
	}
}

// attestationOf is the node of an attestation that a promotion rests on.
func (w *walker) attestationOf(p *PromotionRecord, id object.Hash, raw []byte, err error, depth int) *Node {
	c := w.visit(aboutAttestation, id, depth)
	if err == nil {
		if a, err := object.Decode[Attestation](raw); err == nil && a.SubjectHash != p.ModelID {
			c.fail("it is about %s, not about model %s", a.SubjectHash.Short(), p.ModelID.Short())
		} else if err == nil && a.ClaimType == ClaimQuorumSignoff && !a.Names(p.PolicyID) {
			c.fail("it does not sign off policy %s", p.PolicyID.Short())
		}
	}
	return c
}

func sameID(got, want object.Hash) error {
	if got != want {
		return fmt.Errorf("%w: its bytes give %s", object.ErrID, got.Short())
	}
	return nil
}

func (w *walker) policy(n *Node, raw []byte, _ int) {
	p, id, err := OpenPolicy(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("policy %s for ring %d by %s: %s, %s, quorum %d of %d", policyName(p, id), p.Ring, who(p.Signer),
		count(len(p.Suites), "suite"), count(len(p.Thresholds), "threshold"), p.Quorum, len(p.Verifiers))
	if !trusts(w.o.Trust.Policy, p.Signer) {
		n.fail("%s is not trusted for policies", p.Signer)
	}
}

// policyName is what people call a policy.
func policyName(p *PolicyDef, id object.Hash) string {
	if p.Name != nil {
		return fmt.Sprintf("%q", *p.Name)
	}
	return id.Short()
}

// minute is a time as people read it.
func minute(t object.Time) string { return t.Std().UTC().Format("2006-01-02 15:04Z") }

func (w *walker) indexState(n *Node, raw []byte, depth int) {
	s, id, err := OpenIndexState(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("index %s, state %d: %s", s.Name, s.Sequence, count(int(s.Count), "episode"))
	w.manifest(n, s.Manifest, nil, depth)
	w.deployment(n, id, raw, depth)
	if s.Restore != nil {
		n.leaf("IndexState", *s.Restore, "a rollback goes back to state %s", s.Restore.Short())
	}
}

// deployment hangs the receipt of the effect that made a record or a state below it:
// by whose decision, under which capability.
func (w *walker) deployment(n *Node, id object.Hash, raw []byte, depth int) {
	receipts := w.related(id, aboutDeployment)
	if len(receipts) == 0 {
		return
	}
	c := w.add(n, "Receipt", receipts[0], depth)
	if _, effect, err := w.opened(receipts[0]); err == nil && !bytes.Equal(effect.Response, raw) {
		c.fail("its response is not this object")
	}
}

func (w *walker) ringHold(n *Node, raw []byte, _ int) {
	h, id, err := OpenHold(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("ring %d frozen: %v, by %s, %s: %s", h.RingID, h.Frozen, who(h.Signer), minute(h.TimeObserved), h.Reason)
}

func (w *walker) model(n *Node, raw []byte, depth int) {
	m, id, err := object.Open[ModelRef](raw, ModelRule)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("model %s", id.Short())
	w.blob(n, "weights", m.Weights)
	w.blob(n, "config", m.Config)
	trainings := w.related(id, aboutTraining)
	if len(trainings) == 0 {
		n.leaf("Receipt", object.Hash{}, "its training").fail("no receipt of a training that gave this model is here")
	}
	w.some(n, "Receipt", trainings, depth, func(c *Node) {
		if r, effect, err := w.opened(c.ID); err == nil && r.ToolID == TrainTool {
			if res, _, _, err := OpenTrainResult(effect.Response); err == nil && res.Model.ModelID != id {
				c.fail("it is of a training that gave another model, %s", res.Model.ModelID.Short())
			}
		} else if err == nil {
			c.fail("it is not of a training")
		}
	})
	if m.ParentModelID != nil {
		w.add(n, "ModelRef", *m.ParentModelID, depth)
	}
	if depth == 1 { // the walk starts here: what is said about it, too
		w.some(n, aboutAttestation, w.related(id, aboutAttestation), depth, nil)
	}
}

func (w *walker) attestation(n *Node, raw []byte, depth int) {
	a, id, err := OpenAttestation(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	verdict := "yes"
	if !a.Passes() {
		verdict = fmt.Sprintf("no (%d)", a.Result)
	}
	n.Label = fmt.Sprintf("%s by %s: %s", ClaimName(a.ClaimType), who(a.Signer), verdict)
	for _, h := range a.Evidence[:min(len(a.Evidence), 4*w.o.Width)] {
		w.named(n, h, depth)
	}
}

func (w *walker) report(n *Node, raw []byte, depth int) {
	r, id, err := OpenReport(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = "report:" + metricsText(r.Metrics)
	rec, effect, err := w.opened(r.ReceiptID)
	if err == nil {
		res, _, err := OpenEvalResult(effect.Response)
		if rec.ToolID != EvalTool || err != nil || res.Job.ModelID != r.ModelID || res.Job.SuiteID != r.SuiteID || !sameMetrics(res.Metrics, r.Metrics) {
			n.fail("it is not what the evaluation with receipt %s gave", r.ReceiptID.Short())
		}
	}
	w.add(n, "Receipt", r.ReceiptID, depth)
}

// metricsText lists metrics by name.
func metricsText(metrics map[string]int64) string {
	names := make([]string, 0, len(metrics))
	for name := range metrics {
		names = append(names, name)
	}
	slices.Sort(names)
	text := ""
	for _, name := range names {
		text += fmt.Sprintf(" %s=%d", name, metrics[name])
	}
	return text
}

func (w *walker) suite(n *Node, raw []byte, depth int) {
	s, id, err := object.Open[EvalSuiteDef](raw, SuiteRule)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("suite %s: %s", id.Short(), strings.Join(s.Metrics, ", "))
	w.code(n, s.SuiteCodeHash, depth)
	w.manifest(n, s.TestsManifest.CID, nil, depth)
}

func (w *walker) recipe(n *Node, raw []byte, depth int) {
	r, id, err := object.Open[RecipeDef](raw, RecipeRule)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = "recipe " + id.Short()
	if label := r.Hyperparams["label"]; label != "" {
		n.Label += " for " + label
	}
	w.code(n, r.TrainCodeHash, depth)
	if r.BaseModel != FromScratch {
		w.add(n, "ModelRef", r.BaseModel, depth)
	}
}

// code hangs code below n when its bytes are here; a hash may name code otherwise.
func (w *walker) code(n *Node, h object.Hash, depth int) {
	if kind, err := w.res.Kind(w.ctx, h); err == nil && kind == KindBytes {
		c := w.add(n, KindBytes, h, depth)
		c.Label = "code " + c.Label
		return
	}
	n.leaf("Code", h, "code: %s", w.tool(h))
}

func (w *walker) bytes(n *Node, raw []byte, _ int) {
	n.Label = fmt.Sprintf("%s, %d bytes", n.ID.Short(), len(raw))
	n.check(sameID(object.Sum(raw), n.ID))
}
