package dataset

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// Source is where a build finds evidence.
type Source interface {
	// Nodes reads the nodes of corpora and signal logs.
	Nodes(ctx context.Context) merkle.NodeReader
	// Episode returns the canonical bytes of an episode.
	Episode(ctx context.Context, id object.Hash) ([]byte, error)
	// Receipt returns a receipt; one that cannot be loaded is an error.
	Receipt(ctx context.Context, id object.Hash) (*ledger.Receipt, error)
	// Signals returns the canonical signals of an episode whose signatures verify,
	// ascending by id.
	Signals(ctx context.Context, episode object.Hash) ([][]byte, error)
}

// KindEpisode and KindReceipt are the kinds under which a store keeps them.
const (
	KindEpisode = "EpisodeRef"
	KindReceipt = "Receipt"
	KindSignal  = "Signal"
)

// StoreSource is the Source over a store and a ledger. Receipts are looked for in
// the ledger first, then among the store's objects.
type StoreSource struct {
	Store  *store.Store
	Ledger interface {
		Receipt(ctx context.Context, id object.Hash) ([]byte, error)
	}
}

var _ Source = (*StoreSource)(nil)

// Nodes implements Source.
func (s *StoreSource) Nodes(ctx context.Context) merkle.NodeReader { return s.Store.Nodes(ctx) }

// Episode implements Source.
func (s *StoreSource) Episode(ctx context.Context, id object.Hash) ([]byte, error) {
	o, err := s.Store.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("episode: %w", err)
	}
	if _, got, err := object.Open[object.EpisodeRef](o.Raw, object.EpisodeRule); err != nil || got != id {
		return nil, fmt.Errorf("episode %s: %w", id.Short(), errors.Join(err, store.ErrCorrupt))
	}
	return o.Raw, nil
}

// Receipt implements Source.
func (s *StoreSource) Receipt(ctx context.Context, id object.Hash) (*ledger.Receipt, error) {
	raw, err := s.ReceiptBytes(ctx, id)
	if err != nil {
		return nil, err
	}
	r, got, err := ledger.OpenReceipt(raw)
	if err == nil && got != id {
		err = fmt.Errorf("receipt %s: %w", id.Short(), object.ErrID)
	}
	return r, err
}

// ReceiptBytes returns the canonical bytes of a receipt of this ledger or of another.
func (s *StoreSource) ReceiptBytes(ctx context.Context, id object.Hash) ([]byte, error) {
	raw, err := s.Ledger.Receipt(ctx, id)
	if err == nil || !errors.Is(err, ledger.ErrNotFound) {
		return raw, err
	}
	o, err := s.Store.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return o.Raw, nil
}

const signalKeys = "s/"

// Signals implements Source. A signal whose signature does not verify is not seen.
func (s *StoreSource) Signals(ctx context.Context, episode object.Hash) ([][]byte, error) {
	prefix := signalKeys + episode.String() + "/"
	var list [][]byte
	err := s.Store.KV().Scan(ctx, prefix, prefix+"\xff", func(key string, _ []byte) error {
		id, err := object.ParseHash(key[len(prefix):])
		if err != nil {
			return err
		}
		o, err := s.Store.Object(ctx, id)
		if err != nil {
			return fmt.Errorf("signal: %w", err)
		}
		if _, got, err := OpenSignal(o.Raw); err == nil && got == id {
			list = append(list, o.Raw)
		}
		return nil
	})
	return list, err
}

// PutSignals keeps verified signals and the index by which episodes find them.
func PutSignals(ctx context.Context, s *store.Store, raws ...[]byte) error {
	objs := make([]store.Object, len(raws))
	index := make(map[string][]byte, len(raws))
	for i, raw := range raws {
		g, id, err := OpenSignal(raw)
		if err != nil {
			return err
		}
		objs[i] = store.Object{ID: id, Kind: KindSignal, Raw: raw}
		index[signalKeys+g.EpisodeID.String()+"/"+id.String()] = []byte{}
	}
	if err := s.PutObjects(ctx, objs...); err != nil {
		return err
	}
	if len(index) == 0 {
		return nil
	}
	_, err := s.KV().Update(ctx, nil, index)
	return err
}
