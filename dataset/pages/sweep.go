package pages

import (
	"context"

	"github.com/mythos-project/mythos/store/kv"
)

// Sweep deletes the pages that nobody reads any more, or counts them: those that a process which was
// ended left when a page had become full.
func Sweep(ctx context.Context, db kv.KV, dry bool) (swept uint64, err error) {
	for _, p := range []Pages{Episodes(db, nil), Signals(db, nil)} {
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
