package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Put is a running put. It is safe for concurrent use.
type Put struct {
	d       *Dir
	durable bool
	s       *session
	g       *atomicfile.Group

	mu     sync.Mutex
	recent map[object.Hash]bool // put by this put, possibly not yet named
}

var (
	_ store.ChunkPut = (*Put)(nil)
	_ store.ColdPut  = (*Put)(nil)
)

// Begin implements store.Chunks.
func (d *Dir) Begin(_ context.Context, durable bool) (store.ChunkPut, error) {
	if err := d.refused(); err != nil {
		return nil, err
	}
	s, err := d.begin(putKind)
	if err != nil {
		return nil, fmt.Errorf("begin put: %w", wrapReadOnly(err))
	}
	return &Put{d: d, durable: durable, s: s, g: atomicfile.NewGroup(s.dir, durable), recent: map[object.Hash]bool{}}, nil
}

func (d *Dir) refused() error {
	if d.Refuse == nil {
		return nil
	}
	return d.Refuse()
}

// Cold implements store.ColdPut.
func (p *Put) Cold() { p.g.Cold() }

// PutChunk implements store.ChunkPut.
func (p *Put) PutChunk(_ context.Context, h object.Hash, data []byte) error {
	if !p.first(h) {
		return nil
	}
	name := p.d.path(h)
	have, err := p.have(name, int64(len(data)))
	if err == nil && !have {
		err = p.g.Add(name, data)
	}
	if err != nil {
		return fmt.Errorf("put chunk %s: %w", h.Short(), odd(err))
	}
	return nil
}

// FindChunk implements store.ChunkPut.
func (p *Put) FindChunk(_ context.Context, h object.Hash, size int64) (bool, error) {
	have, err := p.have(p.d.path(h), size)
	if err != nil {
		err = fmt.Errorf("find chunk %s: %w", h.Short(), odd(err))
	}
	return have, err
}

// maxRecent bounds the memory of a put. By the time it forgets a chunk, the chunk has its name.
const maxRecent = 4096

// first reports whether this put has not recently put the same chunk.
func (p *Put) first(h object.Hash) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.recent[h] {
		return false
	}
	if len(p.recent) >= maxRecent {
		clear(p.recent)
	}
	p.recent[h] = true
	return true
}

// have reports whether the chunk is here, as safe as this put requires, and tells collections that it is wanted.
func (p *Put) have(name string, size int64) (bool, error) {
	if err := touch(name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	st, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !st.Mode().IsRegular() || st.Size() != size {
		return false, err
	}
	switch st.Mode().Perm() {
	case atomicfile.Durable:
		return true, nil
	case atomicfile.Synced:
		p.g.Adopt(name)
		return true, nil
	case doubted:
		return false, nil
	}
	return !p.durable, nil
}

// Sync implements store.ChunkPut.
func (p *Put) Sync(ctx context.Context) error {
	if err := p.g.Sync(ctx); err != nil {
		return fmt.Errorf("sync chunks: %w", odd(err))
	}
	return nil
}

// Close implements store.ChunkPut. Named chunks stay, so that a failed put can continue where it stopped.
func (p *Put) Close() error { return errors.Join(p.g.Close(), p.s.end()) }
