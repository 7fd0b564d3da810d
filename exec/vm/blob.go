package vm

import (
	"context"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// TypeBlobRef is the type of BLOB_PUT's result: a record of the BlobRef's fields by its own numbers: {1 cid, 2 size
// u64, 3 media text, 4 codec u64, 5 chunks u64}. BLOB_GET and BLOB_CHUNK_GET take it, or the cid alone [ir-39].
var TypeBlobRef = object.SumText("type:mythos.BlobRef")

// Names of the built-in blob tools, behind the three BLOB ops.
const (
	ToolBlobPut      = "blob.put"
	ToolBlobGet      = "blob.get"
	ToolBlobChunkGet = "blob.chunk_get"
)

// BlobPutRequest is the request of blob.put; the response is the canonical
// BlobRef. It needs blob.write for namespace, media and size of the data.
type BlobPutRequest struct {
	Namespace string `can:"1,namespace"`
	Media     string `can:"2,media"`
	Codec     uint8  `can:"3,codec"` // 0 raw, 1 zstd
	Data      []byte `can:"4,data"`
}

// BlobGetRequest is the request of blob.get; the response is the blob's plain
// bytes in the range. It needs blob.read for that range.
type BlobGetRequest struct {
	CID    object.Hash `can:"1,cid"`
	Offset *uint64     `can:"2,offset"` // absent: 0
	Length *uint64     `can:"3,length"` // absent: to the end
}

// BlobChunkGetRequest is the request of blob.chunk_get; the response is the stored bytes of one chunk. Only the blob's
// nodes show where chunks begin, so it needs blob.read for the whole blob.
type BlobChunkGetRequest struct {
	CID   object.Hash `can:"1,cid"`
	Index uint64      `can:"2,index"`
}

// blobPut is BLOB_PUT: source, meta, out, receipt.
func (m *machine) blobPut(ctx context.Context, a []arg) error {
	meta, err := m.node(a[1])
	if err != nil {
		return err
	}
	req := BlobPutRequest{Media: "application/octet-stream", Data: requestBytes(m.value(a[0]))}
	if ns := meta.Field(1); ns.kind == ValText {
		req.Namespace = string(ns.data)
	}
	if media := meta.Field(2); media.kind == ValText {
		req.Media = string(media.data)
	}
	codec := meta.Field(3)
	if codec.num > 255 {
		return m.halt(HaltOperand, nil)
	}
	req.Codec = uint8(codec.num)
	return m.blobOp(ctx, EventBlobPut, ToolBlobPut, &req, a[2], a[3], func(body []byte) (Value, error) {
		ref, err := object.Decode[object.BlobRef](body)
		if err != nil {
			return Value{}, err
		}
		return newRecord(TypeBlobRef, []field{
			{1, HashValue(ref.CID)}, {2, U64Value(ref.Size)}, {3, TextValue(ref.Media)},
			{4, U64Value(uint64(ref.Codec))}, {5, U64Value(uint64(ref.Chunks))},
		})
	})
}

// blobGet is BLOB_GET: blob, range, out, receipt.
func (m *machine) blobGet(ctx context.Context, a []arg) error {
	cid, ok := blobCID(m.value(a[0]))
	rng, err := m.node(a[1])
	if err != nil {
		return err
	}
	if !ok {
		return m.halt(HaltOperand, nil)
	}
	req := BlobGetRequest{CID: cid}
	if rng.kind != ValNull {
		offset, length := rng.Field(1), rng.Field(2)
		if offset.kind == ValU64 {
			req.Offset = &offset.num
		}
		if length.kind == ValU64 {
			req.Length = &length.num
		}
	}
	return m.blobOp(ctx, EventBlobGet, ToolBlobGet, &req, a[2], a[3], bytesOf)
}

// blobChunkGet is BLOB_CHUNK_GET: blob, index, out, receipt.
func (m *machine) blobChunkGet(ctx context.Context, a []arg) error {
	cid, ok := blobCID(m.value(a[0]))
	index := m.value(a[1])
	if !ok || index.kind != ValU64 {
		return m.halt(HaltOperand, nil)
	}
	return m.blobOp(ctx, EventBlobChunkGet, ToolBlobChunkGet, &BlobChunkGetRequest{CID: cid, Index: index.num}, a[2], a[3], bytesOf)
}

func bytesOf(body []byte) (Value, error) { return BytesValue(body), nil }

const statusOK = 200 // of an effect that succeeded

// blobOp calls a built-in blob tool. If the status is not 200, its result is null.
func (m *machine) blobOp(ctx context.Context, kind uint8, tool string, req any, out, receipt arg, read func([]byte) (Value, error)) error {
	raw, err := can.Marshal(req)
	if err != nil {
		return m.halt(HaltOperand, err)
	}
	e := Effect{Tool: ir.BuiltinTool(tool), Request: raw}
	outcome, err := m.perform(ctx, kind, e)
	if err != nil {
		return err
	}
	var v Value
	if outcome.Status == statusOK {
		if v, err = read(outcome.Body); err != nil {
			return m.halt(HaltOperand, err)
		}
	}
	return m.deliver(out, receipt, v, e, outcome)
}

// node reads an operand that is a register or a node of the pool.
func (m *machine) node(a arg) (Value, error) {
	return (&filler{m: m, nodes: make(map[int]Value)}).operand(a)
}

// blobCID is the cid of a hash, or of a record whose field 1 is the cid.
func blobCID(v Value) (object.Hash, bool) {
	if v.kind == ValNode {
		v = v.Field(1)
	}
	return v.Hash(), v.kind == ValHash
}
