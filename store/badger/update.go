package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

const (
	maxBatch      = 1024    // updates in one transaction
	maxBatchBytes = 4 << 20 // of their keys and values, roughly
)

// update is one Update on its way through commitLoop.
type update struct {
	ctx        context.Context
	check, put map[string][]byte
	ok         bool
	err        error
	done       chan struct{}
}

// Update implements store.KV.
func (d *DB) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	u := &update{ctx: ctx, check: check, put: put, done: make(chan struct{})}
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return false, ErrClosed
	}
	select {
	case d.updates <- u:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-d.stopped:
		return false, ErrClosed
	}
	<-u.done // from here on it happens or not whatever ctx says: the caller must learn which
	return u.ok, u.err
}

// commitLoop is the only writer.
func (d *DB) commitLoop() {
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

// gather takes what has arrived, without waiting for more.
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

// commit runs a batch and answers each of its updates.
func (d *DB) commit(batch []*update) {
	db, done, err := d.use(batch[0].ctx)
	if err == nil {
		defer done()
	}
	for len(batch) > 0 {
		n := len(batch)
		if err == nil {
			n, err = commitSome(db, batch)
		}
		for _, u := range batch[:n] {
			if err != nil {
				u.ok, u.err = false, fmt.Errorf("update: %w", err)
			}
			close(u.done)
		}
		batch = batch[n:]
	}
}

// commitSome commits as many updates from the front as fit one transaction, at
// least one, and returns their number.
func commitSome(db *badger.DB, batch []*update) (int, error) {
	txn := db.NewTransaction(true)
	defer txn.Discard()
	size := 0
	for i, u := range batch {
		n := u.size()
		if i > 0 && size+n > maxBatchBytes {
			return i, txn.Commit()
		}
		size += n
		holds, err := holds(txn, u.check)
		if err != nil {
			return 1, errors.Join(err)
		}
		if u.ok = holds; !holds {
			continue
		}
		if err := apply(txn, u.put); err != nil {
			return i + 1, err
		}
	}
	return len(batch), txn.Commit()
}

func (u *update) size() int {
	n := 0
	for key, value := range u.put {
		n += len(key) + len(value) + 64
	}
	return n
}

func holds(txn *badger.Txn, check map[string][]byte) (bool, error) {
	for key, want := range check {
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
