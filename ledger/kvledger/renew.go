package kvledger

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Renewals stand beside the log and are not signed: they are what a lease needs and
// nobody later asks for (spec/ledger.md#renewals). One record for each effect whose
// attempt ran for longer than a part of its lease, removed with its outcome.
const renewalKeys = kv.LedgerRenewals

func renewalKey(idem object.Hash) string { return renewalKeys + idem.String() }

// renewal is the value under a renewal key.
type renewal struct {
	Fence uint64      `can:"1,fence"` // of the attempt
	Until object.Time `can:"2,until"` // when its lease ends
}

// Renew prolongs the lease of an attempt of this Ledger. It costs one durable update. An
// attempt that is not the latest any more, or is over, is not renewed: false.
func (l *Ledger) Renew(ctx context.Context, d ledger.Decision, p ledger.Policy) (bool, error) {
	if _, ours := l.started(d); !ours {
		return false, nil
	}
	return Elsewhere{l}.Renew(ctx, d.IdemID, d.Fence, p.Lease)
}

// renewedUntil is until when the lease of the latest attempt was renewed; 0: it was not.
func (a *archive) renewedUntil(ctx context.Context, s ledger.State) (object.Time, error) {
	raw, err := kv.GetOrNil(ctx, a.kv, renewalKey(s.IdemID))
	if err != nil || raw == nil {
		return 0, err
	}
	r, err := object.Decode[renewal](raw)
	if err != nil {
		return 0, fmt.Errorf("renewal of effect %s: %w: %w", s.IdemID.Short(), ledger.ErrEntry, err)
	}
	if r.Fence != s.Fence {
		return 0, nil
	}
	return r.Until, nil
}

// unrenew removes the renewal of an attempt with the entry that ends it.
func (l *Ledger) unrenew(idem object.Hash) []ledger.Rider {
	if _, renewed := l.renewals.LoadAndDelete(idem); !renewed {
		return nil
	}
	return []ledger.Rider{renewalGone(idem)}
}

// SweepRenewals removes the renewals of attempts that have an outcome: those whose process
// did not live to remove them.
func (l *Ledger) SweepRenewals(ctx context.Context) error {
	var keys []string
	err := l.kv.Scan(ctx, renewalKeys, kv.End(renewalKeys), func(key string, _ []byte) error {
		keys = append(keys, key)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		idem, err := object.ParseHash(key[len(renewalKeys):])
		if err != nil {
			return fmt.Errorf("%w: key %q", ledger.ErrEntry, key)
		}
		s, err := l.Read(ctx, idem)
		if err != nil {
			return err
		}
		if s.Open() {
			continue
		}
		if _, err := l.kv.Update(ctx, nil, map[string][]byte{key: nil}); err != nil {
			return err
		}
	}
	return nil
}
