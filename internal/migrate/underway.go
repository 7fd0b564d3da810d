package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mythos-project/mythos/internal/engine"
	"github.com/mythos-project/mythos/internal/running"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
)

// underWay refuses a move while an attempt is under way, since its outcome would be recorded nowhere. The error wraps
// engine.ErrInUse.
func (o Options) underWay(ctx context.Context, e *engine.Engine) error {
	reader, err := sign.Generate("migrate") // signs nothing
	if err != nil {
		return err
	}
	locks := filepath.Join(o.Root, "running")
	now := e.Clock(ctx, o.Now)
	l := kvledger.Open(e.DB, reader, now)
	l.Holders = running.New(locks)
	if e.Shared != nil {
		l.Home = e.Shared.Home
	}
	effects, err := candidates(ctx, e.DB, l, locks, now())
	if err != nil {
		return err
	}
	for idem := range effects {
		s, err := l.Read(ctx, idem)
		if err != nil {
			return err
		}
		if s.Open() && s.At(now()) == ledger.StatusPending {
			return fmt.Errorf("%w: attempt %d of effect %s, by %s, is under way since %s", engine.ErrInUse, s.Fence, idem.Short(), s.Register.Owner.Hint, s.Register.TimeObserved)
		}
	}
	return nil
}

// candidates returns the effects that may have an attempt under way: the lease of its register has not expired, or was
// renewed, or its lock is on this machine.
func candidates(ctx context.Context, db kv.KV, l *kvledger.Ledger, locks string, now object.Time) (map[object.Hash]bool, error) {
	found := map[object.Hash]bool{}
	err := l.Log(ctx, kvledger.Filter{Kind: ledger.EntryRegister}, func(e ledger.Entry) error {
		if e.Register.LeaseExpiresAt > now {
			found[e.Register.IdemID] = true
		}
		return nil
	})
	add := func(name string) {
		if h, err := object.ParseHash(name); err == nil {
			found[h] = true
		}
	}
	if err == nil {
		err = kv.Scan(ctx, db, kv.LedgerRenewals, func(key string, _ []byte) error {
			add(key[len(kv.LedgerRenewals):])
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(locks)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		add(f.Name())
	}
	return found, nil
}
