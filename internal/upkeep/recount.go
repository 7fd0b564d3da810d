package upkeep

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// ErrQuotaLost means that a counter is lower than the receipts show. It wraps store.ErrCorrupt.
var ErrQuotaLost = fmt.Errorf("a quota's counter was lost or damaged: %w", identity.ErrDamaged)

// KindQuota is the kind of fsck's findings about a counter; the id is the capability's.
const KindQuota = "quota"

// units are what each effect of a kind uses at least one of.
var units = map[uint8]scope.Resource{scope.KindToolCall: scope.Calls, scope.KindToolsCall: scope.Calls, scope.KindTrainRun: scope.Jobs, scope.KindEvalRun: scope.Runs}

// recount counts, from receipts alone, what each capability was charged at least.
type recount struct {
	node  *Upkeep
	least map[object.Hash]uint64    // by capability
	again map[object.Hash]bool      // effects that were registered more than once: who was charged is unknown
	seen  map[uint64]struct{}       // receipts, by the beginning of their ids
	links map[object.Hash][]counted // by capability in a receipt
}

// counted is a counter that a use of a capability is charged to.
type counted struct {
	id object.Hash
	of scope.Resource
}

// RecountQuotas compares the counters of capabilities with what receipts show was done, and calls report, with
// ErrQuotaLost, for each counter that is lower. A counter may be higher, since interrupted attempts have no receipt.
func (u *Upkeep) RecountQuotas(ctx context.Context, report func(id object.Hash, err error)) error {
	r := &recount{u, map[object.Hash]uint64{}, map[object.Hash]bool{}, map[uint64]struct{}{}, map[object.Hash][]counted{}}
	err := u.Ledger.Log(ctx, kvledger.Filter{Kind: ledger.EntryRegister}, func(e ledger.Entry) error {
		if e.Register.Fence != nil && *e.Register.Fence > 1 {
			r.again[e.Register.IdemID] = true
		}
		return ctx.Err()
	})
	if err == nil {
		err = u.Ledger.Log(ctx, kvledger.Filter{Kind: ledger.EntryReceipt}, func(e ledger.Entry) error {
			return r.receipt(ctx, e.Receipt)
		})
	}
	if err != nil {
		return fmt.Errorf("recount quotas: %w", err)
	}
	return r.compare(ctx, report)
}

// receipt counts one receipt of an effect that was charged.
func (r *recount) receipt(ctx context.Context, rec *ledger.Receipt) error {
	settled := slices.ContainsFunc(rec.Evidence, func(h object.Hash) bool {
		_, is := r.seen[short(h)]
		return is
	})
	r.seen[short(rec.ReceiptID)] = struct{}{}
	switch {
	case len(rec.Evidence) == 0, settled: // a probe settled it; who was charged is unknown
	case len(rec.IdempotencyKey) > 0 && r.again[ledger.IdemID(rec.ToolID, rec.IdempotencyKey)]:
	case rec.Status == exec.StatusNotStarted: // the charge was returned
	case rec.Notes != nil && strings.HasPrefix(*rec.Notes, ledger.RefusedNotes):
	default:
		list, err := r.counters(ctx, rec.Evidence[0])
		for _, c := range list {
			r.least[c.id]++
		}
		return err
	}
	return ctx.Err()
}

func short(h object.Hash) uint64 { return binary.BigEndian.Uint64(h.Sum[:]) }

// counters returns the limited counters of a capability and of all above it.
func (r *recount) counters(ctx context.Context, id object.Hash) (list []counted, err error) {
	if list, known := r.links[id]; known {
		return list, nil
	}
	if _, there, err := r.node.DB.Get(ctx, kv.ChargedThere+id.String()); err != nil || there {
		return nil, err
	}
	chain, err := r.node.Auth.Chain(ctx, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, objects.ErrKind) {
		err = nil // not a capability, or one of a ledger elsewhere
	}
	for _, link := range chain {
		of, is := units[link.Cap.Scope.Kind]
		limits, lerr := quota.Limits(link)
		if err = errors.Join(err, lerr); err != nil {
			return nil, err
		}
		if is && slices.ContainsFunc(limits, func(a scope.Amount) bool { return a.Of == of }) {
			list = append(list, counted{link.ID, of})
		}
	}
	r.links[id] = list
	return list, err
}

func (r *recount) compare(ctx context.Context, report func(object.Hash, error)) error {
	done := map[object.Hash]bool{}
	for _, list := range r.links {
		for _, c := range list {
			if done[c.id] {
				continue
			}
			done[c.id] = true
			used, err := r.node.Quotas.Used(ctx, c.id)
			if err != nil {
				return err
			}
			if least := r.least[c.id]; used[c.of] < least {
				report(c.id, fmt.Errorf("%w: capability %s was charged %d %s, and receipts of %d are in the ledger", ErrQuotaLost, c.id.Short(), used[c.of], c.of, least))
			}
		}
	}
	return nil
}
