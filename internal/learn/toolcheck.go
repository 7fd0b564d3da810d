package learn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/object"
)

// ToolCheck says how to check a training tool.
type ToolCheck struct {
	Recipe         object.Hash
	Train, HeldOut object.Hash // manifests: episodes to learn from, and others to measure on
	Metrics        []string    // that its evaluation must return
	MaxTokens      *uint64     // that a training may report; nil: any number
	MaxGPUms       *uint64     // likewise, in milliseconds
	Cancel         time.Duration
}

// CheckTool runs the contract test kit for training tools on a recipe's code. Every finished call leaves a receipt. The
// error is that of [train.CheckTool]; each fault in it wraps train.ErrTool.
func (l *Learner) CheckTool(ctx context.Context, s ToolCheck) error {
	r, err := l.loadRecipe(ctx, s.Recipe)
	if err != nil {
		return err
	}
	var lines [2]bytes.Buffer
	for i, manifest := range []object.Hash{s.Train, s.HeldOut} {
		if err := l.Datasets.Lines(ctx, manifest, r.Hyperparams[train.RowsParam], &lines[i]); err != nil {
			return fmt.Errorf("dataset %s: %w", manifest.Short(), err)
		}
	}
	base, err := train.BaseWeights(ctx, l.Store, r)
	if err != nil {
		return err
	}
	form, err := l.form(ctx, r.TrainCodeHash)
	if err != nil {
		return err
	}
	params := maps.Clone(r.Hyperparams)
	delete(params, "label")
	return train.CheckTool(ctx, train.ToolCheck{
		Run: func(ctx context.Context, request []byte, stderr io.Writer) ([]byte, error) {
			inner := &innerCall{node: l, outer: exec.Call{Inner: exec.Manner{Stderr: stderr}}}
			return inner.run(ctx, r.TrainCodeHash, request)
		},
		Label: r.Hyperparams["label"], Params: params, Form: form, Base: base, Train: lines[0].Bytes(), HeldOut: lines[1].Bytes(),
		Metrics: s.Metrics, MaxTokens: s.MaxTokens, MaxGPUms: s.MaxGPUms, Cancel: s.Cancel,
	})
}
