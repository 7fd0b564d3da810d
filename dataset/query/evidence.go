package query

import (
	"context"
	"slices"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Evidence is where predicates find evidence.
type Evidence interface {
	// Episode returns the canonical bytes of an EpisodeRef, checked against its id.
	Episode(ctx context.Context, id object.Hash) ([]byte, error)
	// Receipt returns a receipt, checked against its id; one that cannot be loaded is
	// an error.
	Receipt(ctx context.Context, id object.Hash) (*ledger.Receipt, error)
	// Signals returns the canonical signals of an episode whose ids and signatures
	// verify, ascending by id, each once.
	Signals(ctx context.Context, episode object.Hash) ([][]byte, error)
}

// EpisodeRanger is what a Evidence may offer besides: many episodes at once. Without it, or
// where it does not pay, they are read one after the other.
type EpisodeRanger interface {
	// EpisodesOf calls fn with the canonical bytes of those of ids, which ascend
	// strictly, that it finds, ascending, checked against their ids; at is the position in
	// ids. raw is valid during fn only. ok is false when something is in the way, an error
	// included; fn may have been called before.
	EpisodesOf(ctx context.Context, ids []object.Hash, fn func(at int, raw []byte)) (ok bool)
}

// SignalRanger is what a Evidence may offer besides: the signals of many episodes at once.
// Without it, or where it does not pay, they are read for one episode after the other.
type SignalRanger interface {
	// SignalsOf returns the signals of ids, which ascend strictly, in their order; ok is
	// false when something is in the way, an error included.
	SignalsOf(ctx context.Context, ids []object.Hash) (signals [][][]byte, ok bool)
}

// Visible are the ids of the signals that are seen, at 33 bytes each; nil: all are.
type Visible struct{ ids []object.Hash }

// NewVisible takes ids, which ascend.
func NewVisible(ids []object.Hash) *Visible { return &Visible{ids} }

// Has reports whether a signal is seen.
func (v *Visible) Has(id object.Hash) bool {
	if v == nil {
		return true
	}
	_, ok := slices.BinarySearchFunc(v.ids, id, object.Hash.Compare)
	return ok
}

// Reads is what a predicate reads, as a set of bits.
type Reads uint8

// What predicates read.
const (
	ReadsEpisode Reads = 1 << iota
	ReadsSignals
	ReadsReceipts
)

// ReadsOf says what a predicate reads.
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
