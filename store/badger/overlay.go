package badger

import (
	"bytes"

	"github.com/dgraph-io/badger/v4"
	"github.com/tidwall/btree"
)

// layer is what one journal holds: keys with their newest values, nil where the key
// was deleted.
type layer struct {
	puts  btree.Map[string, []byte]
	bytes int64 // of all that was added
}

func (l *layer) add(key string, value []byte) {
	l.puts.Set(key, value)
	l.bytes += putSize(key, value)
}

// view is the database as of one moment: two layers over a transaction. The session's
// mu is held, for reading, while it is used.
type view struct {
	young, old *layer
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
	return get(v.txn, key)
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
