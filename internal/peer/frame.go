package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/internal/node"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// maxFrame bounds a frame in a stream of parts, in bytes.
const maxFrame = 80 << 20

// Kinds of a frame beside those of parts.
const (
	frameEnd   = "end"   // closes a stream; its id is the tree's
	frameIDs   = "ids"   // opens a push: the names of what follows
	frameProof = "proof" // a canonical ChunkProof; the chunk follows
)

// A frame is the length of a canonical Part, u32 big-endian, and the part.
func writeFrame(w io.Writer, p node.Part) error {
	raw, err := can.Marshal(&p)
	if err != nil {
		return err
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(raw)))); err != nil {
		return err
	}
	_, err = w.Write(raw)
	return err
}

func readFrame(r io.Reader) (*node.Part, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("stream ends early: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("frame of %d bytes, at most %d", n, maxFrame)
	}
	raw, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil || len(raw) != int(n) {
		return nil, fmt.Errorf("stream ends early: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	return object.Decode[node.Part](raw)
}

// writeEnd closes a stream and flushes it.
func writeEnd(w *bufio.Writer, root object.Hash) error {
	if err := writeFrame(w, node.Part{Kind: frameEnd, ID: root, Data: []byte{}}); err != nil {
		return err
	}
	return w.Flush()
}

// readFrames calls fn with the parts of a stream until the one that closes it.
func readFrames(in io.Reader, fn func(node.Part) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	for {
		p, err := readFrame(r)
		if err != nil {
			return err
		}
		if p.Kind == frameEnd {
			return nil
		}
		if err := fn(*p); err != nil {
			return err
		}
	}
}

// itemFrame is an item as a part: its data is the size, u64 big-endian.
func itemFrame(it node.Item) node.Part {
	return node.Part{Kind: it.Kind, ID: it.ID, Data: binary.BigEndian.AppendUint64(nil, it.Size)}
}

func frameItem(p node.Part) (node.Item, error) {
	if len(p.Data) != 8 {
		return node.Item{}, fmt.Errorf("item %s: a size of %d bytes", p.ID.Short(), len(p.Data))
	}
	return node.Item{Kind: p.Kind, ID: p.ID, Size: binary.BigEndian.Uint64(p.Data)}, nil
}

// keySize is a part's name in a list: its rank and its id.
const keySize = 1 + 32

// encodeKeys is a list of parts' names as a body.
func encodeKeys(keys []node.Key) []byte {
	out := make([]byte, 0, keySize*len(keys))
	for _, k := range keys {
		out = append(append(out, k.Rank), k.ID.Sum[:]...)
	}
	return out
}

func decodeKeys(body []byte) (map[node.Key]bool, error) {
	if len(body)%keySize != 0 {
		return nil, fmt.Errorf("%w: %d bytes are no list of parts", errBadParts, len(body))
	}
	keys := make(map[node.Key]bool, len(body)/keySize)
	for ; len(body) > 0; body = body[keySize:] {
		if body[0] > 2 {
			return nil, fmt.Errorf("%w: rank %d", errBadParts, body[0])
		}
		keys[node.Key{Rank: body[0], ID: object.HashOf([32]byte(body[1:keySize]))}] = true
	}
	return keys, nil
}
