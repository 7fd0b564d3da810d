package judge

import (
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// ring judges the sixth condition: the origin of the model, the policy, and the target of a rollback.
func (j *judge) ring() Condition {
	var problems []string
	evidence := []object.Hash{j.e.PolicyID}
	note := func(problem string) {
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	note(j.rightPolicy())
	why := "ring 0 takes any model"
	if j.e.Ring > 0 {
		why = fmt.Sprintf("the model is in ring %d, whose policy is no stricter", j.e.Ring-1)
		note(j.fromBelow())
		below, problem := j.asStrict()
		note(problem)
		if problem == "" {
			evidence = append(evidence, below)
		}
	}
	restore, problem := j.restores()
	note(problem)
	if restore != nil && problem == "" {
		evidence = append(evidence, *restore)
		why += "; a rollback would restore " + restore.Short()
	} else {
		why += "; the ring is empty, there is nothing to go back to"
	}
	if j.e.Current != nil && j.e.Current.ID == j.e.Model.ID {
		note(fmt.Sprintf("model %s is in ring %d already", j.e.Model.ID.Short(), j.e.Ring))
	}
	return condition("ring", why, evidence, problems...)
}

func (j *judge) rightPolicy() string {
	switch {
	case j.policy.Ring != j.e.Ring:
		return fmt.Sprintf("policy %s is for ring %d, not %d", j.e.PolicyID.Short(), j.policy.Ring, j.e.Ring)
	case j.e.RingPolicy == nil:
		return fmt.Sprintf("ring %d has no policy in force", j.e.Ring)
	case *j.e.RingPolicy != j.e.PolicyID:
		return fmt.Sprintf("policy %s is not in force: ring %d has policy %s", j.e.PolicyID.Short(), j.e.Ring, j.e.RingPolicy.Short())
	}
	return ""
}

func (j *judge) fromBelow() string {
	switch {
	case j.e.Below == nil:
		return fmt.Sprintf("ring %d takes only the model of ring %d, which is empty", j.e.Ring, j.e.Ring-1)
	case *j.e.Below != j.e.Model.ID:
		return fmt.Sprintf("ring %d takes only the model of ring %d, which is %s", j.e.Ring, j.e.Ring-1, j.e.Below.Short())
	}
	return ""
}

func (j *judge) asStrict() (below object.Hash, problem string) {
	if j.e.BelowPolicy == nil {
		return below, fmt.Sprintf("ring %d has no policy in force to compare with", j.e.Ring-1)
	}
	p, id, err := model.OpenPolicy(j.e.BelowPolicy)
	switch {
	case err != nil:
		return id, fmt.Sprintf("the policy of ring %d: %v", j.e.Ring-1, err)
	case p.Ring != j.e.Ring-1:
		return id, fmt.Sprintf("policy %s is for ring %d, not %d", id.Short(), p.Ring, j.e.Ring-1)
	case !model.Trusts(j.e.Trust.Policy, p.Signer, model.When{Time: p.TimeObserved}):
		return id, fmt.Sprintf("policy %s is signed by %s, who is not trusted for policies", id.Short(), p.Signer)
	}
	if ok, reason := model.StricterOrEqual(j.policy, p); !ok {
		return id, fmt.Sprintf("policy %s is less strict than policy %s of ring %d: %s", j.e.PolicyID.Short(), id.Short(), j.e.Ring-1, reason)
	}
	return id, ""
}

// restores finds the model that a rollback would restore, which must be complete.
func (j *judge) restores() (*object.Hash, string) {
	m := j.e.Current
	if m == nil && j.policy.RollbackRule == model.RollbackRequired {
		if m = j.e.Parent; m == nil {
			return nil, "the ring is empty and the model has no parent: there is no rollback model, which the policy requires"
		}
	}
	if m == nil {
		return nil, ""
	}
	if problem := m.Problem(); problem != "" {
		return &m.ID, fmt.Sprintf("rollback model %s: %s", m.ID.Short(), problem)
	}
	return &m.ID, ""
}
