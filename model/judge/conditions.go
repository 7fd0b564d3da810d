package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// Evaluate judges a promotion. It returns all six conditions in the order of the package comment. It reads only e.
func Evaluate(e *Evidence) []Condition {
	j := newJudge(e)
	list := []Condition{j.complete(), j.trained()}
	if j.policy == nil {
		for _, name := range Conditions[2:] {
			list = append(list, Condition{Name: name, Why: j.policyErr.Error(), Evidence: []object.Hash{}})
		}
		return list
	}
	return append(list, j.evaluated(), j.metrics(), j.quorum(), j.ring())
}

// condition makes a verdict: it holds if there are no problems.
func condition(name, why string, evidence []object.Hash, problems ...string) Condition {
	c := Condition{Name: name, Holds: len(problems) == 0, Why: why, Evidence: Sorted(evidence)}
	if !c.Holds {
		c.Why = strings.Join(problems, "; ")
	}
	return c
}

// Sorted returns the hashes ascending and without repeats; never nil.
func Sorted(list []object.Hash) []object.Hash {
	list = append([]object.Hash{}, list...)
	slices.SortFunc(list, object.Hash.Compare)
	return slices.Compact(list)
}

func (j *judge) complete() Condition {
	m := &j.e.Model
	evidence := []object.Hash{m.ID}
	if problem := m.Problem(); problem != "" {
		return condition("complete", "", evidence, problem)
	}
	for _, b := range m.Blobs {
		evidence = append(evidence, b.CID)
	}
	return condition("complete", "weights and config are here and every byte of them verified", evidence)
}

func (j *judge) trained() Condition {
	var problems []string
	if ref, _, err := object.Open[model.ModelRef](j.e.Model.Raw, model.ModelRule); err == nil && ref.Imported() {
		return j.imported()
	}
	for _, effect := range j.e.Trainings {
		receipt, why, err := j.training(effect)
		if err == nil {
			return condition("trained", why, []object.Hash{receipt})
		}
		problems = append(problems, err.Error())
	}
	if problems == nil {
		problems = []string{"there is no receipt of a training that gave model " + j.e.Model.ID.Short()}
	}
	return condition("trained", "", nil, problems...)
}

// imported judges a model whose training nobody knows: the policy has to admit it, and somebody trusted to have taken
// it in.
func (j *judge) imported() Condition {
	var problems []string
	for _, effect := range j.e.Imports {
		receipt, why, err := j.taken(effect)
		switch {
		case err != nil:
			problems = append(problems, err.Error())
		case j.policy == nil || !j.policy.Imported:
			return condition("trained", "", nil, why+"; policy "+j.e.PolicyID.Short()+" admits no imported models (imported: true)")
		default:
			return condition("trained", why+"; the policy admits imported models", []object.Hash{receipt})
		}
	}
	if problems == nil {
		problems = []string{"there is no receipt of a training or of an import that gave model " + j.e.Model.ID.Short()}
	}
	return condition("trained", "", nil, problems...)
}

// taken checks that an effect is an import with exactly this result.
func (j *judge) taken(effect Effect) (receipt object.Hash, why string, err error) {
	r, id, err := openReceipt(effect, model.ImportTool, j.e.Trust.Receipt)
	if err != nil {
		return id, "", err
	}
	res, request, _, err := model.OpenImportResult(effect.Response)
	switch {
	case err != nil:
		return id, "", err
	case r.RequestHash != request:
		return id, "", fmt.Errorf("receipt %s: the result is of another job", id.Short())
	case res.Model.ModelID != j.e.Model.ID:
		return id, "", fmt.Errorf("receipt %s is of an import that gave another model, %s", id.Short(), res.Model.ModelID.Short())
	}
	return id, fmt.Sprintf("imported from weights %s, says the receipt of %s: nothing is known of its training", res.Job.Weights.CID.Short(), r.Signer), nil
}

// training checks that an effect is a training with exactly this result
func (j *judge) training(effect Effect) (receipt object.Hash, why string, err error) {
	r, id, err := openReceipt(effect, model.TrainTool, j.e.Trust.Receipt)
	if err != nil {
		return id, "", err
	}
	res, request, modelRaw, err := model.OpenTrainResult(effect.Response)
	if err != nil {
		return id, "", err
	}
	modelID, err := model.ModelRule.ID(modelRaw)
	switch {
	case err != nil:
		return id, "", err
	case r.RequestHash != request:
		return id, "", fmt.Errorf("receipt %s: the result is of another job", id.Short())
	case modelID != j.e.Model.ID:
		return id, "", fmt.Errorf("receipt %s is of a training that gave another model, %s", id.Short(), modelID.Short())
	}
	return id, fmt.Sprintf("recipe %s on dataset %s gave it, says the receipt of %s", res.Job.RecipeID.Short(), res.Job.Manifest.Short(), r.Signer), nil
}

func (j *judge) evaluated() Condition {
	var evidence []object.Hash
	var problems []string
	for _, suite := range j.policy.Suites {
		used, problem := j.passed(suite)
		if def, ok := j.suites[suite]; ok && def.Empty() {
			problem = fmt.Sprintf("suite %s: %v", suite.Short(), model.ErrNoTests)
		}
		evidence = append(evidence, used...)
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	c := condition("evaluated", fmt.Sprintf("%s passed, as verifiers attest", units.Count(len(j.policy.Suites), "required suite")), evidence, problems...)
	c.Warnings = j.refused
	return c
}

// passed looks for an EvalPass on a suite that counts, and for negative ones.
func (j *judge) passed(suite object.Hash) (evidence []object.Hash, problem string) {
	var reasons []string
	for _, v := range j.newest {
		if about, _ := j.about(v); v.ClaimType != model.ClaimEvalPass || about != suite {
			continue
		}
		if !v.Passes() && model.Trusts(j.e.Trust.Attest, v.Signer, model.When{Time: v.TimeObserved}) {
			return nil, fmt.Sprintf("suite %s: %s says that the model fails (%d)", suite.Short(), v.Signer, v.Result)
		}
		report, ok := j.reportIn(v, suite)
		if why := j.counts(v); why != "" {
			reasons = append(reasons, why)
		} else if !ok || !v.Names(suite) {
			reasons = append(reasons, fmt.Sprintf("EvalPass %s does not name the suite and a verified report", v.id.Short()))
		} else {
			evidence = append(evidence, v.id, report, j.reports[report].ReceiptID)
		}
	}
	if evidence == nil {
		problem = fmt.Sprintf("suite %s: no EvalPass that counts", suite.Short())
		if reasons != nil {
			problem += " (" + strings.Join(reasons, "; ") + ")"
		}
	}
	return evidence, problem
}

// reportIn finds a verified report on the suite in an attestation's evidence.
func (j *judge) reportIn(v verdict, suite object.Hash) (object.Hash, bool) {
	for _, h := range v.Evidence {
		if r, ok := j.reports[h]; ok && r.SuiteID == suite && r.ModelID == j.e.Model.ID {
			return h, true
		}
	}
	return object.Hash{}, false
}

func (j *judge) quorum() Condition {
	var evidence []object.Hash
	var names, reasons []string
	for _, v := range j.newest {
		if v.ClaimType != model.ClaimQuorumSignoff {
			continue
		}
		if why := j.counts(v); why != "" {
			reasons = append(reasons, why)
			continue
		}
		evidence = append(evidence, v.id)
		names = append(names, v.Signer.String())
	}
	slices.Sort(names)
	c := condition("quorum", fmt.Sprintf("%d of %d verifiers signed off: %s", len(names), len(j.policy.Verifiers), strings.Join(names, ", ")), evidence)
	if len(names) < int(j.policy.Quorum) {
		c.Holds = false
		c.Why = fmt.Sprintf("%s needed, %d signed off", units.Count(int(j.policy.Quorum), "sign-off"), len(names))
		if reasons != nil {
			c.Why += " (" + strings.Join(reasons, "; ") + ")"
		}
	}
	return c
}
