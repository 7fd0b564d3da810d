// Package pins implements the effects blob.pin and blob.delete.
package pins

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

const (
	effectPin    = "blob.pin"
	effectDelete = "blob.delete"
)

// Pins implements the effects blob.pin and blob.delete.
type Pins struct {
	ID    *identity.Identity
	Gate  *exec.Gate
	Store *store.Store
}

const maxPinUs = uint64(1<<63-1) / 1000 // of a time.Duration

// Register registers blob.pin and blob.delete: agents other than the owner of the folder need a capability for them.
func (p *Pins) Register() {
	p.Gate.Builtin(effectPin, exec.Builtin{
		Use: calls.Decoded(func(q *vm.BlobPinRequest) scope.Use {
			return scope.Use{Kind: scope.KindBlobPin, CID: q.CID, TTL: pinTTL(q.TTLus)}
		}),
		Run: func(ctx context.Context, c exec.Call) (exec.Response, error) {
			q, err := object.Decode[vm.BlobPinRequest](c.Request)
			if err != nil {
				return exec.Response{}, err
			}
			return p.runPin(ctx, q)
		},
		RetrySafe: true, Writes: true,
	})
	p.Gate.Builtin(effectDelete, exec.Builtin{
		Use: calls.Decoded(func(q *vm.BlobDeleteRequest) scope.Use { return scope.Use{Kind: scope.KindBlobDelete, CID: q.CID} }),
		Run: func(ctx context.Context, c exec.Call) (exec.Response, error) {
			q, err := object.Decode[vm.BlobDeleteRequest](c.Request)
			if err != nil {
				return exec.Response{}, err
			}
			return kept(q.CID, p.Store.RemoveBlob(ctx, q.CID))
		},
		RetrySafe: true, Writes: true,
	})
}

// pinTTL returns the lifetime in a request; one beyond the range of the clock is unlimited.
func pinTTL(us uint64) time.Duration {
	if us > maxPinUs {
		return 0
	}
	return time.Duration(us) * time.Microsecond
}

func (p *Pins) runPin(ctx context.Context, q *vm.BlobPinRequest) (exec.Response, error) {
	if _, err := p.Store.BlobRef(ctx, q.CID); err != nil {
		return kept(q.CID, err)
	}
	var until object.Time
	if ttl := pinTTL(q.TTLus); ttl > 0 {
		until = p.ID.Now().Add(ttl)
	}
	return kept(q.CID, p.Store.ExtendPin(ctx, q.CID, until, "blob.pin"))
}

// kept returns the response of an effect on a blob that may be missing.
func kept(cid object.Hash, err error) (exec.Response, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return exec.Response{Status: exec.StatusNotFound, Notes: fmt.Sprintf("blob %s is not here", cid)}, nil
	case err != nil:
		return exec.Response{}, err
	}
	return exec.Response{Status: exec.StatusOK, Evidence: []object.Hash{cid}}, nil
}
