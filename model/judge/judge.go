// Package judge decides whether a model may move into a ring. It opens and verifies all the evidence of a promotion,
// and reads nothing else (spec/learning.md#conditions).
package judge

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// verdict is a verified attestation.
type verdict struct {
	id object.Hash
	*model.Attestation
}

// Evaluation is the measurement in a receipt of a trusted executor.
type Evaluation struct {
	Receipt object.Hash
	Job     model.EvalJob
	Metrics map[string]int64
}

// judge is an opened and verified Evidence.
type judge struct {
	e         *Evidence
	policy    *model.PolicyDef
	policyErr error
	results   map[object.Hash]*Evaluation // by receipt
	reports   map[object.Hash]*model.EvalReport
	suites    map[object.Hash]*model.EvalSuiteDef
	newest    []verdict // the newest for each signer, claim, and suite or policy; ascending by id
	refused   []string  // attestations that did not count, and why
}

func newJudge(e *Evidence) *judge {
	j := &judge{e: e, results: map[object.Hash]*Evaluation{}, reports: map[object.Hash]*model.EvalReport{}, suites: map[object.Hash]*model.EvalSuiteDef{}}
	j.openPolicy()
	for _, effect := range e.Evaluations {
		if v, err := OpenEvaluation(effect, e.Trust.Receipt); err != nil {
			j.refuse("evaluation", err)
		} else {
			j.results[v.Receipt] = v
		}
	}
	for _, raw := range e.Suites {
		if s, id, err := object.Open[model.EvalSuiteDef](raw, model.SuiteRule); err != nil {
			j.refuse("suite", err)
		} else {
			j.suites[id] = s
		}
	}
	for _, raw := range e.Reports {
		if r, id, err := j.openReport(raw); err != nil {
			j.refuse("report", err)
		} else {
			j.reports[id] = r
		}
	}
	j.openAttestations()
	return j
}

func (j *judge) refuse(what string, err error) {
	j.refused = append(j.refused, fmt.Sprintf("%s: %v", what, err))
}

func (j *judge) openPolicy() {
	if j.e.Policy == nil {
		j.policyErr = fmt.Errorf("policy %s is not here", j.e.PolicyID.Short())
		return
	}
	p, id, err := model.OpenPolicy(j.e.Policy)
	switch {
	case err != nil:
		j.policyErr = err
	case id != j.e.PolicyID:
		j.policyErr = fmt.Errorf("the policy's id is %s, not %s", id.Short(), j.e.PolicyID.Short())
	case !model.Trusts(j.e.Trust.Policy, p.Signer, model.When{Time: p.TimeObserved}):
		j.policyErr = fmt.Errorf("policy %s is signed by %s, who is not trusted for policies", id.Short(), p.Signer)
	default:
		j.policy = p
	}
}

// openReceipt verifies the receipt of a successful call of tool by a trusted executor.
func openReceipt(effect Effect, tool object.Hash, trusted model.TrustedAt) (*ledger.Receipt, object.Hash, error) {
	r, id, err := ledger.OpenReceipt(effect.Receipt)
	switch {
	case err != nil:
		return nil, id, err
	case r.ToolID != tool:
		return nil, id, fmt.Errorf("receipt %s is of another tool, %s", id.Short(), r.ToolID.Short())
	case r.Status != 200:
		return nil, id, fmt.Errorf("receipt %s has status %d", id.Short(), r.Status)
	case r.ResponseHash != object.Sum(effect.Response):
		return nil, id, fmt.Errorf("receipt %s: %w: of the response", id.Short(), object.ErrID)
	case !model.Trusts(trusted, r.Signer, model.When{Time: r.TimeObserved, Receipt: id}):
		return nil, id, fmt.Errorf("receipt %s is signed by %s, who is not trusted for receipts", id.Short(), r.Signer)
	}
	return r, id, nil
}

// OpenEvaluation verifies an evaluation: the receipt of a trusted executor, and its result.
func OpenEvaluation(effect Effect, trusted model.TrustedAt) (*Evaluation, error) {
	receipt, id, err := openReceipt(effect, model.EvalTool, trusted)
	if err != nil {
		return nil, err
	}
	r, request, err := model.OpenEvalResult(effect.Response)
	if err != nil {
		return nil, err
	}
	if receipt.RequestHash != request {
		return nil, fmt.Errorf("receipt %s: the result is of another job", id.Short())
	}
	return &Evaluation{id, r.Job, r.Metrics}, nil
}

// openReport accepts a report that matches a receipted evaluation exactly.
func (j *judge) openReport(raw []byte) (*model.EvalReport, object.Hash, error) {
	r, id, err := model.OpenReport(raw)
	if err != nil {
		return nil, id, err
	}
	res, ok := j.results[r.ReceiptID]
	if !ok {
		return nil, id, fmt.Errorf("report %s: no verified evaluation has receipt %s", id.Short(), r.ReceiptID.Short())
	}
	if res.Job.ModelID != r.ModelID || res.Job.SuiteID != r.SuiteID || !maps.Equal(res.Metrics, r.Metrics) {
		return nil, id, fmt.Errorf("report %s: it is not what the evaluation with receipt %s gave", id.Short(), r.ReceiptID.Short())
	}
	return r, id, nil
}

// topic identifies attestations of one signer that replace one another.
type topic struct {
	signer object.AgentID
	claim  uint8
	about  object.Hash // suite or policy
}

// openAttestations verifies the attestations about the model in one batch.
func (j *judge) openAttestations() {
	opened, errs := model.OpenAttestations(j.e.Attestations)
	newest := map[topic]verdict{}
	for i, o := range opened {
		if errs[i] != nil {
			j.refuse("attestation", errs[i])
			continue
		}
		v := verdict{o.ID, o.Attestation}
		if err := v.Grounds(); err != nil {
			j.refuse("attestation", fmt.Errorf("%s counts for nothing: %w", v.id.Short(), err))
			continue
		}
		about, ok := j.about(v)
		if v.SubjectHash != j.e.Model.ID || !ok {
			continue
		}
		if v.TimeObserved > j.e.Now.Add(model.MaxSkew) {
			j.refuse("attestation", fmt.Errorf("%s %s is from the future, %s", model.ClaimName(v.ClaimType), v.id.Short(), v.TimeObserved))
			continue
		}
		key := topic{v.Signer.Bare(), v.ClaimType, about}
		if old, ok := newest[key]; !ok || v.later(old) {
			newest[key] = v
		}
	}
	for _, v := range newest {
		j.newest = append(j.newest, v)
	}
	slices.SortFunc(j.newest, func(a, b verdict) int { return a.id.Compare(b.id) })
}

// later orders the attestations of one topic: by time; at equal times the negative one is later, then the one with the
// larger id.
func (v verdict) later(o verdict) bool {
	if v.TimeObserved != o.TimeObserved {
		return v.TimeObserved > o.TimeObserved
	}
	if v.Passes() != o.Passes() {
		return !v.Passes()
	}
	return v.id.Compare(o.id) > 0
}

// about returns the subject of an attestation: the policy of a sign-off, otherwise the suite of the first report or the
// first suite in its evidence.
func (j *judge) about(v verdict) (object.Hash, bool) {
	if v.ClaimType == model.ClaimQuorumSignoff {
		return j.e.PolicyID, v.Names(j.e.PolicyID)
	}
	for _, h := range v.Evidence {
		if r, ok := j.reports[h]; ok {
			return r.SuiteID, r.ModelID == v.SubjectHash
		}
	}
	for _, h := range v.Evidence {
		if j.policy != nil && slices.Contains(j.policy.Suites, h) {
			return h, true
		}
	}
	return object.Hash{}, false
}

// counts returns why a positive attestation does not count under the policy; "" if it does.
func (j *judge) counts(v verdict) string {
	name := fmt.Sprintf("%s %s by %s", model.ClaimName(v.ClaimType), v.id.Short(), v.Signer)
	oldest, outdated := j.policy.Outdated(v.TimeObserved, j.e.Now)
	switch {
	case !v.Passes():
		return fmt.Sprintf("%s says no (%d)", name, v.Result)
	case !j.policy.Verifier(v.Signer):
		return name + ": a stranger, no verifier of policy " + j.e.PolicyID.Short()
	case outdated:
		return fmt.Sprintf("%s is of %s, older than %s", name, v.TimeObserved, oldest)
	}
	return ""
}
