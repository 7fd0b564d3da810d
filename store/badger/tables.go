package badger

import (
	"bytes"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/y"
)

// tables are those that Badger had when the session began. What it writes during the
// session comes from memory, and what it merges was checked wholly before.
type tables []*tableFile

// openTables maps tables and checks what Badger reads of them when it opens.
func openTables(dir string, names []string) (list tables, err error) {
	for _, name := range names {
		t, err := openTable(dir, name)
		if err != nil {
			list.close()
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// locate takes over from Badger which keys each table has.
func (l tables) locate(infos []badger.TableInfo) {
	byName := make(map[string]*tableFile, len(l))
	for _, t := range l {
		byName[t.base] = t
	}
	for _, i := range infos {
		if t := byName[tableName(i.ID)]; t != nil {
			t.left, t.right = bytes.Clone(y.ParseKey(i.Left)), bytes.Clone(y.ParseKey(i.Right))
		}
	}
}

// key checks the blocks that Badger looks into for a key.
func (l tables) key(key []byte) error {
	hash := y.Hash(key)
	for _, t := range l {
		if len(t.bloom) > 0 && !t.bloom.MayContain(hash) {
			continue
		}
		if err := t.span(key, key); err != nil {
			return err
		}
	}
	return nil
}

// span checks the blocks that Badger looks into for the keys from one to another.
func (l tables) span(from, to []byte) error {
	for _, t := range l {
		if err := t.span(from, to); err != nil {
			return err
		}
	}
	return nil
}

// all checks every block of every table.
func (l tables) all() error {
	for _, t := range l {
		if err := t.all(); err != nil {
			return err
		}
	}
	return nil
}

func (l tables) close() {
	for _, t := range l {
		t.close()
	}
}
