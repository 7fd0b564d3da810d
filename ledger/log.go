package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// KV is what the ledger needs of a key-value store. Update applies put, durably,
// if every key in check has exactly that value (nil: is absent), and reports
// whether it did.
type KV interface {
	Get(ctx context.Context, key string) (value []byte, found bool, err error)
	Scan(ctx context.Context, from, to string, fn func(key string, value []byte) error) error
	Update(ctx context.Context, check, put map[string][]byte) (ok bool, err error)
}

const (
	sizeKey   = "l/n"
	entryKeys = "l/e/"
	indexKeys = "l/i/"
	byReceipt = "l/r/"
	hashKeys  = "l/t/"
)

func entryKey(seq uint64) string   { return fmt.Sprintf("%s%016x", entryKeys, seq) }
func hashKey(index int64) string   { return fmt.Sprintf("%s%016x", hashKeys, index) }
func seqValue(seq uint64) []byte   { return binary.BigEndian.AppendUint64(nil, seq) }
func afterKeys(p string) string    { return p + "\xff" }
func parseSeq(value []byte) uint64 { return binary.BigEndian.Uint64(value) }

// appending is a wish to append leaves. It is granted when every key in absent is
// absent; then each such key is set to the seq of the leaf it maps to.
type appending struct {
	leaves [][]byte
	absent map[string]int // key to index in leaves
	first  uint64         // seq of the first leaf, when granted
	ok     bool
	err    error
	done   chan struct{}
}

// log is the append-only Merkle log. Those who append at the same time share one
// update of the store: the first to come leads and takes the others along.
type log struct {
	kv      KV
	mu      sync.Mutex
	queue   []*appending
	leading bool

	// What the leader knows of the log's end; it is checked by every update.
	loaded bool
	size   uint64
	edge   map[int64]tlog.Hash // stored hashes on the right edge
}

const maxTogether = 512 // appendings in one update

func (l *log) append(ctx context.Context, a *appending) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	a.done = make(chan struct{})
	l.mu.Lock()
	l.queue = append(l.queue, a)
	if l.leading {
		l.mu.Unlock()
		<-a.done
		return a.ok, a.err
	}
	l.leading = true
	for len(l.queue) > 0 {
		batch := l.take()
		l.mu.Unlock()
		l.run(context.WithoutCancel(ctx), batch)
		l.mu.Lock()
	}
	l.leading = false
	l.mu.Unlock()
	<-a.done
	return a.ok, a.err
}

// take removes a batch from the queue in which no two appendings want the same
// key; mu is held.
func (l *log) take() []*appending {
	taken := map[string]bool{}
	var batch, rest []*appending
	for _, a := range l.queue {
		free := len(batch) < maxTogether
		for key := range a.absent {
			free = free && !taken[key]
		}
		for key := range a.absent {
			taken[key] = true
		}
		if free {
			batch = append(batch, a)
		} else {
			rest = append(rest, a)
		}
	}
	l.queue = rest
	return batch
}

// run applies a batch. When it does not go through as a whole, because another
// process appended or because one appending is not to be granted, it reloads the
// end of the log and tries one by one.
func (l *log) run(ctx context.Context, batch []*appending) {
	ok, err := l.apply(ctx, batch)
	if err == nil && !ok && len(batch) > 1 {
		for _, a := range batch {
			l.run(ctx, []*appending{a})
		}
		return
	}
	if err == nil && !ok {
		ok, err = l.retry(ctx, batch[0])
	}
	for _, a := range batch {
		a.ok, a.err = ok, err
		close(a.done)
	}
}

const maxRaces = 64

// retry applies one appending until it is granted, refused, or lost too many races
// against other processes.
func (l *log) retry(ctx context.Context, a *appending) (bool, error) {
	for range maxRaces {
		for key := range a.absent {
			if _, found, err := l.kv.Get(ctx, key); err != nil || found {
				return false, err
			}
		}
		l.loaded = false
		if ok, err := l.apply(ctx, []*appending{a}); ok || err != nil {
			return ok, err
		}
	}
	return false, errors.New("ledger: the log is being written by too many others")
}

// apply writes a batch in one update of the store. False means that the log's end
// or one of the keys was not as expected.
func (l *log) apply(ctx context.Context, batch []*appending) (bool, error) {
	if err := l.load(ctx); err != nil {
		return false, err
	}
	check, put := map[string][]byte{sizeKey: nil}, map[string][]byte{}
	if l.size > 0 {
		check[sizeKey] = seqValue(l.size)
	}
	size, edge := l.size, map[int64]tlog.Hash{}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) { return l.hashes(ctx, indexes, edge) })
	for _, a := range batch {
		a.first = size
		for key, i := range a.absent {
			check[key] = nil
			put[key] = seqValue(size + uint64(i))
		}
		for _, data := range a.leaves {
			added, err := tlog.StoredHashes(int64(size), data, reader)
			if err != nil {
				return false, fmt.Errorf("ledger: log hashes: %w", err)
			}
			at := tlog.StoredHashCount(int64(size))
			for i, h := range added {
				put[hashKey(at+int64(i))] = append([]byte{}, h[:]...)
				edge[at+int64(i)] = h
			}
			put[entryKey(size)] = data
			size++
		}
	}
	put[sizeKey] = seqValue(size)
	ok, err := l.kv.Update(ctx, check, put)
	if err != nil || !ok {
		l.loaded = false
		return false, err
	}
	l.size = size
	l.keepEdge(edge)
	return true, nil
}

// keepEdge remembers the new hashes, and forgets old ones now and then: the right
// edge has one hash a level.
func (l *log) keepEdge(added map[int64]tlog.Hash) {
	if len(l.edge) > 1<<16 {
		l.edge = map[int64]tlog.Hash{}
	}
	for i, h := range added {
		l.edge[i] = h
	}
}

func (l *log) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	size, err := logSize(ctx, l.kv)
	if err != nil {
		return err
	}
	l.size, l.edge, l.loaded = size, map[int64]tlog.Hash{}, true
	return nil
}

func logSize(ctx context.Context, kv KV) (uint64, error) {
	value, found, err := kv.Get(ctx, sizeKey)
	if err != nil || !found {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("%w: log size", ErrEntry)
	}
	return parseSeq(value), nil
}

// hashes finds stored hashes: among those just made, those remembered, or in the store.
func (l *log) hashes(ctx context.Context, indexes []int64, fresh map[int64]tlog.Hash) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		h, ok := fresh[index]
		if !ok {
			h, ok = l.edge[index]
		}
		if !ok {
			var err error
			if h, err = storedHash(ctx, l.kv, index); err != nil {
				return nil, err
			}
			l.edge[index] = h
		}
		out[i] = h
	}
	return out, nil
}

func storedHash(ctx context.Context, kv KV, index int64) (h tlog.Hash, err error) {
	value, found, err := kv.Get(ctx, hashKey(index))
	if err != nil {
		return h, err
	}
	if !found || len(value) != tlog.HashSize {
		return h, fmt.Errorf("%w: hash %d of the log is missing", ErrEntry, index)
	}
	return tlog.Hash(value), nil
}

// hashReader reads the stored hashes of the log.
func hashReader(ctx context.Context, kv KV) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			h, err := storedHash(ctx, kv, index)
			if err != nil {
				return nil, err
			}
			out[i] = h
		}
		return out, nil
	})
}
