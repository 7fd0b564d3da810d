package node

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// CheckTool runs the contract test kit for training tools on a recipe's code, with
// episodes to learn from and others to measure on (manifests). Every call leaves a
// receipt. The error is that of [model.CheckTool]: what is wrong, each part wrapping
// model.ErrTool.
func (n *Node) CheckTool(ctx context.Context, recipe, train, held object.Hash, metrics []string) error {
	r, err := n.loadRecipe(ctx, recipe)
	if err != nil {
		return err
	}
	var lines [2]bytes.Buffer
	for i, manifest := range []object.Hash{train, held} {
		if err := n.ExportJSONL(ctx, manifest, &lines[i]); err != nil {
			return fmt.Errorf("dataset %s: %w", manifest.Short(), err)
		}
	}
	params := maps.Clone(r.Hyperparams)
	delete(params, "label")
	inner := &innerCall{node: n}
	return model.CheckTool(ctx, model.ToolCheck{
		Run: func(ctx context.Context, request []byte) ([]byte, error) {
			return inner.run(ctx, r.TrainCodeHash, request)
		},
		Label: r.Hyperparams["label"], Params: params, Train: lines[0].Bytes(), HeldOut: lines[1].Bytes(), Metrics: metrics,
	})
}
