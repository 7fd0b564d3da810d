package merkle

import (
	"bytes"
	"errors"
	"io"

	"github.com/mythos-project/mythos/object"
)

// Sizes of blobs and chunks, in bytes (spec/merkle.md#blobs).
const (
	MaxUnchunked     = 8 << 10   // a blob of at most this is stored unchunked
	DefaultChunkSize = 4 << 20   // unless the writer says otherwise
	MinChunkSize     = 256 << 10 // smaller is refused on writing, accepted on verifying
	MaxChunkSize     = 16 << 20
)

// HashBlob reads r to its end and returns the root of the blob: the hash of its
// bytes for at most MaxUnchunked of them (with Count 0), else the root of its
// chunk DAG. It holds one chunk.
func HashBlob(r io.Reader, chunkSize uint32) (Root, error) {
	head, err := io.ReadAll(io.LimitReader(r, MaxUnchunked+1))
	if err != nil {
		return Root{}, err
	}
	if len(head) <= MaxUnchunked {
		return Root{CID: object.Sum(head), Size: uint64(len(head))}, nil
	}
	b := NewChunkBuilder(chunkSize, Discard)
	r = io.MultiReader(bytes.NewReader(head), r)
	buf := make([]byte, chunkSize)
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			if err := b.Add(Chunk{object.Sum(buf[:n]), uint32(n)}); err != nil {
				return Root{}, err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return b.Finish()
		}
		if err != nil {
			return Root{}, err
		}
	}
}
