package node

import (
	"context"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Status is what `mythos status` tells.
type Status struct {
	Repository string            `json:"repository"`
	Name       string            `json:"name"`
	Key        string            `json:"public_key"`
	KeyID      object.Hash       `json:"key_id"`
	Entries    uint64            `json:"ledger_entries"`
	Effects    uint64            `json:"effects"`
	Pending    uint64            `json:"pending"`
	Divergent  uint64            `json:"divergent"`
	Blobs      uint64            `json:"blobs"`
	BlobBytes  uint64            `json:"blob_bytes"`
	Caps       uint64            `json:"caps"`
	Expiring   uint64            `json:"caps_expiring"`
	Rings      map[string]string `json:"rings,omitempty"`
}

// Status gathers the state of the repository. It reads every effect's history.
func (n *Node) Status(ctx context.Context) (*Status, error) {
	s := &Status{Repository: n.Dir, Name: n.Self().Hint, Key: n.Self().KeyHex(), KeyID: n.Self().KeyID(), Rings: map[string]string{}}
	now := n.now()
	var err error
	if s.Entries, err = n.Ledger.Size(ctx); err != nil {
		return nil, err
	}
	err = n.Ledger.Effects(ctx, func(e ledger.State) error {
		s.Effects++
		switch e.At(now) {
		case ledger.StatusPending, ledger.StatusUnknown:
			s.Pending++
		case ledger.StatusDivergent:
			s.Divergent++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = n.Store.Blobs(ctx, func(r object.BlobRef) error {
		s.Blobs++
		s.BlobBytes += r.Size
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = n.Caps(ctx, func(l caps.Link) error {
		if l.Cap.Subject.Same(n.Self()) && now < l.Cap.ExpiresAt {
			s.Caps++
			if l.Cap.ExpiresAt < now.Add(24*time.Hour) {
				s.Expiring++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s, n.Store.Refs(ctx, func(name string, h object.Hash) error {
		if len(name) > 4 && name[:4] == "ring" {
			s.Rings["@"+name] = h.Short()
		}
		return nil
	})
}

// GC frees what nothing reaches: blobs, pins and refs keep their trees; receipts
// keep requests and responses; objects keep whatever they mention; tools keep their
// modules.
func (n *Node) GC(ctx context.Context, dry bool) (store.GCReport, error) {
	return n.Store.GC(ctx, store.GCOptions{Now: n.now(), DryRun: dry, Roots: n.roots})
}

func (n *Node) roots(ctx context.Context, keep func(object.Hash)) error {
	err := n.Ledger.Log(ctx, ledger.Filter{Kind: ledger.EntryReceipt}, func(e ledger.Entry) error {
		keep(e.Receipt.RequestHash)
		keep(e.Receipt.ResponseHash)
		for _, h := range e.Receipt.Evidence {
			keep(h)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	if err := n.objectRoots(ctx, keep); err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	return n.runRoots(ctx, keep)
}
