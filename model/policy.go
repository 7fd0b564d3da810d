package model

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Directions of a metric.
const (
	HigherIsBetter uint8 = 1
	LowerIsBetter  uint8 = 2
)

// Rollback rules of a policy, from less to more strict.
const (
	// RollbackPrevious: a rollback restores the model now in the ring; an empty ring needs nothing.
	RollbackPrevious uint8 = 1
	// RollbackRequired: even an empty ring needs a model to fall back to: the parent of the promoted model.
	RollbackRequired uint8 = 2
)

// PolicyDef is what a ring requires of a model (our addition, spec/learning.md#policy).
type PolicyDef struct {
	PolicyID     object.Hash      `can:"1,policy_id"`
	Name         *string          `can:"2,name"`
	Ring         uint8            `can:"3,ring_id"`
	Suites       []object.Hash    `can:"4,required_suites"`
	Thresholds   []Threshold      `can:"5,thresholds"`
	Quorum       uint16           `can:"6,quorum"`    // sign-offs by distinct verifiers
	Verifiers    []object.AgentID `can:"7,verifiers"` // whose attestations count
	RollbackRule uint8            `can:"8,rollback_rule"`
	MaxAgeUs     *uint64          `can:"9,max_age_us"` // of attestations, microseconds; absent: any age
	Signer       object.AgentID   `can:"10,signer"`
	TimeObserved object.Time      `can:"11,time_observed"`
	Signature    object.Signature `can:"12,signature"`
	// how many models that left the ring stay pinned for rollbacks: those that the next rollbacks would restore, at
	// least 1; absent: all
	KeepModels *uint16 `can:"13,keep_models"`
	// imported models, whose training nobody knows, may enter
	Imported bool `can:"14,imported,omitzero"`
}

// Threshold is what a policy requires of one metric. Numbers are in the metric's own unit; an absent one requires
// nothing.
type Threshold struct {
	Metric    string `can:"1,metric"`
	Direction uint8  `can:"2,direction"`
	// the smallest value if higher is better, the largest if lower is
	Limit *int64 `can:"3,limit"`
	// by how much the value may be worse than that of the ring's present model, at least 0
	LargestRegression *int64 `can:"4,largest_regression"`
	// by how much the value must be better than that of the present model, at least 0
	LeastImprovement *int64 `can:"5,least_improvement"`
	// the threshold blocks a promotion; otherwise it is only reported
	Critical bool `can:"6,critical"`
}

// PolicyRule says how policies are identified and signed.
var PolicyRule = object.Rule{Mask: can.Mask{1: nil, 2: nil, 12: nil}, IDField: 1, Signer: 10, Sig: 12}

const maxPolicyList = 256 // suites, thresholds or verifiers of one policy

// Check refuses a threshold that requires nothing or the impossible [field-36].
func (t Threshold) Check() error {
	if err := checkMetric(t.Metric); err != nil {
		return err
	}
	if t.Direction != HigherIsBetter && t.Direction != LowerIsBetter {
		return fmt.Errorf("metric %s: direction %d is not known (1 higher, 2 lower is better)", t.Metric, t.Direction)
	}
	if t.Limit == nil && t.LargestRegression == nil && t.LeastImprovement == nil {
		return fmt.Errorf("metric %s: the threshold demands nothing", t.Metric)
	}
	for _, v := range []*int64{t.LargestRegression, t.LeastImprovement} {
		if v != nil && *v < 0 {
			return fmt.Errorf("metric %s: a regression or improvement is at least 0, not %d", t.Metric, *v)
		}
	}
	return nil
}

// Check refuses policies that nothing could meet, that anything would meet, or that are ambiguous [field-35].
func (p PolicyDef) Check() error {
	switch {
	case len(p.Suites) == 0:
		return errors.New("a policy requires at least one suite")
	case len(p.Verifiers) == 0:
		return errors.New("a policy names at least one verifier")
	case p.Quorum == 0:
		return errors.New("the quorum is at least 1")
	case max(len(p.Suites), len(p.Thresholds), len(p.Verifiers)) > maxPolicyList:
		return fmt.Errorf("a list has more than %d entries", maxPolicyList)
	case int(p.Quorum) > len(p.Verifiers):
		return fmt.Errorf("the quorum is %d, there are %d verifiers", p.Quorum, len(p.Verifiers))
	case p.RollbackRule != RollbackPrevious && p.RollbackRule != RollbackRequired:
		return fmt.Errorf("rollback rule %d is not known (1 or 2)", p.RollbackRule)
	case p.MaxAgeUs != nil && *p.MaxAgeUs == 0:
		return errors.New("max_age_us of 0 lets no attestation count")
	case p.KeepModels != nil && *p.KeepModels == 0:
		return errors.New("keep_models of 0 would let go of what a rollback restores")
	}
	return p.checkRepeats()
}

func (p PolicyDef) checkRepeats() error {
	suites, metrics, agents := map[object.Hash]bool{}, map[string]bool{}, map[object.AgentID]bool{}
	for _, s := range p.Suites {
		suites[s] = true
	}
	for _, t := range p.Thresholds {
		metrics[t.Metric] = true
	}
	for _, v := range p.Verifiers {
		agents[v.Bare()] = true
	}
	switch {
	case len(suites) < len(p.Suites):
		return errors.New("a suite is named twice")
	case len(metrics) < len(p.Thresholds):
		return errors.New("a metric has two thresholds")
	case len(agents) < len(p.Verifiers):
		return errors.New("a verifier is named twice")
	}
	return nil
}

// Verifier reports whether an agent's attestations count under the policy.
func (p *PolicyDef) Verifier(a object.AgentID) bool {
	for _, v := range p.Verifiers {
		if v.Same(a) {
			return true
		}
	}
	return false
}

// PolicyID computes the id of a new policy.
func PolicyID(p PolicyDef) (object.Hash, error) { return PolicyRule.IDOf(&p) }

// NewPolicy fills in signer, id and signature and encodes.
func NewPolicy(s sign.Signer, p PolicyDef) (object.Hash, []byte, error) {
	p.Signer = s.Agent()
	if p.Thresholds == nil {
		p.Thresholds = []Threshold{}
	}
	return sealSigned(s, PolicyRule, &p, &p.PolicyID, &p.Signature)
}

// OpenPolicy decodes canonical bytes and checks fields, id and signature. The caller decides whether the signer is
// trusted.
func OpenPolicy(raw []byte) (*PolicyDef, object.Hash, error) {
	p, id, err := object.Open[PolicyDef](raw, PolicyRule)
	if err != nil {
		return nil, object.Hash{}, fmt.Errorf("policy: %w", err)
	}
	if err := sign.VerifyID(p.Signer, id, p.Signature); err != nil {
		return nil, id, fmt.Errorf("policy %s: %w", id.Short(), err)
	}
	return p, id, nil
}
