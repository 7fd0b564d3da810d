package badger

import (
	"bytes"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/tidwall/btree"

	"github.com/mythos-project/mythos/store/badger/internal/journal"
	"github.com/mythos-project/mythos/store/badger/internal/table"
)

// layer is what one journal holds: keys with their newest values, nil where the key
// was deleted.
type layer struct {
	puts  btree.Map[string, []byte]
	bytes int64 // of all that was added
}

func (l *layer) add(key string, value []byte) {
	l.puts.Set(key, value)
	l.bytes += journal.PutSize(key, value)
}

// missing are keys that Badger was asked for in vain. What is to be put if it is absent
// is looked for twice, to decide and to commit, and in Badger the answer that there is
// nothing takes a look into every level. What is put lies in a layer from then on; missing
// is emptied whenever Badger is written to.
type missing struct {
	mu   sync.Mutex
	keys map[string]struct{}
}

const maxMissing = 1 << 13 // keys

func (m *missing) has(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, has := m.keys[key]
	return has
}

func (m *missing) add(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil || len(m.keys) >= maxMissing {
		m.keys = map[string]struct{}{}
	}
	m.keys[key] = struct{}{}
}

func (m *missing) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.keys)
}

// view is the database as of one moment: two layers over a transaction. The session's
// mu is held, for reading, while it is used.
type view struct {
	young, old *layer
	missing    *missing
	tables     table.Tables
	txn        *badger.Txn
}

func (v view) get(key string) ([]byte, bool, error) {
	value, found := v.young.puts.Get(key)
	if !found {
		value, found = v.old.puts.Get(key)
	}
	if found {
		return bytes.Clone(value), value != nil, nil
	}
	if v.missing.has(key) {
		return nil, false, nil
	}
	if err := v.tables.Key([]byte(key)); err != nil {
		return nil, false, err
	}
	value, found, err := get(v.txn, key)
	if err == nil && !found {
		v.missing.add(key)
	}
	return value, found, err
}

// overlaid is what the layers say about [from, to), ascending, deleted keys included.
// It stops behind so many keys that are not deleted; it speaks for the keys below
// end, then.
func (v view) overlaid(from, to string, most int) (list []pair, end string) {
	young, old := v.young.puts.Iter(), v.old.puts.Iter()
	y, o := young.Seek(from) && young.Key() < to, old.Seek(from) && old.Key() < to
	for n := 0; y || o; {
		if n == most {
			return list, list[len(list)-1].key + "\x00"
		}
		p := pair{}
		if y && (!o || young.Key() <= old.Key()) {
			p = pair{young.Key(), young.Value()}
		} else {
			p = pair{old.Key(), old.Value()}
		}
		list = append(list, p)
		if p.value != nil {
			n++
		}
		if y && young.Key() == p.key {
			y = young.Next() && young.Key() < to
		}
		if o && old.Key() == p.key {
			o = old.Next() && old.Key() < to
		}
	}
	return list, to
}
