package learn

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// decisions registers policy.set, ring.freeze and ring.thaw.
func (l *Learner) decisions() {
	l.Gate.Builtin(effectPolicySet, exec.Builtin{
		Use: calls.ToolUse(effectPolicySet), RetrySafe: true, Writes: true,
		Run: calls.Job(func(ctx context.Context, _ exec.Call, q *model.PolicyRequest) (exec.Response, error) {
			s, err := l.Models.SetPolicy(ctx, *q)
			return calls.Outcome(s, err, q.PolicyID)
		}),
	})
	for name, frozen := range map[string]bool{effectFreeze: true, effectThaw: false} {
		l.Gate.Builtin(name, exec.Builtin{
			Use: calls.ToolUse(name), RetrySafe: true, Writes: true,
			Run: calls.Job(func(ctx context.Context, _ exec.Call, q *model.HoldRequest) (exec.Response, error) {
				h, err := l.Models.SetHold(ctx, l.ID.Key, *q, frozen)
				return calls.Outcome(h, err)
			}),
		})
	}
}

// PutInForce puts a model policy into force in its ring, as an effect. It changes nothing if the policy already is in
// force.
func (l *Learner) PutInForce(ctx context.Context, policy object.Hash) (*model.PolicyState, error) {
	raw, err := objects.Load(ctx, l.Store, "PolicyDef", policy)
	if err != nil {
		return nil, err
	}
	p, _, err := model.OpenPolicy(raw)
	if err != nil {
		return nil, err
	}
	release, err := l.deciding(ctx, decidesPolicy, p.Ring)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := l.settlePolicy(ctx, p.Ring); err != nil {
		return nil, err
	}
	q := model.PolicyRequest{PolicyID: policy}
	now, err := l.Models.InForce(ctx, p.Ring)
	switch {
	case errors.Is(err, model.ErrNotFound):
	case err != nil:
		return nil, err
	case now.PolicyID == policy:
		return now, nil
	default:
		q.After = &now.PolicyID
	}
	called, err := l.Caller.DecideAsOwner(ctx, effectPolicySet, &q)
	if err != nil {
		return nil, err
	}
	return object.Decode[model.PolicyState](called.Body)
}

// Hold freezes or thaws a ring, as an effect. It waits for others who are doing the same.
func (l *Learner) Hold(ctx context.Context, ring uint8, frozen bool, reason string) (*model.RingHold, error) {
	q := model.HoldRequest{RingID: ring, Reason: reason}
	if err := q.Check(); err != nil {
		return nil, err
	}
	release, err := l.deciding(ctx, decidesHold, ring)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := l.settleHold(ctx, ring); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		newest, err := l.Models.Hold(ctx, ring)
		if err != nil {
			return nil, err
		}
		if newest != nil {
			q.After = &newest.HoldID
		}
		called, err := l.Caller.DecideAsOwner(ctx, holdEffect(frozen), &q)
		if err == nil {
			h, _, err := model.OpenHold(called.Body)
			return h, err
		}
		if !errors.Is(err, model.ErrConflict) || try == holdTries {
			return nil, err
		}
	}
}

const holdTries = 16 // to freeze or thaw while other programs do so at the same time

func holdEffect(frozen bool) string {
	if frozen {
		return effectFreeze
	}
	return effectThaw
}
