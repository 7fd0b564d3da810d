package model

import (
	"context"
	"fmt"
	"maps"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Results of an EvalPass that says no, as Vouch gives them.
const (
	ResultMissingMetric uint16 = 1 // the evaluation lacks a metric that its suite declares
	ResultNotRepeated   uint16 = 2 // running it again gave other metrics
)

// Vouched are the objects that a verifier made of one evaluation.
type Vouched struct {
	Report object.Hash // EvalReport
	Metric object.Hash // EvalMetric attestation
	Pass   object.Hash // EvalPass attestation
	Result uint16      // of the EvalPass
	Values map[string]int64
}

// Vouch is the work of a verifier: it validates the receipt of an evaluation, which
// a trusted executor must have signed, runs the evaluation again if rerun is given,
// and issues, signed by s, an EvalMetric and an EvalPass about it.
func (r *Registry) Vouch(ctx context.Context, s sign.Signer, receipt object.Hash,
	rerun func(ctx context.Context, job EvalJob) (*EvalResult, error)) (*Vouched, error) {
	effect, err := r.EffectOf(ctx, receipt)
	if err != nil {
		return nil, err
	}
	j := &judge{e: &Evidence{Trust: r.Trust}, results: map[object.Hash]result{}}
	if err := j.openEvaluation(effect); err != nil {
		return nil, err
	}
	res := j.results[receipt]
	suite, err := Load(ctx, r.Store, res.job.SuiteID, "EvalSuiteDef", SuiteRule, object.Open[EvalSuiteDef])
	if err != nil {
		return nil, err
	}
	v := &Vouched{Values: res.metrics}
	notes := "the receipt verifies"
	for _, name := range suite.Metrics {
		if _, ok := res.metrics[name]; !ok {
			v.Result, notes = ResultMissingMetric, "metric "+name+" is missing"
		}
	}
	if rerun != nil && v.Result == ResultPass {
		again, err := rerun(ctx, res.job)
		if err != nil {
			return nil, fmt.Errorf("run the evaluation again: %w", err)
		}
		notes = "the receipt verifies, and running the evaluation again gave the same metrics"
		if !maps.Equal(again.Metrics, res.metrics) {
			v.Result, notes = ResultNotRepeated, "running the evaluation again gave other metrics"
		}
	}
	return v, issue(ctx, r, s, v, res, notes)
}

// issue makes and keeps the report and the two attestations.
func issue(ctx context.Context, r *Registry, s sign.Signer, v *Vouched, res result, notes string) error {
	_, raw, err := NewReport(EvalReport{res.job.ModelID, res.job.SuiteID, res.metrics, res.receipt})
	if err != nil {
		return err
	}
	if v.Report, err = r.Add(ctx, AboutReport, raw); err != nil {
		return err
	}
	a := Attestation{SubjectHash: res.job.ModelID, ClaimType: ClaimEvalMetric, Evidence: []object.Hash{v.Report}, TimeObserved: r.Now(), Notes: &notes}
	if v.Result == ResultNotRepeated {
		a.Result = v.Result // the numbers are not vouched for
	}
	if v.Metric, err = r.Attest(ctx, s, a); err != nil {
		return err
	}
	a.ClaimType, a.Result = ClaimEvalPass, v.Result
	a.Evidence = []object.Hash{res.job.SuiteID, v.Report, res.receipt}
	v.Pass, err = r.Attest(ctx, s, a)
	return err
}

// Attest signs an attestation and keeps it.
func (r *Registry) Attest(ctx context.Context, s sign.Signer, a Attestation) (object.Hash, error) {
	_, raw, err := NewAttestation(s, a)
	if err != nil {
		return object.Hash{}, err
	}
	return r.Add(ctx, AboutAttestation, raw)
}

// SignOff signs and keeps a QuorumSignoff: the signer agrees that the model moves
// into the policy's ring under this policy. With a result other than ResultPass it
// withdraws an earlier one.
func (r *Registry) SignOff(ctx context.Context, s sign.Signer, model, policy object.Hash, result uint16, notes string) (object.Hash, error) {
	a := Attestation{SubjectHash: model, ClaimType: ClaimQuorumSignoff, Result: result, Evidence: []object.Hash{policy}, TimeObserved: r.Now()}
	if notes != "" {
		a.Notes = &notes
	}
	return r.Attest(ctx, s, a)
}
