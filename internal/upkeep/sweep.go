package upkeep

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// sweepRunning removes the locks of attempts that ended, and the renewals of their leases,
// where the effect has an outcome since: those of attempts that were killed.
func (u *Upkeep) sweepRunning(ctx context.Context) error {
	open := func(idem object.Hash) (bool, error) {
		s, err := u.Ledger.Read(ctx, idem)
		return err == nil && s.Open(), err
	}
	if _, err := u.Running.Sweep(ctx, open); err != nil {
		return fmt.Errorf("locks of attempts: %w", err)
	}
	if err := u.Ledger.SweepRenewals(ctx); err != nil {
		return fmt.Errorf("renewals of leases: %w", err)
	}
	return nil
}
