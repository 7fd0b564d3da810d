package objectcmd

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/model"
)

func (s speaker) recipe(r *model.RecipeDef) []string {
	base := "from scratch"
	if r.BaseModel != model.FromScratch {
		base = "from model " + r.BaseModel.Short()
	}
	return []string{fmt.Sprintf("Trains %s with code %s and %s.", base, r.TrainCodeHash.Short(), params(r.Hyperparams))}
}

func params(list map[string]string) string {
	if len(list) == 0 {
		return "no parameters"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(list)) {
		parts = append(parts, name+"="+list[name])
	}
	return strings.Join(parts, ", ")
}

func (s speaker) suite(d *model.EvalSuiteDef) []string {
	return []string{fmt.Sprintf("Measures %s on the episodes of manifest %s.", strings.Join(d.Metrics, ", "), d.TestsManifest.CID.Short())}
}

func (s speaker) policy(p *model.PolicyDef) []string {
	lines := []string{fmt.Sprintf("A model enters ring %d only with: %s passed, %s met, %s by distinct verifiers of %d.",
		p.Ring, units.Count(len(p.Suites), "suite"), units.Count(len(p.Thresholds), "threshold"), units.Count(p.Quorum, "sign-off"), len(p.Verifiers))}
	if p.Imported {
		lines = append(lines, "It admits imported models, of whose training nothing is known.")
	}
	if p.Name != nil {
		lines = append(lines, "It is called "+*p.Name+".")
	}
	return lines
}

func (s speaker) model(m *model.ModelRef) []string {
	from := "trained from scratch"
	if m.ParentModelID != nil {
		from = "trained further from model " + m.ParentModelID.Short()
	}
	weights := "have " + units.Count(int(m.Weights.Size), "byte")
	if m.IsFolder() {
		weights = "are the folder " + m.Weights.CID.Short() + " (mythos tree ls)"
	}
	if m.Imported() {
		from = "imported: nothing is known of its training"
	} else {
		from += " by code " + m.CodeHash.Short()
	}
	return []string{fmt.Sprintf("A model, %s; its weights %s.", from, weights),
		"`mythos why " + m.ModelID.Short() + "` shows what it rests on."}
}

func (s speaker) attestation(a *model.Attestation) []string {
	result := "and the result is positive"
	if a.Result != model.ResultPass {
		result = fmt.Sprintf("and the result is NOT positive (%d)", a.Result)
	}
	lines := []string{fmt.Sprintf("%s attests %s for %s, %s.", s.who(a.Signer), model.ClaimName(a.ClaimType), a.SubjectHash.Short(), result)}
	if a.Notes != nil {
		lines = append(lines, "Note: "+*a.Notes)
	}
	return lines
}

func (s speaker) report(r *model.EvalReport) []string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		parts = append(parts, fmt.Sprintf("%s=%d", name, r.Metrics[name]))
	}
	return []string{fmt.Sprintf("Model %s was measured with suite %s: %s.", r.ModelID.Short(), r.SuiteID.Short(), strings.Join(parts, ", "))}
}

func (s speaker) promotion(p *model.PromotionRecord) []string {
	lines := []string{fmt.Sprintf("%s did a %s in ring %d at %s: since then it has model %s, on %s, under policy %s.",
		s.who(p.Signer), p.ActionName(), p.RingID, at(p.TimeObserved), p.ModelID.Short(), units.Count(len(p.EvalAttestations), "attestation"), p.PolicyID.Short())}
	if p.Reason != nil {
		lines = append(lines, "Because: "+*p.Reason)
	}
	return lines
}

func (s speaker) hold(h *model.RingHold) []string {
	what := "froze"
	if !h.Frozen {
		what = "thawed"
	}
	return []string{fmt.Sprintf("%s %s ring %d at %s: %s", s.who(h.Signer), what, h.RingID, at(h.TimeObserved), h.Reason)}
}
