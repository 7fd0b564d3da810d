package badger

import (
	"bytes"
	"context"
	"errors"

	"github.com/dgraph-io/badger/v4"
)

// Get implements store.KV.
func (d *DB) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	db, done, err := d.use(ctx, toRead)
	if err != nil {
		return nil, false, err
	}
	defer done()
	err = db.View(func(txn *badger.Txn) error {
		value, found, err = get(txn, key)
		return err
	})
	return value, found, err
}

func get(txn *badger.Txn, key string) ([]byte, bool, error) {
	item, err := txn.Get([]byte(key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value, err := item.ValueCopy(nil)
	if value == nil {
		value = []byte{}
	}
	return value, err == nil, err
}

// A scan reads pages of pairs and hands them out while the database is free.
const (
	pagePairs = 512
	pageBytes = 4 << 20
)

type pair struct {
	key   string
	value []byte
}

// Scan implements store.KV. fn may use the DB and sees what others write behind
// the page it is in. It holds one page: at most 512 pairs, or 4 MiB and one value.
func (d *DB) Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error {
	for more := true; more; {
		var pairs []pair
		var err error
		if pairs, more, err = d.page(ctx, from, to); err != nil {
			return err
		}
		for _, p := range pairs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(p.key, p.value); err != nil {
				return err
			}
			from = p.key + "\x00"
		}
	}
	return nil
}

func (d *DB) page(ctx context.Context, from, to string) (pairs []pair, more bool, err error) {
	db, done, err := d.use(ctx, toRead)
	if err != nil {
		return nil, false, err
	}
	defer done()
	err = db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = commonPrefix(from, to)
		o.PrefetchValues = false
		it := txn.NewIterator(o)
		defer it.Close()
		p := pageOf{to: []byte(to), pairs: make([]pair, 0, 16)}
		for it.Seek([]byte(from)); it.Valid() && !p.ended; it.Next() {
			if err := p.add(it.Item()); err != nil {
				return err
			}
		}
		pairs, more = p.pairs, p.more
		return nil
	})
	return pairs, more, err
}

// pageOf gathers a page.
type pageOf struct {
	to    []byte
	pairs []pair
	bytes int
	arena []byte // what is left of the block that values are copied into
	more  bool   // something follows
	ended bool
}

// arenaSize is how many bytes of values share an allocation.
const arenaSize = 64 << 10

func (p *pageOf) add(item *badger.Item) error {
	p.ended = bytes.Compare(item.Key(), p.to) >= 0
	if p.ended {
		return nil
	}
	if p.more = len(p.pairs) == pagePairs || p.bytes > pageBytes; p.more {
		p.ended = true
		return nil
	}
	return item.Value(func(value []byte) error {
		if len(value) > len(p.arena) {
			p.arena = make([]byte, max(arenaSize, len(value)))
		}
		n := copy(p.arena, value)
		p.pairs = append(p.pairs, pair{string(item.Key()), p.arena[:n:n]})
		p.arena = p.arena[n:]
		p.bytes += n
		return nil
	})
}

func commonPrefix(a, b string) []byte {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return []byte(a[:n])
}
