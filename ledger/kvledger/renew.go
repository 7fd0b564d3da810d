package kvledger

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Renewals are stored beside the log and are not signed: a lease needs them, but nobody asks for them later
// (spec/ledger.md#renewals). There is one record for each effect whose attempt ran longer than a part of its lease. It
// is removed together with the outcome.
const renewalKeys = kv.LedgerRenewals

func renewalKey(idem object.Hash) string { return renewalKeys + idem.String() }

// renewal is the value under a renewal key.
type renewal struct {
	Fence uint64      `can:"1,fence"` // of the attempt
	Until object.Time `can:"2,until"` // when its lease ends
}

// Renew extends the lease of an attempt of this Ledger. It costs one durable update. It returns false if the attempt is
// over or is no longer the latest.
func (l *Ledger) Renew(ctx context.Context, d ledger.Decision, p ledger.Policy) (bool, error) {
	if _, ours := l.started(d); !ours {
		return false, nil
	}
	return Elsewhere{l}.Renew(ctx, d.IdemID, d.Fence, p.Lease)
}

// renewedUntil is the end of the renewed lease of the latest attempt; 0: not renewed.
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

// unrenew removes the renewal of an attempt in the update that ends the attempt.
func (l *Ledger) unrenew(idem object.Hash) []ledger.Rider {
	if _, renewed := l.renewals.LoadAndDelete(idem); !renewed {
		return nil
	}
	return []ledger.Rider{renewalGone(idem)}
}

// SweepRenewals removes renewals of attempts with an outcome, whose process died before it could remove them.
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
