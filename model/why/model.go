package why

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
)

func (w *walker) model(n *Node, raw []byte, depth int) {
	m, id, err := object.Open[model.ModelRef](raw, model.ModelRule)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("model %s", id.Short())
	w.blob(n, "weights", m.Weights)
	w.blob(n, "config", m.Config)
	if m.Imported() {
		imports(w, n, id, depth)
	} else {
		trainings(w, n, id, depth)
	}
	if m.ParentModelID != nil {
		w.add(n, "ModelRef", *m.ParentModelID, depth)
	}
	if depth == 1 { // at the start of a walk: also what is said about the model
		w.some(n, registry.AboutAttestation, w.related(id, registry.AboutAttestation), depth, nil)
	}
}

// trainings adds the receipts of the trainings that gave a model below it.
func trainings(w *walker, n *Node, id object.Hash, depth int) {
	receipts := w.receipts(id, registry.AboutTraining)
	if len(receipts) == 0 {
		n.leaf("Receipt", object.Hash{}, "its training").fail("no receipt of a training that gave this model is here")
	}
	w.some(n, "Receipt", receipts, depth, func(c *Node) {
		r, effect, err := w.opened(c.ID)
		switch {
		case err != nil:
		case r.ToolID != model.TrainTool:
			c.fail("it is not of a training")
		default:
			if res, _, _, err := model.OpenTrainResult(effect.Response); err == nil && res.Model.ModelID != id {
				c.fail("it is of a training that gave another model, %s", res.Model.ModelID.Short())
			}
		}
	})
}

// imports adds the receipts of those who took in a model that was trained elsewhere below it.
func imports(w *walker, n *Node, id object.Hash, depth int) {
	n.Label += ", imported: nothing is known of its training"
	receipts := w.receipts(id, registry.AboutImport)
	if len(receipts) == 0 {
		n.leaf("Receipt", object.Hash{}, "its import").fail("no receipt of who imported this model is here")
	}
	w.some(n, "Receipt", receipts, depth, func(c *Node) {
		r, effect, err := w.opened(c.ID)
		if err != nil {
			return
		}
		res, request, _, err := model.OpenImportResult(effect.Response)
		switch {
		case r.ToolID != model.ImportTool:
			c.fail("it is not of an import")
		case err != nil:
			c.fail("%v", err)
		case request != r.RequestHash:
			c.fail("its response is of another job")
		case res.Model.ModelID != id:
			c.fail("it is of an import that gave another model, %s", res.Model.ModelID.Short())
		case res.Job.Source != "":
			c.Label += fmt.Sprintf(": from %s, as they say", OneLine(res.Job.Source))
		}
	})
}

func (w *walker) attestation(n *Node, raw []byte, depth int) {
	a, id, err := model.OpenAttestation(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	verdict := "yes"
	if !a.Passes() {
		verdict = fmt.Sprintf("no (%d)", a.Result)
	}
	n.Label = fmt.Sprintf("%s by %s: %s", model.ClaimName(a.ClaimType), who(a.Signer), verdict)
	if err := a.Grounds(); err != nil {
		n.Label += ", which counts for nothing: " + err.Error()
	}
	if !model.Trusts(w.o.Trust.Attest, a.Signer, model.When{Time: a.TimeObserved}) {
		n.Label += ", whom nobody here trusts to attest"
	}
	if depth == 1 { // at the start of a walk: also its subject, and whether it counts
		w.named(n, a.SubjectHash, depth)
		if !model.Trusts(w.o.Trust.Attest, a.Signer, model.When{Time: a.TimeObserved}) {
			n.fail("%s is not trusted to attest", a.Signer)
		}
	}
	for _, h := range a.Evidence {
		w.named(n, h, depth)
	}
}

// named adds the object with the id below n. It must be here.
func (w *walker) named(n *Node, id object.Hash, depth int) {
	if kind := w.kind(n, id); kind != "" {
		w.add(n, kind, id, depth)
	}
}

func (w *walker) report(n *Node, raw []byte, depth int) {
	r, id, err := model.OpenReport(raw)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = "report:" + metricsText(r.Metrics)
	rec, effect, err := w.opened(r.ReceiptID)
	if err == nil {
		res, _, err := model.OpenEvalResult(effect.Response)
		if rec.ToolID != model.EvalTool || err != nil || res.Job.ModelID != r.ModelID || res.Job.SuiteID != r.SuiteID || !maps.Equal(res.Metrics, r.Metrics) {
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
	s, id, err := object.Open[model.EvalSuiteDef](raw, model.SuiteRule)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = fmt.Sprintf("suite %s: %s", id.Short(), strings.Join(s.Metrics, ", "))
	w.code(n, s.SuiteCodeHash, depth)
	w.manifest(n, s.TestsManifest.CID, nil, depth)
}

func (w *walker) recipe(n *Node, raw []byte, depth int) {
	r, id, err := object.Open[model.RecipeDef](raw, model.RecipeRule)
	if !n.check(err) || !n.check(sameID(id, n.ID)) {
		return
	}
	n.Label = "recipe " + id.Short()
	if label := r.Hyperparams["label"]; label != "" {
		n.Label += " for " + label
	}
	w.code(n, r.TrainCodeHash, depth)
	if r.BaseModel != model.FromScratch {
		w.add(n, "ModelRef", r.BaseModel, depth)
	}
}

// code adds code below n if its bytes are here; a hash may name code in other ways.
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
