package pages

import (
	"context"

	"github.com/mythos-project/mythos/object"
)

// Check calls fn for every row of the pages that are read, but for those whose signals
// changed since, and damaged for every page that is not what its author signed; key is the page's. It returns how many
// pages there are. What is by others than those who are believed is read by nobody here, and not compared.
func (p Pages) Check(ctx context.Context, fn func(key, column string, row Row) error, damaged func(key string)) (count uint64, err error) {
	l, err := p.layout(ctx)
	if err != nil || l == nil || p.by == nil {
		return 0, err
	}
	authors := verdicts{}
	from, to := p.all(l.depth())
	err = p.db.Scan(ctx, from, to, func(key string, value []byte) error {
		count++
		page, ok := authors.open(p.by, l, key, value)
		if !ok {
			if forged(l, key, value) {
				damaged(key)
			}
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
