package store

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/mythos-project/mythos/internal/par"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store/kv"
)

// pipeline splits one blob into chunks: a reader fills buffers, workers hash and write them, and the tree is built in
// order. It holds ahead() buffers.
type pipeline struct {
	b         *Batch
	chunkSize uint32
	nodes     *NodeWriter
}

// hashed is a chunk on its way into the tree.
type hashed struct {
	data []byte
	hash object.Hash
}

// ahead is the number of chunk buffers in use: one per worker, one being read, one being collected.
func ahead() int { return par.Limit(0) + 2 }

// run stores head and then the content of r.
func (p *pipeline) run(ctx context.Context, head []byte, r io.Reader) (merkle.Root, error) {
	free := make(chan []byte, ahead())
	for range cap(free) {
		free <- nil // allocated on demand
	}
	defer p.b.s.releaseAll(free)
	r = io.MultiReader(bytes.NewReader(head), r)
	dag := merkle.NewChunkBuilder(p.chunkSize, p.nodes)
	err := par.Ordered(ctx, par.Limit(0), func(ctx context.Context, emit func([]byte) error) error { return p.read(ctx, r, free, emit) },
		p.work, func(c hashed) error {
			defer func() { free <- c.data }()
			return p.collect(dag, c)
		})
	if err != nil {
		return merkle.Root{}, err
	}
	return dag.Finish()
}

// read fills chunks until the end of r.
func (p *pipeline) read(ctx context.Context, r io.Reader, free <-chan []byte, emit func([]byte) error) error {
	for {
		var buf []byte
		select {
		case buf = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		if buf == nil {
			buf = p.b.s.buffer(int(p.chunkSize))
		}
		n, err := io.ReadFull(r, buf[:p.chunkSize])
		if n > 0 {
			if err := emit(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// work hashes a chunk and writes it if it is large.
func (p *pipeline) work(ctx context.Context, data []byte) (hashed, error) {
	c := hashed{data, object.Sum(data)}
	if len(data) <= SmallChunk {
		return c, nil
	}
	return c, p.put(ctx, c)
}

func (p *pipeline) put(ctx context.Context, c hashed) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	chunks, err := p.b.begun(ctx)
	if err != nil {
		return err
	}
	return chunks.PutChunk(ctx, c.hash, c.data)
}

// collect takes the next chunk in order. Only the last chunk can be small; a small one goes to the KV with the nodes.
func (p *pipeline) collect(dag *merkle.ChunkBuilder, c hashed) error {
	if len(c.data) <= SmallChunk {
		p.nodes.pending[kv.Bytes+c.hash.String()] = bytes.Clone(c.data)
	}
	return dag.Add(merkle.Chunk{Hash: c.hash, Len: uint32(len(c.data))})
}
