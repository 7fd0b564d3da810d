package learn

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
)

const (
	maxTraining = 6 * time.Hour // for a tool whose registration names no timeout
	noBudget    = 1 << 40       // tokens or GPU milliseconds, if no capability limits them
	maxAttempts = 1000          // of one job
)

// TrainSpec describes a training.
type TrainSpec struct {
	Recipe    object.Hash
	Dataset   *dataset.DatasetRef
	MaxTokens *uint64 // nil: the limit of the capability
	MaxGPUms  *uint64 // milliseconds; nil: the limit of the capability
	Attempt   Repeat
	Caps      []caps.Chain // nil: held capabilities that cover it
	Manner    exec.Manner  // how the effect, and the tool call within it, are executed
}

// Repeat says which of several equal jobs is meant. The zero Repeat is the first one: asking for it again returns its
// outcome again, even a failure.
type Repeat struct {
	Name  string // distinguishes it from others; empty: the first
	Retry bool   // the next one after failed ones, if the tool's policy allows a retry
}

// Train runs a recipe over a dataset as a train effect and records the model.
func (l *Learner) Train(ctx context.Context, s TrainSpec) (*model.TrainResult, *calls.Called, error) {
	recipe, err := l.loadRecipe(ctx, s.Recipe)
	if err != nil {
		return nil, nil, err
	}
	use := scope.Use{Kind: scope.KindTrainRun, Recipe: s.Recipe, Jobs: 1}
	if s.Caps == nil {
		if s.Caps, err = l.Auth.Covering(ctx, use); err != nil {
			return nil, nil, err
		}
	}
	j := model.TrainJob{RecipeID: s.Recipe, DatasetDef: s.Dataset.DatasetDefID, Manifest: s.Dataset.Manifest.CID, BuildReceipt: &s.Dataset.BuildReceiptID}
	if j.MaxTokens, j.MaxGPUms, err = budget(s); err != nil {
		return nil, nil, err
	}
	raw, err := l.attempt(ctx, effectTrain, recipe.TrainCodeHash, s.Attempt, func(name string) ([]byte, error) {
		j.Attempt = name
		return can.Marshal(&j)
	})
	if err != nil {
		return nil, nil, err
	}
	use.Tokens, use.GPUms = j.MaxTokens, j.MaxGPUms
	key := object.Sum(raw)
	called, err := l.Caller.Learn(ctx, effectTrain, calls.Spec{Request: raw, Key: key.Sum[:], Caps: s.Caps, Manner: s.Manner}, use)
	if err != nil {
		return nil, called, err
	}
	res, _, _, err := model.OpenTrainResult(called.Body)
	if err != nil {
		return nil, called, err
	}
	_, err = l.Models.AddEffect(ctx, called.ReceiptID)
	return res, called, err
}

// budget returns the most that a training may use: the requested limits, or else everything that the first capability
// allows.
func budget(s TrainSpec) (tokens, gpuMs uint64, err error) {
	tokens, gpuMs = noBudget, noBudget
	if len(s.Caps) > 0 {
		leaf, err := s.Caps[0][0].Cap.Scope.Decode()
		if err != nil {
			return 0, 0, err
		}
		if t, ok := leaf.(*scope.TrainRun); ok {
			tokens = min(tokens, t.MaxTokens)
			if t.MaxGPUms != nil {
				gpuMs = min(gpuMs, *t.MaxGPUms)
			}
		}
	}
	if s.MaxTokens != nil {
		tokens = *s.MaxTokens
	}
	if s.MaxGPUms != nil {
		gpuMs = *s.MaxGPUms
	}
	return tokens, gpuMs, nil
}

// Eval measures a model with a suite as an eval effect and records the result.
func (l *Learner) Eval(ctx context.Context, m, suite object.Hash, at Repeat, chains []caps.Chain, manner exec.Manner) (*model.EvalResult, *calls.Called, error) {
	def, err := l.loadSuite(ctx, suite)
	if err != nil {
		return nil, nil, err
	}
	j := model.EvalJob{ModelID: m, SuiteID: suite}
	raw, err := l.attempt(ctx, effectEval, def.SuiteCodeHash, at, func(name string) ([]byte, error) {
		j.Attempt = name
		return can.Marshal(&j)
	})
	if err != nil {
		return nil, nil, err
	}
	key := object.Sum(raw)
	called, err := l.Caller.Learn(ctx, effectEval, calls.Spec{Request: raw, Key: key.Sum[:], Caps: chains, Manner: manner}, scope.Use{Kind: scope.KindEvalRun, Suite: suite, Runs: 1})
	if err != nil {
		return nil, called, err
	}
	res, _, err := model.OpenEvalResult(called.Body)
	if err != nil {
		return nil, called, err
	}
	_, err = l.Models.AddEffect(ctx, called.ReceiptID)
	return res, called, err
}

func (l *Learner) loadRecipe(ctx context.Context, id object.Hash) (*model.RecipeDef, error) {
	raw, err := objects.Load(ctx, l.Store, "RecipeDef", id)
	if err != nil {
		return nil, err
	}
	return object.Decode[model.RecipeDef](raw)
}

func (l *Learner) loadSuite(ctx context.Context, id object.Hash) (*model.EvalSuiteDef, error) {
	raw, err := objects.Load(ctx, l.Store, "EvalSuiteDef", id)
	if err != nil {
		return nil, err
	}
	return object.Decode[model.EvalSuiteDef](raw)
}

// ErrNoRetry means that a failed job is not repeated automatically: its tool was not registered as retry-safe. It wraps
// model.ErrRefused.
var ErrNoRetry = fmt.Errorf("%w: the tool is not registered as safe to repeat", model.ErrRefused)

// attempt finds the job that is meant, and returns its request's bytes.
func (l *Learner) attempt(ctx context.Context, effect string, code object.Hash, at Repeat, request func(name string) ([]byte, error)) ([]byte, error) {
	if !at.Retry {
		return request(at.Name)
	}
	name := at.Name
	for i := 2; i < maxAttempts; i++ {
		raw, err := request(name)
		if err != nil {
			return nil, err
		}
		key := object.Sum(raw)
		state, err := l.Ledger.Read(ctx, ledger.IdemID(exec.BuiltinID(effect), key.Sum[:]))
		if err != nil {
			return nil, err
		}
		if state.Commit == nil || state.Commit.Status < 300 {
			return raw, nil
		}
		t, err := l.Tools.Get(ctx, code)
		if err != nil {
			return nil, err
		}
		if !t.Policy.RetrySafe {
			return nil, fmt.Errorf("%s failed with status %d: %w", effect, state.Commit.Status, ErrNoRetry)
		}
		name = strconv.Itoa(i)
	}
	return nil, fmt.Errorf("%w: it failed %d times", model.ErrRefused, maxAttempts)
}

// innerCall runs the tools of one train or eval effect as separate effects.
type innerCall struct {
	node     *Learner
	outer    exec.Call
	receipts []object.Hash
}

// env returns what training and evaluation need: the tools that recipes and suites name, and datasets as JSON lines.
func (c *innerCall) env() train.Env {
	return train.Env{Store: c.node.Store, Code: c.run, Form: c.node.form, Dataset: c.node.Datasets.Lines}
}

// form is how a tool is asked: its registration says so.
func (l *Learner) form(ctx context.Context, code object.Hash) (train.Form, error) {
	t, err := l.Tools.Get(ctx, code)
	if err != nil {
		return train.Form{}, err
	}
	return train.Form{Takes: t.Module.TakesTree, Gives: t.Module.GivesTree, Folders: l.Folders}, nil
}

// run calls a tool through the executor, under a capability that we issue to ourselves for this call: the right to
// train or to evaluate was checked before. Its key is derived from that of the outer effect, so that an effect that was
// interrupted after its tool had ended continues with the tool's recorded response (spec/learning.md#inner-calls).
func (c *innerCall) run(ctx context.Context, code object.Hash, request []byte) ([]byte, error) {
	chain, err := c.node.Auth.Own(ctx, &scope.ToolCall{ToolID: code, MaxCalls: 1})
	if err != nil {
		return nil, err
	}
	e := exec.Effect{Tool: code, Request: request, Caps: []caps.Chain{chain}, Manner: c.outer.Inner,
		Defaults: exec.Limits{Timeout: maxTraining, MaxRequest: train.MaxToolRequest, MaxResponse: store.MaxBytes, MaxMemory: 2 << 30}}
	if len(c.outer.Key) > 0 {
		sum := object.Sum(request)
		key := object.Sum(append(append(append([]byte("mythos.inner"), c.outer.Tool.Sum[:]...), sum.Sum[:]...), c.outer.Key...))
		e.Key = key.Sum[:]
	}
	out, err := c.node.Gate.Do(ctx, e)
	if err != nil {
		return nil, err
	}
	c.receipts = append(c.receipts, out.ReceiptID)
	if out.Status >= 300 {
		return nil, fmt.Errorf("%w: %s, status %d%s", calls.ErrToolFailed, c.node.Toolbox.Name(ctx, code), out.Status, notesOf(out.ReceiptRaw))
	}
	return out.Body, nil
}

// notesOf returns what a receipt says about a failure, without the progress before it.
func notesOf(raw []byte) string {
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil || r.Notes == nil {
		return ""
	}
	var kept []string
	for _, line := range strings.Split(*r.Notes, "\n") {
		reason, last, _ := strings.Cut(line, ": ") // the first line may begin with the exit status
		if _, progress := train.ParseProgress(line); progress {
			continue
		}
		if _, progress := train.ParseProgress(last); progress {
			line = reason
		}
		kept = append(kept, line)
	}
	return ": " + strings.Join(kept, ": ")
}

// Reevaluate runs an evaluation again, for a verifier. The tool call leaves a receipt like every effect; it has no key,
// so it is never a replay.
func (l *Learner) Reevaluate(ctx context.Context, j model.EvalJob) (*model.EvalResult, error) {
	inner := &innerCall{node: l}
	_, res, err := train.Eval(ctx, inner.env(), j)
	return res, err
}
