package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/mythos-project/mythos/store"
)

const maxBatch = 1024 // updates in one transaction

// States of an update.
const (
	queued int32 = iota
	taken
	withdrawn
)

// update is one Update on its way through commitLoop.
type update struct {
	check, put map[string][]byte
	state      atomic.Int32
	ok         bool
	err        error
	done       chan struct{}
}

func (u *update) answer(ok bool, err error) {
	if err != nil {
		ok, err = false, fmt.Errorf("update: %w", err)
	}
	u.ok, u.err = ok, err
	close(u.done)
}

// Update implements store.KV. It takes at most 4.8 MB of keys and values below
// 1 MiB and 40,000 keys; the error wraps store.ErrTooLarge beyond. Once the
// update is being committed, ctx is no longer heard: the caller must learn
// whether it happened.
func (d *DB) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	u := &update{check: check, put: put, done: make(chan struct{})}
	select {
	case <-d.stopped:
		return false, ErrClosed
	default:
	}
	select {
	case d.updates <- u:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-d.finished:
		return false, ErrClosed
	}
	select {
	case <-u.done:
		return u.ok, u.err
	case <-ctx.Done():
		if u.state.CompareAndSwap(queued, withdrawn) {
			return false, ctx.Err()
		}
	case <-d.finished:
		if u.state.CompareAndSwap(queued, withdrawn) {
			return false, ErrClosed
		}
	}
	<-u.done
	return u.ok, u.err
}

// commitLoop is the only writer.
func (d *DB) commitLoop() {
	defer close(d.finished)
	for {
		select {
		case u := <-d.updates:
			d.commit(d.gather(u))
		case <-d.stopped:
			for {
				select {
				case u := <-d.updates:
					d.commit(d.gather(u))
				default:
					return
				}
			}
		}
	}
}

// gather takes what has arrived, without waiting for more: while one batch is
// synced the next one gathers by itself.
func (d *DB) gather(first *update) []*update {
	batch := []*update{first}
	for len(batch) < maxBatch {
		select {
		case u := <-d.updates:
			batch = append(batch, u)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch and answers each of its updates. Whether the database can
// be opened does not depend on any one caller's context.
func (d *DB) commit(batch []*update) {
	db, done, err := d.use(context.Background(), toWrite)
	if err == nil {
		defer done()
	}
	for len(batch) > 0 {
		if err != nil {
			for _, u := range batch {
				if u.state.CompareAndSwap(queued, taken) {
					u.answer(false, err)
				}
			}
			return
		}
		batch = batch[d.commitSome(db, batch):]
	}
}

// commitSome commits as many updates from the front as fit one transaction, at
// least one, answers them, and returns their number. Conditions see what earlier
// updates of the same transaction have put.
func (d *DB) commitSome(db *badger.DB, batch []*update) int {
	txn := db.NewTransaction(true)
	defer txn.Discard()
	var held []*update
	count, size := int64(0), int64(0)
	next := 0
	for ; next < len(batch); next++ {
		u := batch[next]
		c, s := u.cost()
		if len(held) > 0 && !fits(db, count+c, size+s) {
			break
		}
		if !u.state.CompareAndSwap(queued, taken) {
			continue
		}
		holds, err := u.holds(txn)
		if err == nil && holds && !fits(db, c, s) {
			err = fmt.Errorf("%d keys, %d bytes: %w for one update", c, s, store.ErrTooLarge)
		}
		if err != nil || !holds {
			u.answer(false, err)
			continue
		}
		held, count, size = append(held, u), count+c, size+s
		if err := apply(txn, u.put); err != nil { // nothing of this transaction may happen
			for _, u := range held {
				u.answer(false, err)
			}
			return next + 1
		}
	}
	err := d.durably(db, txn, held, size)
	for _, u := range held {
		u.answer(true, err)
	}
	return max(next, 1)
}

// durably commits a transaction. Badger syncs it.
func (d *DB) durably(db *badger.DB, txn *badger.Txn, held []*update, size int64) error {
	if len(held) == 0 {
		return nil
	}
	if err := d.room(size); err != nil {
		return err
	}
	err := txn.Commit()
	return errors.Join(err, d.faults.err())
}

// fits reports whether a transaction may have this many keys and bytes.
func fits(db *badger.DB, count, size int64) bool {
	return count < db.MaxBatchCount() && size < db.MaxBatchSize()
}

// cost is an upper bound of what Badger counts for the update.
func (u *update) cost() (count, size int64) {
	for key, value := range u.put {
		n := len(value)
		if n >= largeValue {
			n = 0 // a pointer to the value log
		}
		size += int64(len(key) + n + 64)
	}
	return int64(len(u.put)), size
}

func (u *update) holds(txn *badger.Txn) (bool, error) {
	for key, want := range u.check {
		have, found, err := get(txn, key)
		if err != nil {
			return false, err
		}
		if found != (want != nil) || !bytes.Equal(have, want) {
			return false, nil
		}
	}
	return true, nil
}

func apply(txn *badger.Txn, put map[string][]byte) error {
	for key, value := range put {
		var err error
		if value == nil {
			err = txn.Delete([]byte(key))
		} else {
			err = txn.Set([]byte(key), value)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}
