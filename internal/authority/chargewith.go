package authority

import (
	"context"
	"fmt"
	"maps"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/store"
)

// ChargeWith charges a use to a chain in one update with the change that it permits: there is never one without the
// other, whenever the process ends. If a key in check has another value than given (nil: absent), the error wraps
// store.ErrChanged and nothing is charged. If the quota does not suffice, it wraps caps.ErrQuota.
func (au *Authority) ChargeWith(ctx context.Context, chain caps.Chain, use scope.Use, check, put map[string][]byte) error {
	keys, ride, err := au.Quotas.Riding(chain, use, nil)
	if err != nil {
		return err
	}
	const tries = 1000 // each failure is another process's charge
	for range tries {
		all, counters := maps.Clone(check), map[string][]byte{}
		if all == nil {
			all = map[string][]byte{}
		}
		for _, key := range keys {
			raw, found, err := au.DB.Get(ctx, key)
			if err != nil {
				return err
			}
			if !found {
				raw = nil
			}
			counters[key], all[key] = raw, raw
		}
		charged, err := ride(func(key string) ([]byte, error) { return counters[key], nil })
		if err != nil {
			return err
		}
		whole := maps.Clone(put)
		if whole == nil {
			whole = map[string][]byte{}
		}
		maps.Copy(whole, charged)
		if len(whole) == 0 {
			return nil // nothing is limited, and there is no other change
		}
		if ok, err := au.DB.Update(ctx, all, whole); err != nil || ok {
			return err
		}
		changed, err := au.changed(ctx, check)
		if err != nil {
			return err
		}
		if changed {
			break
		}
	}
	return fmt.Errorf("charge capability %s: %w", chain[0].ID.Short(), store.ErrChanged)
}

// changed reports whether a key has another value than expected.
func (au *Authority) changed(ctx context.Context, check map[string][]byte) (bool, error) {
	for key, want := range check {
		have, found, err := au.DB.Get(ctx, key)
		if err != nil || found != (want != nil) || string(have) != string(want) {
			return true, err
		}
	}
	return false, nil
}
