package badger

import (
	"context"
	"math"
	"time"

	"github.com/mythos-project/mythos/store/kv"
)

// Alone takes a database for this process until release is called. No other one reads or writes it meanwhile, but
// through this one, whose updates are refused, too. It is for a DB that nobody has used yet.
func Alone(ctx context.Context, d *DB) (release func(), err error) {
	d.mu.Lock()
	d.opts.Hold, d.opts.Idle = math.MaxInt64, time.Hour // whoever waits does not end it, and it has a user all the time
	d.mu.Unlock()
	s, done, err := d.use(ctx, toWrite)
	if err != nil {
		return nil, err
	}
	if err := s.forbidden(); err != nil {
		done()
		return nil, err
	}
	s.refused = kv.ErrMoving
	return func() {
		d.retire()
		done()
	}, nil
}
