package learn

import (
	"context"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/object/can"
)

const effectImport = "model.import"

// imports registers model.import.
func (l *Learner) imports() {
	l.Gate.Builtin(effectImport, exec.Builtin{
		Use: calls.ToolUse(effectImport), RetrySafe: true, Writes: true, Limits: exec.Limits{Timeout: maxTraining},
		Run: calls.Job(func(ctx context.Context, _ exec.Call, j *model.ImportJob) (exec.Response, error) {
			raw, _, err := train.Import(ctx, l.Store, *j)
			return exec.Response{Body: raw, Status: exec.StatusOK}, err
		}),
	})
}

// Import takes in a model that was trained elsewhere, as an effect. Its weights are here. given is the authority for
// it; nil: the held capabilities, or the owner's own.
func (l *Learner) Import(ctx context.Context, j model.ImportJob, given []caps.Chain) (*model.ImportResult, *calls.Called, error) {
	raw, err := can.Marshal(&j)
	if err != nil {
		return nil, nil, err
	}
	chains, err := l.Auth.ForTool(ctx, effectImport, raw, given)
	if err != nil {
		return nil, nil, err
	}
	called, err := l.Caller.Ask(ctx, effectImport, &j, chains, scope.Use{})
	if called, err = l.Caller.Noted(ctx, called, err); err != nil {
		return nil, called, err
	}
	res, _, _, err := model.OpenImportResult(called.Body)
	return res, called, err
}
