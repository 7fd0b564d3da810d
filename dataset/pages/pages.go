// Package pages keeps what predicates ask of many episodes under one key of the store, so
// that a selection reads a page where it would read, and hash, some hundred episodes or signals.
//
// A page has the episodes whose ids begin with the same bits, and a column for each field that was
// asked for, as far as somebody read them. The evidence stays the truth: a page is only ever
// written from evidence that was checked, by those who read it when a part of what they wanted was missing; so a new
// episode rewrites nothing until there are others. What is not there is read from the evidence,
// as is everything where a page is not signed by an [Author] who is believed: that somebody can write to the store is no
// reason to believe what they write.
//
// Episodes never change. Their signals do: whoever adds one leaves a mark ([Pages.Changed]) in the
// same update, and a reader who finds a mark does not believe the page. Marks are read before
// pages, and pages before the evidence. A mark is taken away in the update that brings the page up to date,
// if the mark and the page are still what they were.
package pages

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Pages are the pages of one kind of evidence.
type Pages struct {
	db    kv.KV
	by    *Author
	space string
	marks string // empty: what stands in a page never changes
}

// Episodes are the pages of episodes.
func Episodes(db kv.KV, by *Author) Pages { return Pages{db: db, by: by, space: kv.EpisodePages} }

// Signals are the pages of the signals of episodes.
func Signals(db kv.KV, by *Author) Pages {
	return Pages{db: db, by: by, space: kv.SignalPages, marks: kv.SignalsChanged}
}

const (
	// least is how many ids have to be asked for: fewer are as quickly read without pages.
	least = 512
	// sparse is how many rows of others a reader passes by for each that it wants.
	sparse = 16
	// rewrite is the part of the rows that are wanted that must be missing before pages are
	// written: one in so many.
	rewrite = 16
	// deepest is how many bits tell pages apart at most.
	deepest = 24
)

// layout says which pages there are: how many bits of the ids tell them apart, and an era, other bytes
// whenever pages were given up, so that nobody writes what was read before that.
type layout []byte

func (l layout) depth() byte { return l[0] }

func newLayout(depth byte) (layout, error) {
	l := make(layout, 1+stampLen)
	l[0] = depth
	if _, err := rand.Read(l[1:]); err != nil {
		return nil, fmt.Errorf("era of pages: %w", err)
	}
	return l, nil
}

func (p Pages) layoutKey() string { return p.space + "n" }

// layout reads it; nil: there are no pages.
func (p Pages) layout(ctx context.Context) (layout, error) {
	value, err := kv.GetOrNil(ctx, p.db, p.layoutKey())
	if err != nil || len(value) != 1+stampLen || value[0] == 0 || value[0] > deepest {
		return nil, err
	}
	return value, nil
}

// begin makes pages possible, where the store can be written. Ids that ascend say by their
// distances how many there are.
func (p Pages) begin(ctx context.Context, ids []object.Hash) layout {
	first, last := binary.BigEndian.Uint64(ids[0].Sum[:]), binary.BigEndian.Uint64(ids[len(ids)-1].Sum[:])
	all := float64(len(ids)) / (float64(last-first) + 1) * (1 << 32) * (1 << 32)
	depth := byte(1)
	for pages := 2.0; depth < deepest && all/pages > maxRows/2; pages *= 2 {
		depth++
	}
	l, err := newLayout(depth)
	ok := false
	if err == nil {
		ok, err = p.db.Update(ctx, map[string][]byte{p.layoutKey(): nil}, map[string][]byte{p.layoutKey(): l})
	}
	if err == nil && !ok {
		l, err = p.layout(ctx)
	}
	if err != nil {
		return nil
	}
	return l
}

// Changed is what an update must check that changes what these episodes have; it adds to what
// the update must put. When the update is refused, ask again.
func (p Pages) Changed(ctx context.Context, episodes map[object.Hash]bool, put map[string][]byte) (check map[string][]byte, err error) {
	l, err := kv.GetOrNil(ctx, p.db, p.layoutKey())
	if err != nil {
		return nil, err
	}
	if l == nil { // nobody has read yet what is going to be changed
		return map[string][]byte{p.layoutKey(): nil}, nil
	}
	mark := make([]byte, stampLen)
	if _, err := rand.Read(mark); err != nil {
		return nil, fmt.Errorf("mark of a change: %w", err)
	}
	for id := range episodes {
		put[p.marks+id.String()] = mark
	}
	return nil, nil
}

// Reading is what Read found.
type Reading struct {
	pages   Pages
	layout  layout
	ids     []object.Hash
	columns []string
	had     []uint32 // by position, a bit for each column
	missing int      // positions at which a column is missing
	marks   map[object.Hash][]byte
	stamps  map[string]string // of the pages that are there
	authors verdicts
}

// errSparse ends a scan that does not pay.
var errSparse = errors.New("most rows are of other episodes")

// Read calls use for what pages have of the columns of ids, which ascend strictly: with the numbers of the
// column and of the id, and the values, whose slice is valid until it returns. Use says whether it can read them. Nil:
// there are no pages that help.
func (p Pages) Read(ctx context.Context, ids []object.Hash, columns []string, use func(column, at int, parts []string) bool) (*Reading, error) {
	if p.by == nil || len(ids) < least || len(columns) > maxColumns {
		return nil, nil
	}
	l, err := p.layout(ctx)
	if err == nil && l == nil {
		l = p.begin(ctx, ids)
	}
	if err != nil || l == nil {
		return nil, err
	}
	r := &Reading{pages: p, layout: l, ids: ids, columns: columns, had: make([]uint32, len(ids)), missing: len(ids),
		marks: map[object.Hash][]byte{}, stamps: map[string]string{}, authors: verdicts{}}
	if err := r.changes(ctx); err != nil {
		return nil, err
	}
	if err := r.scan(ctx, use); err != nil && !errors.Is(err, errSparse) {
		return nil, err
	}
	return r, nil
}

// changes reads the marks.
func (r *Reading) changes(ctx context.Context) error {
	if r.pages.marks == "" {
		return nil
	}
	n := len(r.pages.marks)
	from, to := r.pages.marks+r.ids[0].String(), r.pages.marks+r.ids[len(r.ids)-1].String()+"\x00"
	return r.pages.db.Scan(ctx, from, to, func(key string, value []byte) error {
		id, err := object.ParseHash(key[n:])
		if err != nil {
			return fmt.Errorf("%s: %w: %w", key, kv.ErrCorrupt, err)
		}
		r.marks[id] = bytes.Clone(value)
		return nil
	})
}

func (r *Reading) scan(ctx context.Context, use func(column, at int, parts []string) bool) error {
	depth := r.layout.depth()
	from := r.pages.key(prefix(&r.ids[0], depth), depth)
	to := r.pages.key(prefix(&r.ids[len(r.ids)-1], depth), depth) + "\x00"
	first, others := 0, 0 // the first id that may be in the page
	return r.pages.db.Scan(ctx, from, to, func(key string, value []byte) error {
		page, ok := r.authors.open(r.pages.by, r.layout, key, value)
		if !ok {
			return nil
		}
		r.stamps[key] = page.stamp
		end := first
		for {
			name, rows, ok := page.column()
			if !ok {
				break
			}
			for c := range r.columns {
				if r.columns[c] == name {
					at, passed := r.rows(c, first, rows, use)
					end, others = max(end, at), others+passed
				}
			}
		}
		if first = end; others > sparse*len(r.ids)*len(r.columns) {
			return errSparse
		}
		return nil
	})
}

// rows gives what a column has of the ids from a position on. It returns the position behind the last
// of them, and how many rows are of others.
func (r *Reading) rows(column, at int, rows rowReader, use func(column, at int, parts []string) bool) (end, others int) {
	bit, all := uint32(1)<<column, uint32(1)<<len(r.columns)-1
	for rows.next() {
		for at < len(r.ids) && string(r.ids[at].Sum[:]) < rows.id {
			at++
		}
		if at == len(r.ids) || string(r.ids[at].Sum[:]) != rows.id {
			others++
			continue
		}
		if r.had[at]&bit == 0 && (len(r.marks) == 0 || r.marks[r.ids[at]] == nil) && use(column, at, rows.parts) {
			if r.had[at] |= bit; r.had[at] == all {
				r.missing--
			}
		}
	}
	return at, others
}

// Few reports whether so little is missing that it is to be read on its own, and not kept.
func (r *Reading) Few() bool { return r.missing*rewrite < len(r.ids) }
