package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/postgres"
)

// put is a running put. It is safe for concurrent use. A chunk is durable as soon as it is put.
type put struct {
	b    *Bucket
	id   int64
	stop context.CancelFunc
	done sync.WaitGroup
}

// Begin implements store.Chunks.
func (b *Bucket) Begin(ctx context.Context, _ bool) (store.ChunkPut, error) {
	id, err := b.table.BeginPut(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin put: %w", err)
	}
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &put{b: b, id: id, stop: stop}
	p.done.Go(func() { p.live(alive) })
	return p, nil
}

// live sends signs of life. Later ones make up for one that fails; Sync checks in the end.
func (p *put) live(ctx context.Context) {
	tick := time.NewTicker(postgres.SignOfLife)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = p.b.table.Alive(ctx, p.id)
		}
	}
}

// maxRaces is how many generations are tried.
const maxRaces = 100

// PutChunk implements store.ChunkPut.
func (p *put) PutChunk(ctx context.Context, h object.Hash, data []byte) error {
	for range maxRaces {
		done, err := p.try(ctx, h, data)
		if err != nil {
			return fmt.Errorf("put chunk %s: %w", h.Short(), err)
		}
		if done {
			return nil
		}
	}
	return fmt.Errorf("put chunk %s: the bucket has other bytes under %d of its names", h.Short(), maxRaces)
}

func (p *put) try(ctx context.Context, h object.Hash, data []byte) (done bool, err error) {
	size := int64(len(data))
	have, generation, err := p.b.table.Claim(ctx, h, size)
	if err != nil || have {
		return have, err
	}
	made, err := p.b.create(ctx, name(h, generation), data)
	if err != nil {
		return false, err
	}
	if !made { // the object is another put's, or that of an interrupted put
		there, found, err := p.b.read(ctx, name(h, generation), 0, -1)
		if err != nil || !found {
			return false, err
		}
		if !bytes.Equal(there, data) {
			return false, p.b.table.Skip(ctx, h, generation)
		}
	}
	kept, err := p.b.table.Keep(ctx, h, postgres.At{Generation: generation, Size: size})
	if err != nil || kept {
		return kept, err
	}
	if made { // nobody else will write this generation
		err = p.b.remove(ctx, name(h, generation))
	}
	return false, err
}

// FindChunk implements store.ChunkPut.
func (p *put) FindChunk(ctx context.Context, h object.Hash, size int64) (bool, error) {
	return p.b.table.Find(ctx, h, size)
}

// errSilent means that the put counted as dead.
var errSilent = errors.New("the put gave no sign of life for so long that a collection may have taken its chunks; put it again")

// Sync implements store.ChunkPut.
func (p *put) Sync(ctx context.Context) error {
	alive, err := p.b.table.Alive(ctx, p.id)
	if err == nil && !alive {
		err = errSilent
	}
	return err
}

// Close implements store.ChunkPut.
func (p *put) Close() error {
	p.stop()
	p.done.Wait()
	return p.b.table.EndPut(context.Background(), p.id)
}
