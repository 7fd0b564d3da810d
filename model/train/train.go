// Package train runs trainings and evaluations: it passes weights and a dataset to a tool, checks the answer, and
// stores the model (spec/learning.md#tools). It also takes in models that were trained elsewhere.
package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// Env is the environment that training and evaluation need.
type Env struct {
	Store model.Store
	// Code runs the tool that code names (a recipe's train_code_hash, a suite's
	// suite_code_hash) and returns its response.
	Code func(ctx context.Context, code object.Hash, request []byte) ([]byte, error)
	// Form is how that tool is given its request and gives its response.
	Form func(ctx context.Context, code object.Hash) (Form, error)
	// Dataset writes the episodes of a manifest as JSON lines: as rows of the kind in the parameter "rows" of the
	// recipe or the suite, by default as samples (spec/learning.md#tools).
	Dataset func(ctx context.Context, manifest object.Hash, rows string, w io.Writer) error
}

// ErrBudget means that a training used more than its job allows.
var ErrBudget = errors.New("training exceeds its budget")

// Run runs a TrainJob: it runs the recipe's code over the dataset and stores weights, configuration and model. It
// returns the canonical bytes of the TrainResult, which are the response of the train effect. The same job gives the
// same model if the code is deterministic. Errors wrap store.ErrNotFound, ErrTool or ErrBudget.
func Run(ctx context.Context, env Env, job model.TrainJob) ([]byte, *model.TrainResult, error) {
	recipe, err := model.Load(ctx, env.Store, job.RecipeID, "RecipeDef", model.RecipeRule, object.Open[model.RecipeDef])
	if err != nil {
		return nil, nil, err
	}
	base, parent, err := env.base(ctx, recipe)
	if err != nil {
		return nil, nil, err
	}
	form, err := env.Form(ctx, recipe.TrainCodeHash)
	if err != nil {
		return nil, nil, err
	}
	label, params := splitLabel(recipe.Hyperparams)
	header := TrainRequest{OpTrain, label, params, int64(len(base.Bytes)), job.RecipeID, job.Manifest, job.MaxTokens, job.MaxGPUms}
	request, err := env.request(ctx, form, header, base, job.Manifest, params)
	if err != nil {
		return nil, nil, err
	}
	body, err := env.Code(ctx, recipe.TrainCodeHash, request)
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	answer, weights, err := form.trained(ctx, body)
	if err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	if answer.Tokens > job.MaxTokens || answer.GPUms > job.MaxGPUms {
		return nil, nil, fmt.Errorf("%w: %d of %d tokens, %d of %d ms of GPU time", ErrBudget, answer.Tokens, job.MaxTokens, answer.GPUms, job.MaxGPUms)
	}
	r := &model.TrainResult{Job: job, Metrics: answer.Metrics, Examples: answer.Examples, Tokens: answer.Tokens, GPUms: answer.GPUms,
		ToolRequest: object.Sum(request), ToolResponse: object.Sum(body)}
	config := model.ModelConfig{RecipeID: job.RecipeID, DatasetDef: job.DatasetDef, Manifest: job.Manifest, Format: answer.Format, Hyperparams: recipe.Hyperparams}
	r.Model = model.ModelRef{CodeHash: recipe.TrainCodeHash, ParentModelID: parent}
	if err := env.keep(ctx, form, &r.Model, answer.Media, weights, &config); err != nil {
		return nil, nil, err
	}
	raw, err := can.Marshal(r)
	return raw, r, err
}

// base loads the weights of a recipe's base model.
func (env Env) base(ctx context.Context, recipe *model.RecipeDef) (Weights, *object.Hash, error) {
	weights, err := BaseWeights(ctx, env.Store, recipe)
	if err != nil || recipe.BaseModel == model.FromScratch {
		return Weights{}, nil, err
	}
	return weights, &recipe.BaseModel, nil
}

// BaseWeights loads the weights of a recipe's base model; none if it has none. It verifies every byte, of a folder
// where it is unpacked. Errors wrap store.ErrNotFound.
func BaseWeights(ctx context.Context, s model.Store, recipe *model.RecipeDef) (Weights, error) {
	if recipe.BaseModel == model.FromScratch {
		return Weights{}, nil
	}
	m, err := model.Load(ctx, s, recipe.BaseModel, "ModelRef", model.ModelRule, object.Open[model.ModelRef])
	if err != nil {
		return Weights{}, fmt.Errorf("base model: %w", err)
	}
	weights, err := weightsOf(ctx, s, m)
	if err != nil {
		return weights, fmt.Errorf("base model: weights: %w", err)
	}
	return weights, nil
}

// weightsOf loads the weights of a model.
func weightsOf(ctx context.Context, s model.Store, m *model.ModelRef) (w Weights, err error) {
	if m.IsFolder() {
		w.Folder = &m.Weights.CID
		return w, nil
	}
	w.Bytes, err = readBlob(ctx, s, m.Weights)
	return w, err
}

// request builds a tool's request from a header, weights and the dataset.
func (env Env) request(ctx context.Context, form Form, header any, weights Weights, manifest object.Hash, params map[string]string) ([]byte, error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(env.Dataset(ctx, manifest, params[RowsParam], w)) }()
	defer r.Close()
	return form.request(ctx, header, weights, r)
}

// keep stores weights, configuration and, under its id, the model.
func (env Env) keep(ctx context.Context, form Form, m *model.ModelRef, media string, weights Weights, config *model.ModelConfig) error {
	raw, err := can.Marshal(config)
	if err != nil {
		return err
	}
	if weights.Folder != nil {
		m.Weights, err = form.Folders.Own(ctx, *weights.Folder, weights.in)
	} else {
		m.Weights, err = env.Store.PutBlob(ctx, bytes.NewReader(weights.Bytes), store.PutOptions{Media: media})
	}
	if err != nil {
		return fmt.Errorf("keep the weights: %w", err)
	}
	if m.Config, err = env.Store.PutBlob(ctx, bytes.NewReader(raw), store.PutOptions{Media: model.ConfigMedia}); err != nil {
		return fmt.Errorf("keep the configuration: %w", err)
	}
	id, modelRaw, err := model.NewModel(*m)
	if err != nil {
		return err
	}
	m.ModelID = id
	return env.Store.PutObjects(ctx, store.Object{ID: id, Kind: "ModelRef", Raw: modelRaw})
}

// readBlob reads a whole blob of at most maxWeights bytes and verifies every byte.
func readBlob(ctx context.Context, s model.Blobs, ref object.BlobRef) ([]byte, error) {
	if ref.Size > maxWeights {
		return nil, fmt.Errorf("blob %s has %d bytes, at most %d are read", ref.CID.Short(), ref.Size, maxWeights)
	}
	b, err := s.OpenRef(ctx, ref, codec.Keys{})
	if err != nil {
		return nil, err
	}
	buf := &limitedBuffer{limit: maxWeights}
	if err := b.Copy(ctx, buf); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// limitedBuffer refuses to grow beyond its limit: a compressed blob may be far larger than its reference says.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, fmt.Errorf("content exceeds %d bytes", b.limit)
	}
	return b.Buffer.Write(p)
}
