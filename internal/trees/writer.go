package trees

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// writer stores the files and nodes of one tree.
type writer struct {
	s     *store.Store
	batch *store.Batch
	nodes *store.NodeWriter

	large sync.RWMutex // held for writing by the one large file
}

func newWriter(ctx context.Context, s *store.Store) *writer {
	return &writer{s: s, batch: s.NewBatch(false), nodes: s.NodeWriter(ctx)}
}

// file stores the bytes of r. Small files are stored in parallel, but each large one alone, since that keeps all
// processors busy and takes the memory of several chunks.
func (w *writer) file(ctx context.Context, r io.Reader, size int64) (object.BlobRef, error) {
	if size <= store.SmallChunk {
		w.large.RLock()
		defer w.large.RUnlock()
	} else {
		w.large.Lock()
		defer w.large.Unlock()
	}
	return w.batch.PutPart(ctx, r)
}

// finish makes the files durable, and then the tree visible.
func (w *writer) finish(ctx context.Context, root tree.Built, while *object.Hash) error {
	if err := w.batch.Commit(ctx); err != nil {
		return err
	}
	return store.PutTree(ctx, w.s, tree.Ref(root.ID, root.NodeSize), w.nodes, while)
}

func (w *writer) close(err error) error { return errors.Join(err, w.batch.Close()) }
