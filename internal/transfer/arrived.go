package transfer

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
)

// KeepObject stores an object that the caller has verified. Afterwards, signals can be found by their episodes, and
// capabilities by their holders.
func (tr *Transfer) KeepObject(ctx context.Context, s object.Struct, raw []byte) (object.Hash, error) {
	id, err := s.Rule.ID(raw)
	if err != nil {
		return id, err
	}
	if s.Name == signal.Kind {
		return id, signal.Put(ctx, tr.Store, raw)
	}
	if registry.Kind(s.Name) {
		return tr.Models.Add(ctx, s.Name, raw)
	}
	if err := objects.Put(ctx, tr.Store, s.Name, id, raw); err != nil || s.Name != dataset.KindReceipt {
		return id, err
	}
	return id, tr.noteReceipt(ctx, id, raw)
}

// noteReceipt records what the effect of a foreign receipt made or decided, where [explain.Explainer.Why] looks for it.
// A failed receipt, or one whose response did not arrive, is ignored.
func (tr *Transfer) noteReceipt(ctx context.Context, id object.Hash, raw []byte) error {
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil || r.Status != exec.StatusOK {
		return err
	}
	switch {
	case r.ToolID == exec.BuiltinID(codebook.TrainEffect):
		err = tr.noteCodebook(ctx, r)
	case registry.Learning(r.ToolID):
		_, err = tr.Models.AddEffect(ctx, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (tr *Transfer) noteCodebook(ctx context.Context, r *ledger.Receipt) error {
	body, err := tr.Store.Bytes(ctx, r.ResponseHash)
	if err != nil {
		return err
	}
	t, err := object.Decode[packet.TrainedCodebook](body)
	if err != nil {
		return err
	}
	return tr.Models.Decided(ctx, t.Codebook, r.ReceiptID)
}
