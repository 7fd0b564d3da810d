package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/journal"
)

const (
	maxBatch = 1024    // updates in one record
	maxSmall = 1 << 20 // bytes of an update that goes through the journal
)

// States of an update.
const (
	queued int32 = iota
	taken
	withdrawn
)

// update is one pending Update.
type update struct {
	check, put map[string][]byte
	size       int64 // size of its puts
	frees      bool  // it makes room, and may use the reserve
	drain      bool  // move everything earlier to Badger
	state      atomic.Int32
	ok         bool
	err        error
	done       chan struct{}
}

// large reports whether the update goes directly to Badger.
func (u *update) large() bool { return u.size > maxSmall || u.drain }

func (u *update) answer(ok bool, err error) {
	if err != nil {
		ok, err = false, fmt.Errorf("update: %w", err)
	}
	u.ok, u.err = ok, err
	close(u.done)
}

// Update implements store.KV. It accepts at most 4.8 MB of keys and of values below 1 MiB, and 40,000 keys; beyond that
// the error wraps store.ErrTooLarge. Once the commit has begun, ctx no longer counts: the caller must learn whether the
// update happened.
func (d *DB) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	u := &update{check: check, put: put, frees: store.MakesRoom(ctx), done: make(chan struct{})}
	for key, value := range put {
		u.size += journal.PutSize(key, value)
	}
	return d.submit(ctx, u)
}

// submit commits an update. If nobody is committing, the caller commits it itself, without switching to another
// goroutine; updates that arrive meanwhile are committed together in the background. If the database has to be opened
// first, everything runs in the background, because opening may take as long as another process holds the database; the
// caller still reacts to ctx.
func (d *DB) submit(ctx context.Context, u *update) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	d.queueMu.Lock()
	if d.refusing {
		d.queueMu.Unlock()
		return false, ErrClosed
	}
	d.queue = append(d.queue, u)
	lead := !d.committing
	d.committing = true
	d.queueMu.Unlock()
	switch {
	case !lead:
	case !d.isOpen():
		go d.commitQueue()
	default:
		d.commit(d.take())
		if d.more() {
			go d.commitQueue()
		}
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		if u.state.CompareAndSwap(queued, withdrawn) {
			return false, ctx.Err()
		}
		<-u.done
	}
	return u.ok, u.err
}

// commitQueue commits until the queue is empty.
func (d *DB) commitQueue() {
	for {
		d.commit(d.take())
		if !d.more() {
			return
		}
	}
}

// take removes a batch from the queue.
func (d *DB) take() []*update {
	d.queueMu.Lock()
	defer d.queueMu.Unlock()
	n := min(len(d.queue), maxBatch)
	batch := d.queue[:n:n]
	d.queue = d.queue[n:]
	return batch
}

// more reports whether updates wait. If none does, it ends committing.
func (d *DB) more() bool {
	d.queueMu.Lock()
	defer d.queueMu.Unlock()
	if d.committing = len(d.queue) > 0; !d.committing {
		d.queue = nil
		d.quiet.Broadcast()
	}
	return d.committing
}

// refuse rejects new updates and waits for the pending ones.
func (d *DB) refuse() {
	d.queueMu.Lock()
	defer d.queueMu.Unlock()
	d.refusing = true
	for d.committing {
		d.quiet.Wait()
	}
}

// commit runs a batch and answers each of its updates. Opening the database does not depend on any single caller's
// context.
func (d *DB) commit(batch []*update) {
	s, done, err := d.use(context.Background(), d.crowded || slices.ContainsFunc(batch, (*update).large))
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
		n := 1
		if batch[0].large() {
			d.direct(s, batch[0])
		} else {
			n = d.journaled(s, batch)
		}
		batch = batch[n:]
		if s.broken != nil || s.faults.err() != nil {
			d.retire()
		}
	}
}

// journaled makes one record from as many updates at the front as fit, at least one. It answers them and returns their
// number. Conditions see the puts of earlier updates in the same record.
func (d *DB) journaled(s *session, batch []*update) int {
	var held []*update
	var before map[string][]byte // what held puts
	if len(batch) > 1 {
		before = map[string][]byte{}
	}
	next, size := 0, int64(0)
	_ = s.view(func(v view) error {
		for ; next < len(batch); next++ {
			u := batch[next]
			if u.large() || (len(held) > 0 && (size+u.size > journal.MaxRecord || u.frees != held[0].frees)) {
				break
			}
			if !u.state.CompareAndSwap(queued, taken) {
				continue
			}
			if holds, err := u.holds(v, before); err != nil || !holds {
				u.answer(false, err)
				continue
			}
			held, size = append(held, u), size+u.size
			if before != nil {
				maps.Copy(before, u.put)
			}
		}
		return nil
	})
	err := d.durably(s, held, size)
	for _, u := range held {
		u.answer(true, err)
	}
	if err == nil {
		d.relieve(s)
	}
	return max(next, 1)
}

// durably appends the updates' puts to the journal.
func (d *DB) durably(s *session, held []*update, size int64) error {
	if size == 0 {
		return nil
	}
	if err := s.forbidden(); err != nil {
		return err
	}
	if s.failed != nil && s.young.bytes > 2*d.opts.Layer {
		return s.failed // the move to Badger failed permanently
	}
	frees := held[0].frees
	if err := d.room(size); err != nil && !frees && d.reserved.Load() < size {
		return err
	}
	record := journal.NewRecord(size)
	for _, u := range held {
		for key, value := range u.put {
			record = journal.AppendPut(record, key, value)
		}
	}
	return s.append(record, frees)
}

// relieve starts moving the young layer to Badger, in the background, if it is large.
func (d *DB) relieve(s *session) {
	d.crowded = s.readOnly && s.young.bytes > d.opts.Layer // the next commit opens Badger for writing
	if s.readOnly || s.young.bytes <= d.opts.Layer || d.tight(s) {
		return
	}
	s.settle()
	if s.old.puts.Len() > 0 { // the move failed, or a killed process left the layer
		if s.failed = s.move(); s.failed != nil {
			return
		}
	}
	if s.rotate() != nil {
		return // the next update gets the error
	}
	moved := make(chan error, 1)
	s.moving = moved
	done := d.hold()
	go func() {
		defer done()
		err := s.move()
		if err == nil && crowdedTables(s.db) && d.compact.CompareAndSwap(false, !s.merges) {
			d.retire() // the next session checks the tables and merges them
		}
		moved <- err
	}()
}

// direct commits one large update directly to Badger, instead of writing it twice.
func (d *DB) direct(s *session, u *update) {
	if !u.state.CompareAndSwap(queued, taken) {
		return
	}
	if err := s.forbidden(); err != nil {
		u.answer(false, err)
		return
	}
	holds, err := false, d.spare(s.left(), s.left())
	if err == nil {
		err = s.drain()
	}
	if err == nil {
		err = s.view(func(v view) (err error) {
			holds, err = u.holds(v, nil)
			return err
		})
	}
	if err == nil && holds && len(u.put) > 0 {
		err = d.transact(s, u)
	}
	u.answer(holds, err)
}

// transact commits the update's puts. Badger syncs them.
func (d *DB) transact(s *session, u *update) error {
	count, size := u.cost()
	if !fits(s.db, count, size) {
		return fmt.Errorf("%d keys, %d bytes: %w for one update", count, size, store.ErrTooLarge)
	}
	if err := d.room(size); err != nil {
		return err
	}
	t, err := s.transaction()
	defer t.txn.Discard()
	if err != nil {
		return err
	}
	for key, value := range u.put {
		if err := setIn(t.txn, key, value); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	err = t.commit()
	if err == nil {
		err = s.seal.AcknowledgeTxns(t.number)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missing.clear()
	return errors.Join(err, s.faults.err())
}

// fits reports whether a transaction may have this many keys and bytes.
func fits(db *badger.DB, count, size int64) bool {
	return count+1 < db.MaxBatchCount() && size < db.MaxBatchSize()
}

// cost is an upper bound of Badger's cost for the update.
func (u *update) cost() (count, size int64) {
	for key, value := range u.put {
		n := len(value) + frameSize
		if n >= largeValue {
			n = 0 // the value is a pointer into the value log
		}
		size += int64(len(key) + n + 64)
	}
	return int64(len(u.put)), size + 128 // the marker
}

// holds checks the conditions against the puts of earlier updates, and then against the database.
func (u *update) holds(v view, before map[string][]byte) (bool, error) {
	for key, want := range u.check {
		have, found := before[key]
		if found {
			found = have != nil
		} else {
			var err error
			if have, found, err = v.get(key); err != nil {
				return false, err
			}
		}
		if found != (want != nil) || !bytes.Equal(have, want) {
			return false, nil
		}
	}
	return true, nil
}
