package train

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Eval runs an EvalJob: it runs the suite's code over the model's weights and the suite's episodes. It returns the
// canonical bytes of the EvalResult, which are the response of the eval effect. The suite, never the model, decides
// what is predicted. Errors wrap store.ErrNotFound or ErrTool.
func Eval(ctx context.Context, env Env, job model.EvalJob) ([]byte, *model.EvalResult, error) {
	suite, err := model.Load(ctx, env.Store, job.SuiteID, "EvalSuiteDef", model.SuiteRule, object.Open[model.EvalSuiteDef])
	if err != nil {
		return nil, nil, err
	}
	m, err := model.Load(ctx, env.Store, job.ModelID, "ModelRef", model.ModelRule, object.Open[model.ModelRef])
	if err != nil {
		return nil, nil, err
	}
	weights, err := weightsOf(ctx, env.Store, m)
	if err != nil {
		return nil, nil, fmt.Errorf("model %s: weights: %w", job.ModelID.Short(), err)
	}
	form, err := env.Form(ctx, suite.SuiteCodeHash)
	if err != nil {
		return nil, nil, err
	}
	label, params := splitLabel(suite.Params)
	header := EvalRequest{OpEval, label, params, int64(len(weights.Bytes)), job.ModelID, job.SuiteID}
	request, err := env.request(ctx, form, header, weights, suite.TestsManifest.CID, params)
	if err != nil {
		return nil, nil, err
	}
	body, err := env.Code(ctx, suite.SuiteCodeHash, request)
	if err != nil {
		return nil, nil, fmt.Errorf("eval: %w", err)
	}
	answer, err := form.evaluated(ctx, body)
	if err != nil {
		return nil, nil, fmt.Errorf("eval: %w", err)
	}
	for _, name := range suite.Metrics {
		if _, ok := answer.Metrics[name]; !ok {
			return nil, nil, fmt.Errorf("eval: %w: metric %s of suite %s is missing", ErrTool, name, job.SuiteID.Short())
		}
	}
	r := &model.EvalResult{Job: job, Metrics: answer.Metrics, Examples: answer.Examples, ToolRequest: object.Sum(request), ToolResponse: object.Sum(body)}
	raw, err := can.Marshal(r)
	return raw, r, err
}
