package pages

import (
	"context"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Sweep deletes the pages that nobody reads any more, or counts them: those that a process which was
// ended left when a page had become full.
func Sweep(ctx context.Context, db kv.KV, dry bool) (swept uint64, err error) {
	for _, p := range []Pages{Episodes(db), Signals(db)} {
		l, err := p.layout(ctx)
		if err != nil {
			return swept, err
		}
		if l == nil {
			continue
		}
		for depth := byte(1); depth < l.depth(); depth++ {
			n, err := p.sweep(ctx, depth, dry)
			if swept += n; err != nil {
				return swept, err
			}
		}
	}
	return swept, nil
}

// sweep deletes the pages of a depth, or counts them.
func (p Pages) sweep(ctx context.Context, depth byte, dry bool) (swept uint64, err error) {
	put := map[string][]byte{}
	flush := func() error {
		defer clear(put)
		swept += uint64(len(put))
		if dry || len(put) == 0 {
			return nil
		}
		_, err := p.db.Update(ctx, nil, put)
		return err
	}
	from, to := p.all(depth)
	err = p.db.Scan(ctx, from, to, func(key string, _ []byte) error {
		if put[key] = nil; len(put) < maxRows {
			return nil
		}
		return flush()
	})
	if err != nil {
		return swept, err
	}
	return swept, flush()
}

// Check calls fn for every row of the pages that are read, but for those whose signals
// changed since, and damaged for every page that is not whole; key is the page's. It returns how many pages there are.
func (p Pages) Check(ctx context.Context, fn func(key, column string, row Row) error, damaged func(key string)) (count uint64, err error) {
	l, err := p.layout(ctx)
	if err != nil || l == nil {
		return 0, err
	}
	from, to := p.all(l.depth())
	err = p.db.Scan(ctx, from, to, func(key string, value []byte) error {
		count++
		page, ok := open(key, value)
		if !ok {
			damaged(key)
			return nil
		}
		for _, c := range page.columns() {
			for _, row := range c.rows {
				changed, err := p.isChanged(ctx, row.ID)
				if err == nil && !changed {
					err = fn(key, c.name, row)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return count, err
}

func (p Pages) isChanged(ctx context.Context, id object.Hash) (bool, error) {
	if p.marks == "" {
		return false, nil
	}
	_, found, err := p.db.Get(ctx, p.marks+id.String())
	return found, err
}
