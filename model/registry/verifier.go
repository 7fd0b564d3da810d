package registry

import (
	"context"
	"fmt"
	"maps"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/judge"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Results of a negative EvalPass by Vouch.
const (
	ResultMissingMetric uint16 = 1 // the evaluation lacks a metric that its suite declares
	ResultNotRepeated   uint16 = 2 // another run gave other metrics
)

// Vouched are the objects that a verifier makes from one evaluation.
type Vouched struct {
	Report object.Hash // EvalReport
	Metric object.Hash // EvalMetric attestation
	Pass   object.Hash // EvalPass attestation
	Result uint16      // of the EvalPass
	Values map[string]int64
}

// Vouch is the work of a verifier: it validates the receipt of an evaluation, which a trusted executor must have
// signed, runs the evaluation again if rerun is given, and issues an EvalMetric and an EvalPass about it, signed by s.
func (r *Registry) Vouch(ctx context.Context, s sign.Signer, receipt object.Hash,
	rerun func(ctx context.Context, job model.EvalJob) (*model.EvalResult, error)) (*Vouched, error) {
	effect, err := r.EffectOf(ctx, receipt)
	if err != nil {
		return nil, err
	}
	res, err := judge.OpenEvaluation(effect, r.Trust.Receipt)
	if err != nil {
		return nil, err
	}
	suite, err := model.Load(ctx, r.Store, res.Job.SuiteID, "EvalSuiteDef", model.SuiteRule, object.Open[model.EvalSuiteDef])
	if err != nil {
		return nil, err
	}
	v := &Vouched{Values: res.Metrics}
	notes := "the receipt verifies"
	for _, name := range suite.Metrics {
		if _, ok := res.Metrics[name]; !ok {
			v.Result, notes = ResultMissingMetric, "metric "+name+" is missing"
		}
	}
	if rerun != nil && v.Result == model.ResultPass {
		again, err := rerun(ctx, res.Job)
		if err != nil {
			return nil, fmt.Errorf("run the evaluation again: %w", err)
		}
		notes = "the receipt verifies, and running the evaluation again gave the same metrics"
		if !maps.Equal(again.Metrics, res.Metrics) {
			v.Result, notes = ResultNotRepeated, "running the evaluation again gave other metrics"
		}
	}
	return v, issue(ctx, r, s, v, res, notes)
}

// issue makes and stores the report and the two attestations.
func issue(ctx context.Context, r *Registry, s sign.Signer, v *Vouched, res *judge.Evaluation, notes string) error {
	_, raw, err := model.NewReport(model.EvalReport{ModelID: res.Job.ModelID, SuiteID: res.Job.SuiteID, Metrics: res.Metrics, ReceiptID: res.Receipt})
	if err != nil {
		return err
	}
	if v.Report, err = r.Add(ctx, AboutReport, raw); err != nil {
		return err
	}
	a := model.Attestation{SubjectHash: res.Job.ModelID, ClaimType: model.ClaimEvalMetric, Evidence: []object.Hash{v.Report}, TimeObserved: r.Now(), Notes: &notes}
	if v.Result == ResultNotRepeated {
		a.Result = v.Result // without vouching for the numbers
	}
	if v.Metric, err = r.Attest(ctx, s, a); err != nil {
		return err
	}
	a.ClaimType, a.Result = model.ClaimEvalPass, v.Result
	a.Evidence = []object.Hash{res.Job.SuiteID, v.Report, res.Receipt}
	v.Pass, err = r.Attest(ctx, s, a)
	return err
}

// Attest signs an attestation and stores it.
func (r *Registry) Attest(ctx context.Context, s sign.Signer, a model.Attestation) (object.Hash, error) {
	_, raw, err := model.NewAttestation(s, a)
	if err != nil {
		return object.Hash{}, err
	}
	return r.Add(ctx, AboutAttestation, raw)
}

// SignOff signs and stores a QuorumSignoff: the signer approves moving the model into the policy's ring under this
// policy. A result other than ResultPass withdraws an earlier one.
func (r *Registry) SignOff(ctx context.Context, s sign.Signer, subject, policy object.Hash, result uint16, notes string) (object.Hash, error) {
	a := model.Attestation{SubjectHash: subject, ClaimType: model.ClaimQuorumSignoff, Result: result, Evidence: []object.Hash{policy}, TimeObserved: r.Now()}
	if notes != "" {
		a.Notes = &notes
	}
	return r.Attest(ctx, s, a)
}
