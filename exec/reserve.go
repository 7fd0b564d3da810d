package exec

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/store"
)

// recordSize is the approximate size of an effect's ledger entries and of its run record, in bytes.
const recordSize = 64 << 10

// Reserver is an optional ability of Responses: it guarantees room for what is written after an effect has happened.
// *store.Store is one.
type Reserver interface {
	Reserve(ctx context.Context, bytes int64) (free func(), err error)
}

// reserve refuses an effect whose outcome might not fit on the disk, before anything has happened. A committed effect
// is only looked up and needs no room.
func (a *attempt) reserve(ctx context.Context) (free func(), err error) {
	free = func() {}
	if g, ok := a.gate.Ledger.(interface{ Ready(context.Context) error }); ok {
		err = g.Ready(ctx)
	}
	if r, ok := a.gate.Responses.(Reserver); ok && err == nil {
		free, err = r.Reserve(ctx, min(a.target.limits.MaxResponse, store.SmallChunk)+recordSize)
	}
	if err == nil {
		return free, nil
	}
	if len(a.effect.Key) > 0 {
		s, rerr := a.gate.Ledger.Read(ctx, ledger.IdemID(a.effect.Tool, a.effect.Key))
		if rerr == nil && s.At(a.gate.Now()) == ledger.StatusCommitted {
			return func() {}, nil
		}
	}
	return nil, fmt.Errorf("nothing was run, because its outcome could not be recorded: %w", err)
}
