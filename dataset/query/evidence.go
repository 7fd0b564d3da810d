package query

import (
	"context"
	"slices"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Evidence provides the data of predicates.
type Evidence interface {
	// Episode returns the canonical bytes of an EpisodeRef, checked against its id.
	Episode(ctx context.Context, id object.Hash) ([]byte, error)
	// Receipt returns a receipt, checked against its id. A receipt that cannot be loaded is an error.
	Receipt(ctx context.Context, id object.Hash) (*ledger.Receipt, error)
	// Signals returns the canonical signals of an episode whose ids and signatures verify, ascending by id, without
	// repeats.
	Signals(ctx context.Context, episode object.Hash) ([][]byte, error)
}

// EpisodeRanger is an optional ability of an Evidence: reading many episodes at once. Without it, or if that does not
// pay, they are read singly.
type EpisodeRanger interface {
	// EpisodesOf calls fn with the canonical bytes of the episodes of ids that it finds, ascending, checked against
	// their ids. ids ascend strictly; at is the position in ids. raw is valid during fn only. ok is false if anything
	// fails or it does not pay; fn may have been called before.
	EpisodesOf(ctx context.Context, ids []object.Hash, fn func(at int, raw []byte)) (ok bool)
}

// SignalRanger is an optional ability of an Evidence: reading the signals of many episodes at once. Without it, or if
// that does not pay, they are read for one episode at a time.
type SignalRanger interface {
	// SignalsOf returns the signals of ids, which ascend strictly, in their order. ok is false if anything fails or it
	// does not pay.
	SignalsOf(ctx context.Context, ids []object.Hash) (signals [][][]byte, ok bool)
}

// Visible are the ids of the visible signals, at 33 bytes each; nil: all.
type Visible struct{ ids []object.Hash }

// NewVisible takes over ids, which ascend.
func NewVisible(ids []object.Hash) *Visible { return &Visible{ids} }

// Has reports whether a signal is visible.
func (v *Visible) Has(id object.Hash) bool {
	if v == nil {
		return true
	}
	_, ok := slices.BinarySearchFunc(v.ids, id, object.Hash.Compare)
	return ok
}

// Reads is the data that a predicate reads, as a set of bits.
type Reads uint8

// Data that predicates read.
const (
	ReadsEpisode Reads = 1 << iota
	ReadsSignals
	ReadsReceipts
)

// ReadsOf returns which data a predicate reads.
func ReadsOf(e *ir.Expr) (r Reads) {
	for i := range e.Args {
		r |= ReadsOf(&e.Args[i])
	}
	switch {
	case e.Op == ir.ExprHasTool || e.Op == ir.ExprHasStatus || e.Op == ir.ExprFailed:
		r |= ReadsReceipts | ReadsEpisode
	case e.Path != nil && e.Path.Root == ir.RootSignal:
		r |= ReadsSignals
	case e.Path != nil:
		r |= ReadsEpisode
	}
	return r
}
