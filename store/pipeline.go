package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

// pipeline cuts one blob into chunks: a reader fills buffers, workers hash and
// write them, a collector builds the tree in order. It holds ahead() buffers.
type pipeline struct {
	b         *Batch
	chunkSize uint32
	nodes     *NodeWriter
}

// chunkJob is one chunk on its way: the reader fills data, a worker sets hash and
// err and closes done.
type chunkJob struct {
	data []byte
	hash object.Hash
	err  error
	done chan struct{}
}

// ahead is how many chunk buffers are in use: one a worker, one being read, one
// being collected.
func ahead() int { return runtime.GOMAXPROCS(0) + 2 }

// run stores head and what r gives after it.
func (p *pipeline) run(ctx context.Context, head []byte, r io.Reader) (merkle.Root, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	free := make(chan []byte, ahead())
	for range cap(free) {
		free <- nil // made when it is needed
	}
	todo, order := make(chan *chunkJob), make(chan *chunkJob, cap(free))
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() { p.work(ctx, todo) })
	}
	var readErr error
	wg.Go(func() {
		defer close(order)
		defer close(todo)
		readErr = p.read(ctx, io.MultiReader(bytes.NewReader(head), r), free, todo, order)
	})
	root, err := p.assemble(cancel, order, free)
	wg.Wait()
	p.b.s.releaseAll(free)
	if err = errors.Join(err, readErr); err != nil {
		return merkle.Root{}, err
	}
	return root, nil
}

// assemble builds the tree over the chunks in order. On an error it stops the rest.
func (p *pipeline) assemble(stop func(), order <-chan *chunkJob, free chan<- []byte) (merkle.Root, error) {
	dag := merkle.NewChunkBuilder(p.chunkSize, p.nodes)
	var err error
	for j := range order {
		<-j.done
		if err == nil {
			err = p.collect(dag, j)
		}
		if err != nil {
			stop()
		}
		free <- j.data
	}
	if err != nil {
		return merkle.Root{}, err
	}
	return dag.Finish()
}

// read fills chunks from r until its end.
func (p *pipeline) read(ctx context.Context, r io.Reader, free <-chan []byte, todo, order chan<- *chunkJob) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		buf := <-free
		if buf == nil {
			buf = p.b.s.buffer(int(p.chunkSize))
		}
		n, err := io.ReadFull(r, buf[:p.chunkSize])
		if n > 0 {
			j := &chunkJob{data: buf[:n], done: make(chan struct{})}
			order <- j
			todo <- j
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// work hashes chunks and writes the large ones.
func (p *pipeline) work(ctx context.Context, todo <-chan *chunkJob) {
	for j := range todo {
		j.hash = object.Sum(j.data)
		if len(j.data) > SmallChunk {
			j.err = p.put(ctx, j)
		}
		close(j.done)
	}
}

func (p *pipeline) put(ctx context.Context, j *chunkJob) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	chunks, err := p.b.begun(ctx)
	if err != nil {
		return err
	}
	return chunks.PutChunk(ctx, j.hash, j.data)
}

// collect takes the next chunk in order; a small one, which can only be the last,
// goes to the KV with the nodes.
func (p *pipeline) collect(dag *merkle.ChunkBuilder, j *chunkJob) error {
	if j.err != nil {
		return j.err
	}
	if len(j.data) <= SmallChunk {
		p.nodes.pending["c/"+j.hash.String()] = bytes.Clone(j.data)
	}
	return dag.Add(merkle.Chunk{Hash: j.hash, Len: uint32(len(j.data))})
}
