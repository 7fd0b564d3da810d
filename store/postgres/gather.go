package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// gathering lets callers who read at the same time share a round trip. A single caller does not wait for others.
type gathering struct {
	mu      sync.Mutex
	waiting []*question
	readers int // callers that are asking the server
}

// question is one key that a caller wants to read.
type question struct {
	key   string
	value []byte
	found bool
	err   error
	done  chan struct{}
}

const (
	maxReaders  = 4   // per process
	maxTogether = 256 // keys in one round trip
)

// ask answers a question. The end of ctx ends the wait, not the reading, which others share.
func (d *DB) ask(ctx context.Context, q *question) error {
	g := &d.gather
	g.mu.Lock()
	g.waiting = append(g.waiting, q)
	if g.readers < maxReaders {
		g.readers++
		go d.answer(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer reads the keys of waiting callers until nobody waits.
func (d *DB) answer(ctx context.Context) {
	g := &d.gather
	for {
		g.mu.Lock()
		n := min(len(g.waiting), maxTogether)
		batch := g.waiting[:n:n]
		if g.waiting = g.waiting[n:]; n == 0 {
			g.waiting = nil
			g.readers--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		d.read(ctx, batch)
	}
}

func (d *DB) read(ctx context.Context, batch []*question) {
	keys := make([][]byte, len(batch))
	for i, q := range batch {
		keys[i] = []byte(q.key)
	}
	values := map[string][]byte{}
	err := d.use(ctx, func(conn *pgx.Conn) error {
		clear(values)
		return each(ctx, conn, func(p pair) { values[string(p.key)] = p.value }, "SELECT k, v FROM mythos.kv WHERE k = ANY($1)", keys)
	})
	for _, q := range batch {
		q.value, q.found = values[q.key]
		q.value, q.err = append([]byte{}, q.value...), err
		close(q.done)
	}
}
