package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// ToolCheck is the contract test kit for training and evaluating tools: what to
// check a tool with.
type ToolCheck struct {
	Run     func(ctx context.Context, request []byte) ([]byte, error) // an error: the tool failed, as it should on bad requests
	Label   string
	Params  map[string]string
	Train   []byte   // dataset lines to learn from
	HeldOut []byte   // dataset lines to measure on
	Metrics []string // that its evaluation must give
}

// CheckTool checks that a tool speaks the protocol: it trains, gives the same bytes
// when it is asked again, evaluates its own weights to the metrics, ignores members
// that it does not know, and fails, with an error, on requests that are malformed
// or weights that are cut short. It returns everything that is wrong, joined, each
// part wrapping ErrTool; nil when nothing is.
func CheckTool(ctx context.Context, c ToolCheck) error {
	k := &kit{ToolCheck: c, ctx: ctx}
	weights := k.trains()
	if len(weights) > 0 {
		k.evaluates(weights)
		k.refuses("an evaluation with weights cut short", k.eval(weights[:len(weights)/2]))
	}
	k.refuses("an empty request", nil)
	k.refuses("a request that is no JSON", []byte("train me\n"))
	k.refuses("an unknown op", []byte(`{"op":"dream"}`+"\n"))
	k.refuses("a training without examples", k.request(TrainRequest{Op: OpTrain, Label: c.Label, Params: c.Params}, nil, nil))
	return errors.Join(k.wrong...)
}

type kit struct {
	ToolCheck
	ctx   context.Context
	wrong []error
}

func (k *kit) fail(format string, args ...any) {
	k.wrong = append(k.wrong, fmt.Errorf("%w: "+format, append([]any{ErrTool}, args...)...))
}

// request puts a request together; headers always encode.
func (k *kit) request(header any, weights, lines []byte) []byte {
	b, err := toolRequest(header, weights, bytes.NewReader(lines))
	if err != nil {
		k.fail("%v", err)
	}
	return b
}

func (k *kit) trains() []byte {
	h := TrainRequest{Op: OpTrain, Label: k.Label, Params: k.Params, Recipe: object.SumText("recipe"), Dataset: object.SumText("dataset")}
	request := k.request(h, nil, k.Train)
	first, err := k.Run(k.ctx, request)
	if err != nil {
		k.fail("it does not train: %v", err)
		return nil
	}
	r, weights, err := ParseTrainResponse(first)
	if err != nil {
		k.wrong = append(k.wrong, err)
		return nil
	}
	if r.Examples == 0 {
		k.fail("it reports no examples")
	}
	again, err := k.Run(k.ctx, request)
	if err != nil || !bytes.Equal(first, again) {
		k.fail("the same request gives another response (%v)", err)
	}
	more := bytes.Replace(request, []byte(`{"op"`), []byte(`{"mythos_unknown":[1],"op"`), 1)
	if other, err := k.Run(k.ctx, more); err != nil || !bytes.Equal(first, other) {
		k.fail("a member of the header that it does not know makes a difference (%v)", err)
	}
	return weights
}

func (k *kit) eval(weights []byte) []byte {
	h := EvalRequest{Op: OpEval, Label: k.Label, Params: map[string]string{}, WeightsBytes: int64(len(weights)), Model: object.SumText("model"), Suite: object.SumText("suite")}
	return k.request(h, weights, k.HeldOut)
}

func (k *kit) evaluates(weights []byte) {
	request := k.eval(weights)
	first, err := k.Run(k.ctx, request)
	if err != nil {
		k.fail("it does not evaluate: %v", err)
		return
	}
	r, err := ParseEvalResponse(first)
	if err != nil {
		k.wrong = append(k.wrong, err)
		return
	}
	var missing []string
	for _, name := range k.Metrics {
		if _, ok := r.Metrics[name]; !ok {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		k.fail("the evaluation lacks %s", strings.Join(missing, ", "))
	}
	if again, err := k.Run(k.ctx, request); err != nil || !bytes.Equal(first, again) {
		k.fail("the same evaluation gives another response (%v)", err)
	}
}

func (k *kit) refuses(what string, request []byte) {
	if _, err := k.Run(k.ctx, request); err == nil {
		k.fail("%s is no failure", what)
	}
}
