// Package learn trains and evaluates models, and moves them up and down rings, as effects.
package learn

import (
	"context"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/datasets"
	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/toolbox"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/store"
)

const (
	effectTrain     = "train"
	effectEval      = "eval"
	effectPromote   = "promote"
	effectRollback  = "rollback"
	effectPolicySet = "policy.set"
	effectFreeze    = "ring.freeze"
	effectThaw      = "ring.thaw"
)

// Learner trains, evaluates, promotes and rolls back, as effects.
type Learner struct {
	ID       *identity.Identity
	Store    *store.Store
	Ledger   *kvledger.Ledger
	Gate     *exec.Gate
	Tools    *exec.Tools
	Models   *registry.Registry
	Auth     *authority.Authority
	Caller   *calls.Caller
	Datasets *datasets.Datasets
	Toolbox  *toolbox.Toolbox
	Engine   *engine.Engine
	Folders  train.Folders // keeps what tools take and give as folders
	Busy     time.Duration // how long to wait for another process that decides about the same ring
}

// Register registers train, eval, promote, rollback, model.import, and the decisions. All are retry-safe: they store by content, and
// rings change by compare-and-set.
func (l *Learner) Register() {
	l.decisions()
	l.imports()
	long := exec.Limits{Timeout: maxTraining, MaxResponse: 1 << 20}
	l.Gate.Builtin(effectTrain, exec.Builtin{
		Use: calls.Decoded(func(j *model.TrainJob) scope.Use {
			return scope.Use{Kind: scope.KindTrainRun, Recipe: j.RecipeID, Jobs: 1, Tokens: j.MaxTokens, GPUms: j.MaxGPUms}
		}),
		Run: calls.Job(func(ctx context.Context, call exec.Call, j *model.TrainJob) (exec.Response, error) {
			inner := &innerCall{node: l, outer: call}
			raw, res, err := train.Run(ctx, inner.env(), *j)
			if err != nil {
				return exec.Response{}, err
			}
			return exec.Response{Body: raw, Status: exec.StatusOK, Use: output.Use{Tokens: res.Tokens, GPUms: res.GPUms}, Evidence: inner.receipts}, nil
		}),
		RetrySafe: true, Writes: true, Limits: long,
	})
	l.Gate.Builtin(effectEval, exec.Builtin{
		Use: calls.Decoded(func(j *model.EvalJob) scope.Use { return scope.Use{Kind: scope.KindEvalRun, Suite: j.SuiteID, Runs: 1} }),
		Run: calls.Job(func(ctx context.Context, call exec.Call, j *model.EvalJob) (exec.Response, error) {
			inner := &innerCall{node: l, outer: call}
			raw, _, err := train.Eval(ctx, inner.env(), *j)
			return exec.Response{Body: raw, Status: exec.StatusOK, Evidence: inner.receipts}, err
		}),
		RetrySafe: true, Limits: long,
	})
	l.Gate.Builtin(effectPromote, exec.Builtin{
		Use: calls.Decoded(func(q *model.PromoteRequest) scope.Use {
			return scope.Use{Kind: scope.KindDeployPromote, Ring: q.RingID, Policy: q.PolicyID}
		}),
		Run: calls.Job(func(ctx context.Context, _ exec.Call, q *model.PromoteRequest) (exec.Response, error) {
			rec, _, err := l.Models.Promote(ctx, l.ID.Key, *q)
			return l.recordBytes(ctx, rec, err)
		}),
		RetrySafe: true, Writes: true,
	})
	l.Gate.Builtin(effectRollback, exec.Builtin{
		Use: calls.Decoded(func(q *model.RollbackRequest) scope.Use {
			return scope.Use{Kind: scope.KindDeployPromote, Ring: q.RingID, Policy: q.PolicyID}
		}),
		Run: calls.Job(func(ctx context.Context, _ exec.Call, q *model.RollbackRequest) (exec.Response, error) {
			rec, err := l.Models.Rollback(ctx, l.ID.Key, *q)
			return l.recordBytes(ctx, rec, err)
		}),
		RetrySafe: true, Writes: true,
	})
}
