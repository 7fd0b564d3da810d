package store

import (
	"bytes"
	"context"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/layout"
)

type nodeReader struct {
	ctx context.Context
	s   *Store
}

// Nodes reads Merkle nodes. Package merkle checks each against its cid.
func (s *Store) Nodes(ctx context.Context) merkle.NodeReader { return nodeReader{ctx, s} }

// Node implements merkle.NodeReader.
func (r nodeReader) Node(cid object.Hash) ([]byte, error) {
	raw, found, err := r.s.kv.Get(r.ctx, kv.Nodes+cid.String())
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNotFound
	}
	return raw, nil
}

// NodeWriter collects the nodes of a tree; Flush makes them durable. Nothing refers to them yet: garbage collection
// spares them for gc.Options.Grace.
type NodeWriter struct {
	ctx     context.Context
	s       *Store
	pending map[string][]byte
	size    int
}

// NodeWriter starts a batch of nodes.
func (s *Store) NodeWriter(ctx context.Context) *NodeWriter {
	return &NodeWriter{ctx: ctx, s: s, pending: map[string][]byte{}}
}

const maxPending = 2 << 20 // bytes held before they are written

// PutNode implements merkle.NodeWriter. A node is useless without its root, so writing nodes early does no harm.
func (w *NodeWriter) PutNode(cid object.Hash, data []byte) error {
	w.pending[kv.Nodes+cid.String()] = bytes.Clone(data)
	if w.size += len(data) + 2*perKey; w.size < maxPending {
		return nil
	}
	return w.Flush()
}

// Flush writes the pending nodes.
func (w *NodeWriter) Flush() error {
	if len(w.pending) == 0 {
		return nil
	}
	put := make(map[string][]byte, 2*len(w.pending))
	for key, data := range w.pending {
		put[key], put[layout.MarkOf(key)] = data, []byte{}
	}
	if _, err := w.s.kv.Update(w.ctx, nil, put); err != nil {
		return fmt.Errorf("write nodes: %w", err)
	}
	w.pending, w.size = map[string][]byte{}, 0
	return nil
}
