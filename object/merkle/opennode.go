package merkle

import (
	"encoding/binary"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// openNode is a node that still accepts parts. Their encodings are appended as they come. The bytes before them depend
// on the number of parts; closing the node writes them into room kept at the front, so that nothing is copied.
type openNode struct {
	buf   []byte // headRoom bytes, then the encoded parts
	n     int
	count uint64 // values below
	size  uint64 // bytes below; 0 in a list

	nodeSize int // bytes of the part that was added last
}

const headRoom = 64 // the longest head has 3 varints of 5 bytes and 22 fixed bytes

// The canonical bytes of a Hash before its digest, and of a Chunk before its hash
// and before its length (spec/can.md#structs).
var hashHead = [...]byte{0x08, 0x02, 0x03, 0x01, 0x03, 0x01, 0x03, 0x02, 0x05, 0x20}

const (
	chunkHead = "\x08\x02\x03\x01"
	lenHead   = "\x03\x02\x03"
)

func (n *openNode) addHash(h *object.Hash, p part) {
	const size = len(hashHead) + len(h.Sum)
	n.room(size)
	at := n.buf[len(n.buf) : len(n.buf)+size]
	*(*[len(hashHead)]byte)(at) = hashHead // as arrays: the copies need no call
	*(*[32]byte)(at[len(hashHead):]) = h.Sum
	n.buf = n.buf[:len(n.buf)+size]
	n.n++
	n.count += p.count
	n.size += p.size
	n.nodeSize = p.nodeSize
}

// addHashes adds values to a list's leaf.
func (n *openNode) addHashes(values []object.Hash) error {
	const size = len(hashHead) + 32
	n.room(size * len(values))
	at := n.buf[len(n.buf) : len(n.buf)+size*len(values)]
	for i := range values {
		if values[i].Alg != object.SHA256 {
			return values[i].Check()
		}
		*(*[len(hashHead)]byte)(at) = hashHead
		*(*[32]byte)(at[len(hashHead):]) = values[i].Sum
		at = at[size:]
	}
	n.buf = n.buf[:len(n.buf)+size*len(values)]
	n.n += len(values)
	n.count += uint64(len(values))
	return nil
}

func (n *openNode) addChunk(h *object.Hash, p part) {
	n.room(len(chunkHead))
	n.buf = append(n.buf, chunkHead...)
	n.addHash(h, p)
	n.buf = binary.AppendUvarint(append(n.buf, lenHead...), p.size)
}

// room makes the buffer large enough for size more bytes.
func (n *openNode) room(size int) {
	if len(n.buf)+size <= cap(n.buf) {
		return
	}
	if n.buf == nil {
		n.buf = make([]byte, headRoom, headRoom+2048)
	}
	n.buf = slices.Grow(n.buf, size)
}

// lone is the cid of the part of a node that has only one.
func (n *openNode) lone() object.Hash {
	return object.HashOf([32]byte(n.buf[headRoom+len(hashHead):]))
}

// encode returns the canonical bytes of the Node. They are valid until the next add.
func (n *openNode) encode(kind uint8, chunkSize uint32) []byte {
	if n.buf == nil {
		n.buf = make([]byte, headRoom)
	}
	var inner [headRoom / 2]byte
	payload := append(inner[:0], 0x08, fields[kind]) // the payload's map
	num := byte(1)
	if kind == KindChunkLeaf || kind == KindChunkInternal {
		payload = appendUintField(payload, num, uint64(chunkSize))
		num++
	}
	payload = binary.AppendUvarint(append(payload, 0x03, num, 0x07), uint64(n.n))
	if kind == KindChunkLeaf || kind == KindChunkInternal {
		num++
		n.buf = appendUintField(n.buf, num, n.size)
	}
	if kind == KindListInternal || kind == KindChunkInternal {
		num++
		n.buf = appendUintField(n.buf, num, n.count)
	}
	var outer [headRoom]byte
	head := append(outer[:0], 0x08, 0x03, 0x03, 0x01, 0x03, 0x01, 0x03, 0x02, 0x03, kind, 0x03, 0x03, 0x05)
	head = binary.AppendUvarint(head, uint64(len(payload)+len(n.buf)-headRoom))
	head = append(head, payload...)
	start := headRoom - len(head)
	copy(n.buf[start:], head)
	return n.buf[start:]
}

// fields is the number of fields of the payload of each kind.
var fields = [...]byte{KindListLeaf: 1, KindListInternal: 2, KindChunkLeaf: 3, KindChunkInternal: 4}

func appendUintField(dst []byte, num byte, v uint64) []byte {
	return binary.AppendUvarint(append(dst, 0x03, num, 0x03), v)
}

func (n *openNode) reset() { *n = openNode{buf: n.buf[:headRoom]} }
