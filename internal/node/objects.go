package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
)

// runRoots keeps what recorded runs need to be replayed.
func (n *Node) runRoots(ctx context.Context, keep func(object.Hash)) error {
	err := n.Exec.Runs(ctx, func(r *exec.RunRecord) error {
		keep(r.BundleHash)
		keep(r.ResultHash)
		keep(r.TraceHash)
		keep(r.Effects)
		return nil
	})
	if err != nil {
		return fmt.Errorf("runs: %w", err)
	}
	if err := n.indexRoots(ctx, keep); err != nil {
		return fmt.Errorf("indexes: %w", err)
	}
	if err := n.Cells.Roots(ctx, keep); err != nil {
		return fmt.Errorf("cells: %w", err)
	}
	return n.Tools.List(ctx, func(t exec.Tool) error {
		if t.Module.ModuleHash != nil {
			keep(*t.Module.ModuleHash)
		}
		if t.Module.Definition != nil {
			keep(*t.Module.Definition)
		}
		return nil
	})
}

// KeepObject stores an object that the caller has verified. Signals and
// capabilities are found by their episodes and holders afterwards.
func (n *Node) KeepObject(ctx context.Context, s object.Struct, raw []byte) (object.Hash, error) {
	id, err := s.Rule.ID(raw)
	if err != nil {
		return id, err
	}
	if s.Name == dataset.KindSignal {
		return id, dataset.PutSignals(ctx, n.Store, raw)
	}
	if model.Kind(s.Name) {
		return n.Models().Add(ctx, s.Name, raw)
	}
	if err := objects.Put(ctx, n.Store, s.Name, id, raw); err != nil || s.Name != dataset.KindReceipt {
		return id, err
	}
	return id, n.noteReceipt(ctx, id, raw)
}

// noteReceipt notes a receipt that came from elsewhere with what its effect made or
// decided, where [Node.Why] looks for it. One that failed, or whose response did not
// come, has nothing to say.
func (n *Node) noteReceipt(ctx context.Context, id object.Hash, raw []byte) error {
	r, _, err := ledger.OpenReceipt(raw)
	if err != nil || r.Status != exec.StatusOK {
		return err
	}
	switch {
	case r.ToolID == exec.BuiltinID(effectCodebook):
		err = n.noteCodebook(ctx, r)
	case model.Learning(r.ToolID):
		_, err = n.Models().AddEffect(ctx, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (n *Node) noteCodebook(ctx context.Context, r *ledger.Receipt) error {
	body, err := n.Store.Bytes(ctx, r.ResponseHash)
	if err != nil {
		return err
	}
	t, err := object.Decode[packet.TrainedCodebook](body)
	if err != nil {
		return err
	}
	return n.Models().Decided(ctx, t.Codebook, r.ReceiptID)
}

// FindObject returns whatever has this hash: an object, a receipt of the ledger,
// a blob's reference, a Merkle node, or plain bytes; and its kind.
func (n *Node) FindObject(ctx context.Context, id object.Hash) (kind string, raw []byte, err error) {
	o, err := n.Store.Object(ctx, id)
	if err == nil {
		return o.Kind, o.Raw, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", nil, err
	}
	if raw, err := n.Ledger.Receipt(ctx, id); err == nil {
		return dataset.KindReceipt, raw, nil
	}
	if r, err := n.Exec.RunRecord(ctx, id); err == nil {
		raw, err := can.Marshal(r)
		return "RunRecord", raw, err
	}
	if ref, err := n.Store.BlobRef(ctx, id); err == nil {
		raw, err := can.Marshal(&ref)
		return "BlobRef", raw, err
	}
	if raw, err := n.Store.Nodes(ctx).Node(id); err == nil {
		return "MerkleNode", raw, nil
	}
	return "", nil, fmt.Errorf("%s: %w", id, store.ErrNotFound)
}
