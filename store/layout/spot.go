package layout

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// A pack is a chunk of the chunk backend that holds many small byte strings, concatenated. A batch makes a pack if it
// has enough of them: one file with one sync costs a fraction of their cost in the KV. The KV holds their places:
//
//	i/<hash>  the digest of the pack, offset u32, length u32 (big-endian)
//
// The pack is durable before its entries are written.
const spotSize = 32 + 4 + 4

// MaxSmall is the largest byte string, in bytes, that is stored in the key-value store or in a pack and not as a chunk
// of its own.
const MaxSmall = 64 << 10

// Spot is the place of a packed byte string.
type Spot struct {
	Pack   object.Hash
	Off, N uint32
}

// Encode is the reverse of ParseSpot.
func (p Spot) Encode() []byte {
	b := append([]byte{}, p.Pack.Sum[:]...)
	b = binary.BigEndian.AppendUint32(b, p.Off)
	return binary.BigEndian.AppendUint32(b, p.N)
}

// ParseSpot decodes a place. The error wraps kv.ErrCorrupt.
func ParseSpot(b []byte) (Spot, error) {
	if len(b) != spotSize {
		return Spot{}, fmt.Errorf("%w: place in a pack of %d bytes", kv.ErrCorrupt, len(b))
	}
	p := Spot{object.HashOf([32]byte(b)), binary.BigEndian.Uint32(b[32:]), binary.BigEndian.Uint32(b[36:])}
	if p.N > MaxSmall {
		return Spot{}, fmt.Errorf("%w: place in a pack for %d bytes", kv.ErrCorrupt, p.N)
	}
	return p, nil
}

// Chunks is the backend that holds packs.
type Chunks interface {
	Chunk(ctx context.Context, h object.Hash) ([]byte, error)
}

// Ranger is an optional ability of Chunks: reading a part of a chunk. The error wraps ErrCorrupt if the chunk is
// shorter. Without it, Read reads whole packs.
type Ranger interface {
	ChunkRange(ctx context.Context, h object.Hash, off int64, n int) ([]byte, error)
}

// Read reads a part of a pack. The caller checks it against its hash.
func (p Spot) Read(ctx context.Context, chunks Chunks) ([]byte, error) {
	if r, ok := chunks.(Ranger); ok {
		return r.ChunkRange(ctx, p.Pack, int64(p.Off), int(p.N))
	}
	data, err := chunks.Chunk(ctx, p.Pack)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) < int64(p.Off)+int64(p.N) {
		return nil, fmt.Errorf("pack %s: %w: it is too short", p.Pack.Short(), kv.ErrCorrupt)
	}
	return bytes.Clone(data[p.Off : p.Off+p.N]), nil
}
