package dataset

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/dataset/pages"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/quick"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store"
)

// Source provides the evidence for a build. Several goroutines use it at once.
type Source interface {
	query.Evidence
	// Nodes reads the nodes of corpora and signal logs.
	Nodes(ctx context.Context) merkle.NodeReader
}

// Kinds under which a store keeps evidence.
const (
	KindEpisode = "EpisodeRef"
	KindReceipt = "Receipt"
)

// StoreSource is the Source over a store and a ledger.
type StoreSource struct {
	Store  *store.Store
	Author *pages.Author // of pages of values; nil: they are neither read nor written
	Ledger interface {
		// Receipt returns canonical bytes, or an error that wraps ledger.ErrNotFound.
		Receipt(ctx context.Context, id object.Hash) ([]byte, error)
	}
}

var _ Source = (*StoreSource)(nil)

// Nodes implements Source.
func (s *StoreSource) Nodes(ctx context.Context) merkle.NodeReader { return s.Store.Nodes(ctx) }

// Episode implements Source. An object of another kind is not an episode.
func (s *StoreSource) Episode(ctx context.Context, id object.Hash) ([]byte, error) {
	o, err := s.Store.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("episode: %w", err)
	}
	if o.Kind != KindEpisode {
		return nil, fmt.Errorf("episode: %s is a %s: %w", id.Short(), o.Kind, store.ErrNotFound)
	}
	if !isEpisode(o.Raw, id) {
		return nil, fmt.Errorf("episode %s: %w", id.Short(), store.ErrCorrupt)
	}
	return o.Raw, nil
}

// isEpisode checks the canonical bytes of an episode against its id.
func isEpisode(raw []byte, id object.Hash) bool {
	if quick.IsID(raw, id, 1, 0) {
		return true
	}
	got, err := object.EpisodeRule.ID(raw)
	return err == nil && got == id
}

var _ query.EpisodeRanger = (*StoreSource)(nil)

// EpisodesOf implements query.EpisodeRanger by one scan from the first of ids to the last. It gives up if most episodes
// in between are others.
func (s *StoreSource) EpisodesOf(ctx context.Context, ids []object.Hash, fn func(at int, raw []byte)) bool {
	if len(ids) == 0 {
		return false
	}
	at, others := 0, 0
	err := s.Store.ObjectsBetween(ctx, KindEpisode, ids[0], ids[len(ids)-1], func(o store.Object) error {
		for at < len(ids) && ids[at].Compare(o.ID) < 0 {
			at++
		}
		if at == len(ids) || ids[at] != o.ID {
			if others++; others > 2*len(ids) {
				return errStop
			}
			return nil
		}
		if !isEpisode(o.Raw, o.ID) {
			return fmt.Errorf("episode %s: %w", o.ID.Short(), store.ErrCorrupt)
		}
		fn(at, o.Raw)
		return nil
	})
	return err == nil
}

var _ query.Paged = (*StoreSource)(nil)

// Pages implements query.Paged.
func (s *StoreSource) Pages(root uint8) pages.Pages {
	if root == ir.RootSignal {
		return pages.Signals(s.Store.KV(), s.Author)
	}
	return pages.Episodes(s.Store.KV(), s.Author)
}

// Signals implements Source.
func (s *StoreSource) Signals(ctx context.Context, episode object.Hash) ([][]byte, error) {
	return signal.About(ctx, s.Store, episode)
}

var _ query.SignalRanger = (*StoreSource)(nil)

// SignalsOf implements query.SignalRanger.
func (s *StoreSource) SignalsOf(ctx context.Context, ids []object.Hash) ([][][]byte, bool) {
	return signal.AboutEach(ctx, s.Store, ids)
}

// Receipt implements Source: it looks in the ledger first, then in the store's objects. The id binds the receipt to the
// episode; its signature was verified when it was stored.
func (s *StoreSource) Receipt(ctx context.Context, id object.Hash) (*ledger.Receipt, error) {
	raw, err := s.ReceiptBytes(ctx, id)
	if err != nil {
		return nil, err
	}
	r, got, err := object.Open[ledger.Receipt](raw, ledger.ReceiptRule)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	if got != id {
		return nil, fmt.Errorf("receipt %s: %w: its bytes give %s", id.Short(), object.ErrID, got.Short())
	}
	return r, nil
}

// ReceiptBytes returns the canonical bytes of a receipt of this ledger or of another.
func (s *StoreSource) ReceiptBytes(ctx context.Context, id object.Hash) ([]byte, error) {
	if s.Ledger != nil {
		raw, err := s.Ledger.Receipt(ctx, id)
		if err == nil || !errors.Is(err, ledger.ErrNotFound) {
			return raw, err
		}
	}
	o, err := s.Store.Object(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return o.Raw, nil
}

// Pinned reads signal logs: the visible signals. nil means that all signals are visible.
func Pinned(ctx context.Context, src Source, roots []object.Hash) (*query.Visible, error) {
	if roots == nil {
		return nil, nil
	}
	var ids []object.Hash
	for _, root := range roots {
		err := ReadList(ctx, src.Nodes(ctx), root, func(id object.Hash) error {
			ids = append(ids, id)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("signal log: %w", err)
		}
	}
	return query.NewVisible(sorted(ids)), nil
}
