package table

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/y"
)

// Tables are the tables that Badger had when the session began. Tables that Badger writes during the session come from
// memory, and tables that it merges were checked completely before.
type Tables []*file

// Open maps tables and checks what Badger reads of them when it opens.
func Open(dir string, names []string) (list Tables, err error) {
	for _, name := range names {
		t, err := open(dir, name)
		if err != nil {
			list.Close()
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// Locate takes the key range of each table from Badger.
func (l Tables) Locate(infos []badger.TableInfo) {
	byName := make(map[string]*file, len(l))
	for _, t := range l {
		byName[t.base] = t
	}
	for _, i := range infos {
		if t := byName[Name(i.ID)]; t != nil {
			t.left, t.right = bytes.Clone(y.ParseKey(i.Left)), bytes.Clone(y.ParseKey(i.Right))
		}
	}
}

// Key checks the blocks in which Badger looks for a key.
func (l Tables) Key(key []byte) error {
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

// Span checks the blocks in which Badger looks for the keys between two keys.
func (l Tables) Span(from, to []byte) error {
	for _, t := range l {
		if err := t.span(from, to); err != nil {
			return err
		}
	}
	return nil
}

// All checks every block of every table.
func (l Tables) All() error {
	for _, t := range l {
		if err := t.all(); err != nil {
			return err
		}
	}
	return nil
}

// Close unmaps the tables.
func (l Tables) Close() {
	for _, t := range l {
		t.close()
	}
}

// Names are the tables' file names.
func (l Tables) Names() []string {
	names := make([]string, len(l))
	for i, t := range l {
		names[i] = t.base
	}
	return names
}

// Ext is the extension of a table's name.
const Ext = ".sst"

// Name is the name of the table with a number.
func Name(id uint64) string { return fmt.Sprintf("%06d", id) + Ext }

// Is reports whether a name is that of a table.
func Is(name string) bool { return strings.HasSuffix(name, Ext) }
