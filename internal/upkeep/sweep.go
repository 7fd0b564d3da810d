package upkeep

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/mcp/awaited"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// sweepRunning removes the locks of ended attempts, and the renewals of their leases, if the effect now has an outcome:
// those of attempts that were killed.
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

// keepDeclared is how long a harness may take to report the outcome of a call.
const keepDeclared = 30 * 24 * time.Hour

// sweepDeclared removes the records of calls of a harness that now have an outcome, or whose outcome will no longer be
// reported.
func (u *Upkeep) sweepDeclared(ctx context.Context) error {
	have := map[string][]byte{}
	err := kv.Scan(ctx, u.DB, kv.Declared, func(record string, value []byte) error {
		have[record] = bytes.Clone(value)
		return nil
	})
	for record, value := range have {
		if err != nil {
			break
		}
		err = u.sweepCall(ctx, record, value)
	}
	if err != nil {
		return fmt.Errorf("calls of harnesses: %w", err)
	}
	return nil
}

// awaited returns the calls of agents that have no answer yet.
func (u *Upkeep) awaited() awaited.Records {
	return awaited.Records{KV: u.DB, Now: u.ID.Now, Alive: u.Tasks.InstanceAlive}
}

// sweepCall removes one of them, unless it has changed meanwhile.
func (u *Upkeep) sweepCall(ctx context.Context, record string, value []byte) error {
	idem, err := object.ParseHash(record[strings.LastIndexByte(record, '/')+1:])
	if err != nil {
		return fmt.Errorf("record %s: %w", record, err)
	}
	s, err := u.Ledger.Read(ctx, idem)
	if err == nil && (!s.Open() || u.ID.Now() > s.Register.TimeObserved.Add(keepDeclared)) {
		_, err = u.DB.Update(ctx, map[string][]byte{record: value}, map[string][]byte{record: nil})
	}
	return err
}
