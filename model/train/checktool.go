package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
)

// ToolCheck is the contract test kit for training and evaluating tools: the inputs of a check.
type ToolCheck struct {
	// Run calls the tool. An error means that it failed, as it should on bad requests. Its standard error goes to
	// stderr meanwhile.
	Run       func(ctx context.Context, request []byte, stderr io.Writer) ([]byte, error)
	Label     string
	Params    map[string]string
	Form      Form          // how the tool is asked; the zero Form: with bytes
	Base      Weights       // of the recipe's base model; none: it has none
	Train     []byte        // dataset lines to learn from
	HeldOut   []byte        // dataset lines to measure on
	Metrics   []string      // metrics that its evaluation must give
	MaxTokens *uint64       // most that a training on Train may report; nil: any number
	MaxGPUms  *uint64       // likewise, in milliseconds
	Cancel    time.Duration // when to cancel a training, to see that it ends; 0: at its first progress report, or after 20 ms for a tool that reports none
	Grace     time.Duration // how long it may take to end then; 0: 10 s
}

// CheckTool checks that a tool speaks the protocol: it trains within its budget; it gives the same bytes when it is
// asked again, even after a cancelled training, which must end soon; it continues from its own weights or says that it
// cannot; it evaluates them to the metrics; it ignores unknown members; and it fails, with an error, on malformed
// requests and on weights that are missing or truncated. CheckTool returns all faults, joined, each wrapping ErrTool;
// nil if there are none.
func CheckTool(ctx context.Context, c ToolCheck) error {
	k := &kit{ToolCheck: c, ctx: ctx}
	weights := k.trains()
	if !weights.none() {
		k.goesOn(weights)
		k.evaluates(weights)
		half := k.cutShort(weights)
		k.refuses("an evaluation with weights cut short", k.eval(half))
		k.refuses("an evaluation without weights", k.eval(Weights{}))
		k.refuses("a training that goes on from weights cut short", k.train(half, k.Train))
		if n := len(weights.Bytes); n > 0 {
			k.refuses("an evaluation without the weights that it announces", k.request(k.evalHeader(n), Weights{}, nil))
			k.refuses("a training without the weights that it announces", k.request(k.trainHeader(n), Weights{}, nil))
		}
	}
	k.refuses("an empty request", k.bare(""))
	k.refuses("a request that is not JSON", k.bare("train me\n"))
	k.refuses("an unknown op", k.bare(`{"op":"dream"}`+"\n"))
	k.refuses("a training without examples", k.train(k.Base, nil))
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(k.wrong...)
}

type kit struct {
	ToolCheck
	ctx   context.Context
	wrong []error
	tells bool // the tool reports progress before it is done
}

func (k *kit) fail(format string, args ...any) {
	k.wrong = append(k.wrong, fmt.Errorf("%w: "+format, append([]any{ErrTool}, args...)...))
}

// request builds a request; headers always encode.
func (k *kit) request(header any, weights Weights, lines []byte) []byte {
	b, err := k.Form.request(k.ctx, header, weights, bytes.NewReader(lines))
	if err != nil {
		k.fail("%v", err)
	}
	return b
}

// bare is a request that has nothing but the text of its header.
func (k *kit) bare(header string) []byte {
	if !k.Form.Takes {
		return []byte(header)
	}
	id, err := k.Form.Folders.Fold(k.ctx, Part{Name: requestPart, File: strings.NewReader(header)})
	if err != nil {
		k.fail("%v", err)
	}
	return tree.Line(id)
}

// cutShort are weights without the second half of their bytes, or of those of their largest file.
func (k *kit) cutShort(w Weights) Weights {
	if w.Folder == nil {
		return Weights{Bytes: w.Bytes[:len(w.Bytes)/2]}
	}
	id, err := k.Form.cutShort(k.ctx, *w.Folder)
	if err != nil {
		k.fail("%v", err)
	}
	return Weights{Folder: &id}
}

func (k *kit) train(weights Weights, lines []byte) []byte {
	return k.request(k.trainHeader(len(weights.Bytes)), weights, lines)
}

func (k *kit) trainHeader(weights int) TrainRequest {
	r := TrainRequest{Op: OpTrain, Label: k.Label, Params: k.Params, WeightsBytes: int64(weights), Recipe: object.SumText("recipe"), Dataset: object.SumText("dataset"),
		MaxTokens: math.MaxInt64, MaxGPUms: math.MaxInt64}
	if k.MaxTokens != nil {
		r.MaxTokens = *k.MaxTokens
	}
	if k.MaxGPUms != nil {
		r.MaxGPUms = *k.MaxGPUms
	}
	return r
}

func (k *kit) evalHeader(weights int) EvalRequest {
	return EvalRequest{Op: OpEval, Label: k.Label, Params: map[string]string{}, WeightsBytes: int64(weights), Model: object.SumText("model"), Suite: object.SumText("suite")}
}

func (k *kit) eval(weights Weights) []byte {
	return k.request(k.evalHeader(len(weights.Bytes)), weights, k.HeldOut)
}

// trains returns the weights of a training; none if there are none for further checks.
func (k *kit) trains() Weights {
	request := k.train(k.Base, k.Train)
	first, err := k.Run(k.ctx, request, onProgress(func() { k.tells = true }))
	if err != nil {
		k.fail("it does not train: %v", err)
		return Weights{}
	}
	r, weights, err := k.Form.trained(k.ctx, first)
	if err != nil {
		k.wrong = append(k.wrong, err)
		return Weights{}
	}
	if r.Examples == 0 {
		k.fail("it reports no examples")
	}
	if k.MaxTokens != nil && r.Tokens > *k.MaxTokens {
		k.fail("it reports %d tokens, its budget has %d", r.Tokens, *k.MaxTokens)
	}
	if k.MaxGPUms != nil && r.GPUms > *k.MaxGPUms {
		k.fail("it reports %d ms of GPU time, its budget has %d", r.GPUms, *k.MaxGPUms)
	}
	k.same("the same request", request, first)
	k.same("a request with a member of the header that it does not know", k.request(unknown{k.trainHeader(len(k.Base.Bytes)), []int{1}}, k.Base, k.Train), first)
	k.cancelled(request)
	k.same("the same request after one that was cancelled", request, first)
	return weights
}

// unknown is a header with a member that no tool knows.
type unknown struct {
	TrainRequest
	Unknown []int `json:"mythos_unknown"`
}

// same asks again and requires the same bytes.
func (k *kit) same(what string, request, want []byte) {
	if again, err := k.Run(k.ctx, request, io.Discard); err != nil || !bytes.Equal(want, again) {
		k.fail("%s gives another response (%v)", what, err)
	}
}

// onProgress calls f for each line that says that a training has begun and is not done.
func onProgress(f func()) io.Writer {
	return &LineWriter{Line: func(text string) {
		if p, ok := ParseProgress(text); ok && p.Done < p.Total {
			f()
		}
	}}
}

// cancelled cancels a training, in the middle if the tool reports progress; it must end, successful or not.
func (k *kit) cancelled(request []byte) {
	after, grace, stderr := k.Cancel, k.Grace, io.Discard
	if grace <= 0 {
		grace = 10 * time.Second
	}
	ctx, stop := context.WithCancel(k.ctx)
	defer stop()
	switch {
	case after <= 0 && k.tells:
		stderr = onProgress(stop)
	case after <= 0:
		after = 20 * time.Millisecond
		fallthrough
	default:
		ctx, stop = context.WithTimeout(ctx, after)
		defer stop()
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = k.Run(ctx, request, stderr) // it may have finished before it was cancelled
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	select {
	case <-ended:
	case <-time.After(grace):
		k.fail("a training that is cancelled has not ended after %s", grace)
	}
}

// goesOn asks for a training that starts from weights; a tool that cannot do that has to say so.
func (k *kit) goesOn(weights Weights) {
	body, err := k.Run(k.ctx, k.train(weights, k.Train), io.Discard)
	if err != nil {
		return
	}
	if _, _, err := k.Form.trained(k.ctx, body); err != nil {
		k.fail("a training that goes on from its own weights: %v", err)
	}
}

func (k *kit) evaluates(weights Weights) {
	request := k.eval(weights)
	first, err := k.Run(k.ctx, request, io.Discard)
	if err != nil {
		k.fail("it does not evaluate: %v", err)
		return
	}
	r, err := k.Form.evaluated(k.ctx, first)
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
	k.same("the same evaluation", request, first)
}

func (k *kit) refuses(what string, request []byte) {
	if _, err := k.Run(k.ctx, request, io.Discard); err == nil {
		k.fail("%s is not a failure", what)
	}
}
