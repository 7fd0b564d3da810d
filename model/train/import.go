package train

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/codec"
)

// Import takes in a model that was trained elsewhere: it verifies every byte of the weights, and stores configuration
// and model. It returns the canonical bytes of the ImportResult, which are the response of the model.import effect. The
// same job gives the same model. Errors wrap store.ErrNotFound or weights.ErrWeights.
func Import(ctx context.Context, s model.Store, job model.ImportJob) ([]byte, *model.ImportResult, error) {
	m, modelRaw, config, err := job.Model()
	if err == nil {
		err = checkWeights(ctx, s, &m)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("weights %s: %w", job.Weights.CID.Short(), err)
	}
	if _, err := s.PutBlob(ctx, bytes.NewReader(config), store.PutOptions{Media: m.Config.Media}); err != nil {
		return nil, nil, fmt.Errorf("keep the configuration: %w", err)
	}
	if err := s.PutObjects(ctx, store.Object{ID: m.ModelID, Kind: "ModelRef", Raw: modelRaw}); err != nil {
		return nil, nil, err
	}
	r := &model.ImportResult{Job: job, Model: m}
	raw, err := can.Marshal(r)
	return raw, r, err
}

// checkWeights reads the weights, and refuses what no tool could be given.
func checkWeights(ctx context.Context, s model.Store, m *model.ModelRef) error {
	if m.Weights.Encryption != nil {
		return fmt.Errorf("%w: the blob is encrypted, and a tool is given plain bytes", weights.ErrWeights)
	}
	if !m.IsFolder() && (m.Weights.Size == 0 || m.Weights.Size > maxWeights) {
		return fmt.Errorf("%w: it has %d bytes, and one file has 1 to %d: files in a folder have any size", weights.ErrWeights, m.Weights.Size, maxWeights)
	}
	return weights.Each(ctx, s, "weights", m.Weights, func(name string, e tree.Entry, ref object.BlobRef) error {
		if e.Kind == tree.Folder {
			return nil
		}
		if err := weights.Verify(ctx, s, ref); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if ref.Media != weights.SafetensorsMedia && !strings.HasSuffix(name, ".safetensors") {
			return nil
		}
		b, err := s.OpenRef(ctx, ref, codec.Keys{})
		if err != nil {
			return err
		}
		defer b.Close()
		if err := weights.CheckFile(ref.Size, func(w io.Writer) error { return b.Copy(ctx, w) }); err != nil {
			return fmt.Errorf("%w: %s: %w", weights.ErrWeights, name, err)
		}
		return nil
	})
}
