package badger

import (
	"bytes"
	"context"
	"errors"

	"github.com/dgraph-io/badger/v4"
)

// Get implements store.KV.
func (d *DB) Get(ctx context.Context, key string) (value []byte, found bool, err error) {
	s, done, err := d.use(ctx, toRead)
	if err != nil {
		return nil, false, err
	}
	defer done()
	err = s.view(func(v view) error {
		value, found, err = v.get(key)
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
	framed, err := item.ValueCopy(nil)
	if err != nil {
		return nil, false, err
	}
	value, err := unframe([]byte(key), framed)
	return value, err == nil, err
}

// A scan reads a page of pairs, and releases the database while it hands them out.
const (
	pagePairs = 512
	pageBytes = 4 << 20
)

type pair struct {
	key   string
	value []byte
}

// Scan implements store.KV. fn may use the DB. The scan sees writes of others beyond the current page. It holds one
// page: at most 512 pairs, or 4 MiB and one value.
func (d *DB) Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error {
	p, _ := d.pages.Get().(*pageOf)
	if p == nil {
		p = &pageOf{}
	}
	defer d.pages.Put(p)
	defer p.reset()
	for more := true; more; {
		var err error
		if more, err = d.page(ctx, from, to, p); err != nil {
			return err
		}
		for _, pair := range p.pairs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(pair.key, pair.value); err != nil {
				return err
			}
		}
		if len(p.pairs) > 0 {
			from = p.pairs[len(p.pairs)-1].key + "\x00"
		}
	}
	return nil
}

// page fills p with the next pairs.
func (d *DB) page(ctx context.Context, from, to string, p *pageOf) (more bool, err error) {
	p.reset()
	s, done, err := d.use(ctx, toRead)
	if err != nil {
		return false, err
	}
	defer done()
	err = s.view(func(v view) error {
		over, end := v.overlaid(from, to, pagePairs+1)
		p.to = []byte(end)
		if err := p.merge(v.txn, from, over); err != nil {
			return err
		}
		p.name()
		last := p.to
		if p.ended {
			last = []byte(p.pairs[len(p.pairs)-1].key)
		}
		if err := v.tables.Span([]byte(from), last); err != nil {
			return err
		}
		more = p.more || (end != to && !p.ended)
		return nil
	})
	return more, err
}

// merge collects the transaction's pairs from a key on, merged with the pairs over it.
func (p *pageOf) merge(txn *badger.Txn, from string, over []pair) error {
	o := badger.DefaultIteratorOptions
	o.Prefix = commonPrefix(from, string(p.to))
	o.PrefetchValues = false
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Seek([]byte(from)); it.Valid() && !p.ended; it.Next() {
		key := it.Item().Key()
		if bytes.Compare(key, p.to) >= 0 {
			break
		}
		if key[0] == hidden {
			continue
		}
		for len(over) > 0 && over[0].key < string(key) && !p.ended {
			p.addPut(over[0])
			over = over[1:]
		}
		if len(over) > 0 && over[0].key == string(key) {
			p.addPut(over[0])
			over = over[1:]
			continue
		}
		if err := p.add(it.Item()); err != nil {
			return err
		}
	}
	for len(over) > 0 && !p.ended {
		p.addPut(over[0])
		over = over[1:]
	}
	return nil
}

// pageOf collects pages, one after the other.
type pageOf struct {
	to    []byte
	pairs []pair
	bytes int
	keys  []byte // all keys, concatenated, until name splits them
	ends  []int  // end of each key in keys
	arena []byte // rest of the block that values are copied into
	more  bool   // more pairs follow that do not fit
	ended bool
}

// arenaSize is how many bytes of values share an allocation.
const arenaSize = 64 << 10

// full ends the page if nothing more fits.
func (p *pageOf) full() bool {
	p.more = len(p.pairs) == pagePairs || p.bytes > pageBytes
	p.ended = p.ended || p.more
	return p.more
}

func (p *pageOf) add(item *badger.Item) error {
	if p.full() {
		return nil
	}
	return item.Value(func(framed []byte) error {
		value, err := unframe(item.Key(), framed)
		if err != nil {
			return err
		}
		p.keys = append(p.keys, item.Key()...)
		p.keep(value)
		return nil
	})
}

// addPut adds a pair that lies over the transaction; it skips a deleted key.
func (p *pageOf) addPut(put pair) {
	if put.value != nil && !p.full() {
		p.keys = append(p.keys, put.key...)
		p.keep(put.value)
	}
}

// keep adds a value, whose key is the last of keys.
func (p *pageOf) keep(value []byte) {
	if len(value) > len(p.arena) {
		p.arena = make([]byte, max(arenaSize, len(value)))
	}
	n := copy(p.arena, value)
	p.pairs = append(p.pairs, pair{value: p.arena[:n:n]})
	p.ends = append(p.ends, len(p.keys))
	p.arena = p.arena[n:]
	p.bytes += n
}

// name sets the keys of the pairs; they share one string.
func (p *pageOf) name() {
	keys, at := string(p.keys), 0
	for i, end := range p.ends {
		p.pairs[i].key, at = keys[at:end], end
	}
}

// reset empties a page. It reuses the slices, but not the values' memory.
func (p *pageOf) reset() {
	clear(p.pairs)
	*p = pageOf{pairs: p.pairs[:0], keys: p.keys[:0], ends: p.ends[:0]}
}

func commonPrefix(a, b string) []byte {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return []byte(a[:n])
}
