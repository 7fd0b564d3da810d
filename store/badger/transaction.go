package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/dgraph-io/badger/v4"

	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/badger/internal/folder"
)

// hidden is the first byte of this package's own keys, which sort before all others.
const hidden = 0

// transaction writes to Badger, in as many transactions as needed. Each carries a marker: a key with its number, whose
// value is the epoch. After a process was killed, the markers prove that Badger has every acknowledged transaction,
// because Badger takes a damaged log for one that ends early.
type transaction struct {
	db     *badger.DB
	txn    *badger.Txn
	epoch  uint64
	number uint64 // of txn
}

// transaction begins a transaction.
func (s *session) transaction() (*transaction, error) {
	epoch, txns := s.seal.CountsNow()
	t := &transaction{db: s.db, epoch: epoch, number: txns}
	return t, t.next()
}

// next begins the next part. It writes the marker first, because there may be no room for it later.
func (t *transaction) next() error {
	t.number++
	t.txn = t.db.NewTransaction(true)
	return setIn(t.txn, markerKey(t.number), binary.BigEndian.AppendUint64(nil, t.epoch))
}

// set puts a value, or deletes the key if the value is nil.
func (t *transaction) set(key string, value []byte) error {
	err := setIn(t.txn, key, value)
	if !errors.Is(err, badger.ErrTxnTooBig) {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	if err := t.next(); err != nil {
		return err
	}
	return setIn(t.txn, key, value)
}

// commit commits the part, durably.
func (t *transaction) commit() error { return t.txn.Commit() }

func markerKey(n uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte{hidden, 't', '/'}, n))
}

// checkMarkers looks for the marker of every transaction that was acknowledged before the process was killed.
func (s *session) checkMarkers() error {
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	for n := uint64(1); n <= s.seal.Txns; n++ {
		value, found, err := get(txn, markerKey(n))
		if err != nil {
			return err
		}
		if !found || binary.BigEndian.Uint64(value) != s.seal.Epoch {
			return fmt.Errorf("%s: %w: transaction %d of %d is lost: a log of the process that was killed is damaged or missing; what was there is kept in %s",
				s.dir, store.ErrDamaged, n, s.seal.Txns, asideName)
		}
	}
	return nil
}

const frameSize = 4 // bytes of the checksum behind a value

// setIn puts a value with a checksum of key and value, which reveals a value that Badger returns for the wrong key; nil
// deletes.
func setIn(txn *badger.Txn, key string, value []byte) error {
	if value == nil {
		return txn.Delete([]byte(key))
	}
	framed := append(make([]byte, 0, len(value)+frameSize), value...)
	return txn.Set([]byte(key), binary.BigEndian.AppendUint32(framed, frameSum([]byte(key), value)))
}

// unframe checks and removes the checksum.
func unframe(key, framed []byte) ([]byte, error) {
	n := len(framed) - frameSize
	if n < 0 || binary.BigEndian.Uint32(framed[n:]) != frameSum(key, framed[:n]) {
		return nil, fmt.Errorf("record %q: %w: its checksum is wrong", key, store.ErrDamaged)
	}
	return framed[:n:n], nil
}

func frameSum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, folder.Castagnoli), folder.Castagnoli, value)
}
