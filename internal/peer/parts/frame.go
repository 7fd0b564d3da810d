package parts

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/packet"
)

// maxFrame is the maximum size of a frame in a stream of parts, in bytes.
const maxFrame = 80 << 20

// Kinds of a frame besides those of parts.
const (
	frameEnd   = "end"   // ends a stream; its id is the tree's
	frameIDs   = "ids"   // opens a push: the names of what follows
	frameProof = "proof" // a canonical ChunkProof; the chunk follows
)

// writeFrame writes a frame: the length of a canonical Part, u32 big-endian, and the part. Its data comes last, so that
// it is written without a copy.
func writeFrame(w io.Writer, p transfer.Part) error {
	data := p.Data
	p.Data = []byte{}
	empty, err := can.Marshal(&p)
	if err != nil {
		return err
	}
	part := binary.AppendUvarint(empty[:len(empty)-1], uint64(len(data))) // replaces a length of 0
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(part)), uint32(len(part)+len(data)))
	if _, err := w.Write(append(frame, part...)); err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// believed is how many bytes are allocated on the word of a length alone: a chunk of the usual size, and what surrounds
// it.
const believed = merkle.DefaultChunkSize + 1<<10

// unused buffers of frames, *[]byte.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// readFrame returns a part whose data lies in buf, which it may replace by a larger one.
func readFrame(r io.Reader, buf *[]byte) (transfer.Part, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return transfer.Part{}, fmt.Errorf("stream ends early: %w", err)
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > maxFrame {
		return transfer.Part{}, fmt.Errorf("frame of %d bytes, at most %d", n, maxFrame)
	}
	raw := (*buf)[:0]
	if first := min(n, believed); cap(raw) < first {
		raw = make([]byte, 0, first)
	}
	for len(raw) < n {
		raw = slices.Grow(raw, 1)
		got, err := io.ReadFull(r, raw[len(raw):min(n, cap(raw))])
		if raw = raw[:len(raw)+got]; err != nil {
			return transfer.Part{}, fmt.Errorf("stream ends early: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
	}
	*buf = raw
	p, err := cutPart(raw)
	if err != nil {
		return p, fmt.Errorf("frame: %w", err)
	}
	return p, nil
}

// cutPart decodes a canonical Part as object.Decode does, but leaves its data in raw.
func cutPart(raw []byte) (p transfer.Part, err error) {
	r := can.NewReader(raw)
	n, err := r.Map()
	if err != nil {
		return p, err
	}
	var prev []byte
	known := 0
	for range n {
		if prev, err = r.Key(prev); err != nil {
			return p, err
		}
		var v []byte
		switch string(prev) {
		case keyKind:
			v, err = r.Text()
			p.Kind = string(v)
		case keyID:
			if v, err = r.Skip(); err == nil {
				err = can.Unmarshal(v, &p.ID)
			}
		case keyData:
			p.Data, err = r.Bytes()
		default:
			known--
			_, err = r.Skip()
		}
		if known++; err != nil {
			return p, err
		}
	}
	if known != 3 {
		return p, fmt.Errorf("%w: %d of the 3 fields of a part", errBadParts, known)
	}
	r.Leave()
	return p, r.End()
}

// The encoded keys of a Part's fields.
const (
	keyKind = "\x03\x01"
	keyID   = "\x03\x02"
	keyData = "\x03\x03"
)

// writeEnd ends a stream and flushes it.
func writeEnd(w *bufio.Writer, root object.Hash) error {
	if err := writeFrame(w, transfer.Part{Kind: frameEnd, ID: root, Data: []byte{}}); err != nil {
		return err
	}
	return w.Flush()
}

// readFrames calls fn with the parts of a stream until the one that ends it. When a part's data is no longer needed,
// done may be called, once.
func readFrames(in io.Reader, fn func(p transfer.Part, done func()) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	for {
		buf := buffers.Get().(*[]byte)
		p, err := readFrame(r, buf)
		if err != nil {
			return err
		}
		if p.Kind == frameEnd {
			return ended(r)
		}
		done := func() {
			if cap(*buf) <= believed {
				buffers.Put(buf)
			}
		}
		if err := fn(p, done); err != nil {
			return err
		}
	}
}

// ended checks that nothing follows the frame that ends a stream.
func ended(r *bufio.Reader) error {
	switch _, err := r.ReadByte(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: bytes follow the end of the stream", errBadParts)
}

// itemFrame returns an item as a part: its data is the size, u64 big-endian.
func itemFrame(it transfer.Item) transfer.Part {
	return transfer.Part{Kind: it.Kind, ID: it.ID, Data: binary.BigEndian.AppendUint64(nil, it.Size)}
}

func frameItem(p transfer.Part) (transfer.Item, error) {
	if len(p.Data) != 8 {
		return transfer.Item{}, fmt.Errorf("item %s: a size of %d bytes", p.ID.Short(), len(p.Data))
	}
	return transfer.Item{Kind: p.Kind, ID: p.ID, Size: binary.BigEndian.Uint64(p.Data)}, nil
}

// keySize is the size of a part's name in a list: its rank and its id.
const keySize = 1 + 32

// encodeKeys returns a list of parts' names as a body.
func encodeKeys(keys []transfer.Key) []byte {
	out := make([]byte, 0, keySize*len(keys))
	for _, k := range keys {
		out = append(append(out, k.Rank), k.ID.Sum[:]...)
	}
	return out
}

func decodeKeys(body []byte) (map[transfer.Key]bool, error) {
	if len(body)%keySize != 0 {
		return nil, fmt.Errorf("%w: %d bytes are not a list of parts", errBadParts, len(body))
	}
	keys := make(map[transfer.Key]bool, len(body)/keySize)
	for ; len(body) > 0; body = body[keySize:] {
		if body[0] > 2 {
			return nil, fmt.Errorf("%w: rank %d", errBadParts, body[0])
		}
		keys[transfer.Key{Rank: body[0], ID: object.HashOf([32]byte(body[1:keySize]))}] = true
	}
	return keys, nil
}

// Frames calls fn with the frames of a stream up to the one that ends it. The data of a frame
// is valid until fn returns.
func Frames(in io.Reader, fn func(packet.Frame) error) error {
	return readFrames(in, func(p transfer.Part, done func()) error {
		defer done()
		return fn(packet.Frame(p))
	})
}
