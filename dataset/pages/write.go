package pages

import (
	"context"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/store/kv"
)

// updateBytes is how many bytes of pages one update has, about.
const updateBytes = 1 << 20

// Keep writes into the pages what was read from the evidence since Read began. Parts gives what a column has
// of an episode, for all those that were asked for; false: it is not to be kept. Where somebody else was faster, nothing is
// written: there will be other readers.
func (r *Reading) Keep(ctx context.Context, parts func(column, at int) (parts []string, ok bool)) error {
	var batch []update
	size, all, depth := 0, uint32(1)<<len(r.columns)-1, r.layout.depth()
	for from, to := 0, 0; from < len(r.ids); from = to {
		number := prefix(&r.ids[from], depth)
		complete := true
		for to = from; to < len(r.ids) && prefix(&r.ids[to], depth) == number; to++ {
			complete = complete && r.had[to] == all
		}
		if complete {
			continue
		}
		u, err := r.update(ctx, r.pages.key(number, depth), from, to, parts)
		if err != nil {
			return err
		}
		if u.overflow {
			return r.pages.grow(ctx, r.layout)
		}
		if len(u.put) > 0 {
			batch, size = append(batch, u), size+u.size
		}
		if size >= updateBytes {
			if err := r.write(ctx, batch); err != nil {
				return err
			}
			batch, size = nil, 0
		}
	}
	return r.write(ctx, batch)
}

// update is what makes a page as it should be.
type update struct {
	check, put map[string][]byte // put is empty when nothing is to be done
	size       int
	overflow   bool // more would be in the page than may be
}

// update brings the page of ids[from:to] up to date.
func (r *Reading) update(ctx context.Context, key string, from, to int, parts func(column, at int) ([]string, bool)) (update, error) {
	was, found, err := r.pages.db.Get(ctx, key)
	if err != nil {
		return update{}, err
	}
	if !found {
		was = nil
	}
	page, whole := r.authors.open(r.pages.by, r.layout, key, was)
	if known, there := r.stamps[key]; r.pages.marks != "" && (whole != there || page.stamp != known) {
		return update{}, nil // it was written meanwhile, by one who may have seen more signals
	}
	columns := page.columns()
	u := update{check: map[string][]byte{key: was}, put: map[string][]byte{}}
	for at := from; at < to; at++ {
		if mark := r.marks[r.ids[at]]; mark != nil {
			name := r.pages.marks + r.ids[at].String()
			u.check[name], u.put[name] = mark, nil
		}
	}
	for i := range columns { // who takes a mark away speaks for all columns
		columns[i].rows = slices.DeleteFunc(columns[i].rows, func(row Row) bool { return r.marks[row.ID] != nil })
	}
	changed := len(u.put) > 0
	for c := range r.columns {
		var more bool
		columns, more = withRows(columns, r.columns[c], r.fresh(c, from, to, parts))
		changed = changed || more
	}
	if !changed {
		return update{}, nil
	}
	u.put[key], err = r.pages.by.encode(r.layout, key, columns)
	u.size = len(u.put[key])
	if tooMuch := u.size > maxBytes || slices.ContainsFunc(columns, func(c column) bool { return len(c.rows) > maxRows }); tooMuch {
		return update{overflow: r.layout.depth() < deepest}, nil
	}
	return u, err
}

// fresh are the rows of a column as they were read.
func (r *Reading) fresh(column, from, to int, parts func(column, at int) ([]string, bool)) (rows []Row) {
	for at := from; at < to; at++ {
		row := Row{ID: r.ids[at]}
		size, ok := 0, false
		if row.Parts, ok = parts(column, at); !ok {
			continue
		}
		for _, part := range row.Parts {
			size += len(part) + 1
		}
		if size <= maxRow {
			rows = append(rows, row)
		}
	}
	return rows
}

// withRows adds rows to the column of a name, and says whether it had not all of them. The column that was
// not added to for the longest time goes when there are too many.
func withRows(columns []column, name string, rows []Row) (_ []column, changed bool) {
	c := column{name: name}
	if i := slices.IndexFunc(columns, func(c column) bool { return c.name == name }); i >= 0 {
		c = columns[i]
		columns = slices.Delete(columns, i, i+1)
	}
	was := c.rows
	c.rows = merge(was, rows)
	if len(columns) == maxColumns {
		columns = columns[1:]
	}
	return append(columns, c), !slices.EqualFunc(was, c.rows, func(x, y Row) bool { return x.ID == y.ID && slices.Equal(x.Parts, y.Parts) })
}

// write does several updates in one, or one by one where one of them is refused.
func (r *Reading) write(ctx context.Context, batch []update) error {
	if len(batch) == 0 {
		return nil
	}
	check, put := map[string][]byte{r.pages.layoutKey(): r.layout}, map[string][]byte{}
	for _, u := range batch {
		maps.Copy(check, u.check)
		maps.Copy(put, u.put)
	}
	ok, err := r.pages.db.Update(ctx, check, put)
	if ok || err != nil || len(batch) == 1 {
		return err
	}
	for i := range batch {
		if err := r.write(ctx, batch[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// renew ends an era: what was read in it is written by nobody.
func (p Pages) renew(ctx context.Context, was layout, depth byte) (layout, error) {
	l, err := newLayout(depth)
	if err != nil {
		return nil, err
	}
	ok, err := p.db.Update(ctx, map[string][]byte{p.layoutKey(): was}, map[string][]byte{p.layoutKey(): l})
	if err != nil || !ok {
		return nil, err
	}
	return l, nil
}

// grow gives up all pages, and begins again with one bit more.
func (p Pages) grow(ctx context.Context, was layout) error {
	if l, err := p.renew(ctx, was, was.depth()+1); err != nil || l == nil {
		return err
	}
	_, err := p.sweep(ctx, was.depth(), false)
	return err
}

// Drop gives up all pages: selections write them again.
func Drop(ctx context.Context, db kv.KV) error {
	for _, p := range []Pages{Episodes(db, nil), Signals(db, nil)} {
		l, err := p.layout(ctx)
		if err == nil && l != nil {
			l, err = p.renew(ctx, l, l.depth())
		}
		if err == nil && l != nil {
			_, err = p.sweep(ctx, l.depth(), false)
		}
		if err == nil && l != nil { // who has read since then may have met a page that was deleted
			_, err = p.renew(ctx, l, l.depth())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
