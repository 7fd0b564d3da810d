package pages

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Row is what a column has of one episode: any number of values.
type Row struct {
	ID    object.Hash
	Parts []string
}

// column is a column of a page.
type column struct {
	name string
	rows []Row
}

// A column of a page is its name, the length of all rows, and the rows, ascending by id; a row is the 32 bytes of the id,
// the number of values, and the values. Numbers are varints, and names and values have their length before them.

// What a page may have. What is more than that is read without pages.
const (
	maxRow     = 1 << 10 // bytes of a row
	maxRows    = 1024    // of a column
	maxColumns = 16
	maxBytes   = 512 << 10 // below the size from which a store puts values elsewhere
)

// encode writes a page and signs it.
func (a *Author) encode(l layout, key string, columns []column) ([]byte, error) {
	out := a.head()
	if _, err := rand.Read(out[:stampLen]); err != nil {
		return nil, fmt.Errorf("stamp of a page: %w", err)
	}
	var rows []byte
	for _, c := range columns {
		rows = rows[:0]
		for _, r := range c.rows {
			rows = appendRow(rows, r)
		}
		out = appendText(out, c.name)
		out = binary.AppendUvarint(out, uint64(len(rows)))
		out = append(out, rows...)
	}
	return a.seal(l, key, out)
}

func appendRow(out []byte, r Row) []byte {
	out = append(out, r.ID.Sum[:]...)
	out = binary.AppendUvarint(out, uint64(len(r.Parts)))
	for _, part := range r.Parts {
		out = appendText(out, part)
	}
	return out
}

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// reader walks over a page, whose bytes it shares.
type reader struct {
	stamp string
	rest  string
}

// column stands on the next column; ok is false when there is none.
func (r *reader) column() (name string, rows rowReader, ok bool) {
	if name, ok = cutText(&r.rest); ok {
		rows.rest, ok = cutText(&r.rest)
	}
	return name, rows, ok
}

// columns lists the columns that are left.
func (r *reader) columns() (list []column) {
	for {
		name, rows, ok := r.column()
		if !ok {
			return list
		}
		c := column{name: name}
		for rows.next() {
			c.rows = append(c.rows, Row{object.HashOf([32]byte([]byte(rows.id))), slices.Clone(rows.parts)})
		}
		list = append(list, c)
	}
}

// rowReader walks over the rows of a column.
type rowReader struct {
	rest  string
	id    string   // 32 bytes
	parts []string // the slice is used again
}

// next stands on the next row; false when there is none.
func (r *rowReader) next() bool {
	if len(r.rest) < 33 {
		return false
	}
	r.id, r.rest = r.rest[:32], r.rest[32:]
	count, ok := cutNumber(&r.rest)
	if !ok || count > maxRow {
		return false
	}
	r.parts = r.parts[:0]
	for range count {
		part, ok := cutText(&r.rest)
		if !ok {
			return false
		}
		r.parts = append(r.parts, part)
	}
	return true
}

// cutNumber takes a varint off a text.
func cutNumber(text *string) (v uint64, ok bool) {
	for i := 0; i < len(*text) && i < binary.MaxVarintLen64; i++ {
		b := (*text)[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			*text = (*text)[i+1:]
			return v, true
		}
	}
	return 0, false
}

// cutText takes a text with its length before it off a text.
func cutText(text *string) (part string, ok bool) {
	n, ok := cutNumber(text)
	if !ok || n > uint64(len(*text)) {
		return "", false
	}
	part, *text = (*text)[:n], (*text)[n:]
	return part, true
}

// merge is old with fresh, which ascend; of both it takes fresh.
func merge(old, fresh []Row) []Row {
	list := make([]Row, 0, len(old)+len(fresh))
	for len(old) > 0 && len(fresh) > 0 {
		order := old[0].ID.Compare(fresh[0].ID)
		if order < 0 {
			list, old = append(list, old[0]), old[1:]
			continue
		}
		if order == 0 {
			old = old[1:]
		}
		list, fresh = append(list, fresh[0]), fresh[1:]
	}
	return slices.Concat(list, old, fresh)
}

// prefix is the number of the page that has an id, where ids are told apart by so many bits.
func prefix(id *object.Hash, depth byte) uint32 {
	return binary.BigEndian.Uint32(id.Sum[:]) >> (32 - uint(depth))
}

// key is the key of a page.
func (p Pages) key(number uint32, depth byte) string {
	return fmt.Sprintf("%s%d/%0*x", p.space, depth, int(depth+3)/4, number)
}

// all is the range of the keys of pages of a depth.
func (p Pages) all(depth byte) (from, to string) {
	from = fmt.Sprintf("%s%d/", p.space, depth)
	return from, kv.End(from)
}
