package parts

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// Fetch writes a range of a blob's stored bytes. Only the chunks in the range are transferred, each with the proof of
// its place. The length may be [ToEnd]. Moved includes proofs.
func Fetch(ctx context.Context, c *peer.Client, cid object.Hash, offset, length uint64, chain caps.Chain, w io.Writer) (Moved, error) {
	sp := span{offset, length}
	var got Moved
	res, err := c.Get(ctx, "/v1/blobs/"+cid.String()+"?"+sp.query(), chain)
	if err != nil {
		return got, err
	}
	defer res.Body.Close()
	f := &fetch{cid: cid, span: sp, out: w}
	err = readFrames(res.Body, func(p transfer.Part, _ func()) error {
		got.Parts++
		got.Bytes += int64(len(p.Data))
		return f.part(p)
	})
	if err == nil && !f.whole && length > 0 {
		err = errors.New("the peer sent less than the range")
	}
	if err != nil {
		return got, fmt.Errorf("fetch %s: %w", cid.Short(), err)
	}
	return got, nil
}

// fetch checks the parts of a range as they arrive, and writes it.
type fetch struct {
	cid   object.Hash
	span  span
	out   io.Writer
	proof []byte
	tree  *merkle.Tree
	next  uint64 // the next chunk
	last  uint64
	whole bool
}

func (f *fetch) part(p transfer.Part) error {
	switch {
	case f.whole || f.span.length == 0:
		return errors.New("the peer sent more than the range")
	case p.Kind == frameProof && f.proof == nil:
		return f.prove(p.Data)
	case p.Kind == "bytes" && f.proof != nil:
		return f.chunk(p.Data)
	case p.Kind == "bytes" && f.tree == nil:
		return f.only(p.Data)
	}
	return fmt.Errorf("unexpected part of kind %q", p.Kind)
}

// only handles a blob that is a single byte string.
func (f *fetch) only(data []byte) error {
	if object.Sum(data) != f.cid {
		return fmt.Errorf("%w: the bytes are not the blob's", merkle.ErrProof)
	}
	from, to, err := f.span.within(uint64(len(data)))
	if err != nil {
		return err
	}
	f.whole = true
	_, err = f.out.Write(data[from:to])
	return err
}

// prove checks a proof; the first one shows the size of chunks, by nodes that hash to the cid.
func (f *fetch) prove(raw []byte) error {
	f.proof = raw
	if f.tree != nil {
		return nil
	}
	var p merkle.ChunkProof
	if err := can.Unmarshal(raw, &p); err != nil {
		return err
	}
	nodes := pathNodes{}
	for _, n := range p.Nodes {
		nodes[object.Sum(n)] = n
	}
	tree, err := merkle.OpenChunks(nodes, f.cid)
	if err != nil {
		return err
	}
	f.tree = tree
	from, to, err := f.span.within(tree.Size())
	if err != nil {
		return err
	}
	if from == to {
		return errors.New("the peer sent more than the range")
	}
	step := uint64(tree.ChunkSize())
	f.span, f.next, f.last = span{from, to - from}, from/step, (to-1)/step
	return nil
}

// chunk checks the chunk that the preceding proof is about.
func (f *fetch) chunk(data []byte) error {
	if err := merkle.VerifyChunk(f.cid, f.next, f.proof, data); err != nil {
		return fmt.Errorf("chunk %d: %w", f.next, err)
	}
	start := f.next * uint64(f.tree.ChunkSize())
	from, to := uint64(0), uint64(len(data))
	if f.span.offset > start {
		from = f.span.offset - start
	}
	if end := f.span.offset + f.span.length; end < start+to {
		to = end - start
	}
	f.proof, f.whole = nil, f.next == f.last
	f.next++
	_, err := f.out.Write(data[from:to])
	return err
}

// pathNodes are the nodes of a proof, by their hashes.
type pathNodes map[object.Hash][]byte

// Node implements merkle.NodeReader.
func (m pathNodes) Node(cid object.Hash) ([]byte, error) {
	if raw, ok := m[cid]; ok {
		return raw, nil
	}
	return nil, fmt.Errorf("%w: node %s is missing", merkle.ErrProof, cid.Short())
}
