package badger

import (
	"bytes"
	"sync"

	"github.com/dgraph-io/badger/v4"
	"github.com/tidwall/btree"

	"github.com/mythos-project/mythos/store/badger/internal/journal"
	"github.com/mythos-project/mythos/store/badger/internal/table"
)

// layer is the content of one journal: keys with their newest values; nil if deleted.
type layer struct {
	puts  btree.Map[string, []byte]
	bytes int64 // of everything added
}

func (l *layer) add(key string, value []byte) {
	l.puts.Set(key, value)
	l.bytes += journal.PutSize(key, value)
}

// missing remembers keys that Badger does not have. An update looks twice for a key that it expects to be absent, to
// decide and to commit, and a negative answer of Badger searches every level. A key that is put is in a layer from then
// on; missing is cleared whenever Badger is written to.
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

// view is a snapshot of the database: two layers over a transaction. Its user holds the session's mu for reading.
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

// overlaid returns the layers' content in [from, to), ascending, deleted keys included. It stops after most keys that
// are not deleted; its answer then covers only the keys below end.
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
