package can_test

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"

	"github.com/fxamacker/cbor/v2"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
)

// The same structs for CBOR: the same numbers as keys, and the same memory layout.
type (
	cborHash struct {
		Alg uint8    `cbor:"1,keyasint"`
		Sum [32]byte `cbor:"2,keyasint"`
	}
	cborAgent struct {
		Scheme uint8    `cbor:"1,keyasint"`
		Key    [32]byte `cbor:"2,keyasint"`
		Hint   string   `cbor:"3,keyasint,omitempty"`
	}
	cborSignature struct {
		Alg   uint8     `cbor:"1,keyasint"`
		KeyID *cborHash `cbor:"2,keyasint,omitempty"`
		Sig   [64]byte  `cbor:"3,keyasint"`
	}
	cborReceipt struct {
		ReceiptID      cborHash      `cbor:"1,keyasint"`
		ToolID         cborHash      `cbor:"2,keyasint"`
		RequestHash    cborHash      `cbor:"3,keyasint"`
		ResponseHash   cborHash      `cbor:"4,keyasint"`
		IdempotencyKey []byte        `cbor:"5,keyasint"`
		Signer         cborAgent     `cbor:"6,keyasint"`
		TimeObserved   int64         `cbor:"7,keyasint"`
		Status         uint16        `cbor:"8,keyasint"`
		Evidence       []cborHash    `cbor:"9,keyasint,omitempty"`
		Notes          *string       `cbor:"10,keyasint,omitempty"`
		Signature      cborSignature `cbor:"11,keyasint"`
	}
	cborBlob struct {
		CID    cborHash `cbor:"1,keyasint"`
		Size   uint64   `cbor:"2,keyasint"`
		Media  string   `cbor:"3,keyasint"`
		Codec  uint8    `cbor:"4,keyasint"`
		Chunks uint32   `cbor:"5,keyasint"`

		Encryption *struct{} `cbor:"6,keyasint,omitempty"`
		Provenance *struct{} `cbor:"7,keyasint,omitempty"`
	}
	cborTrace struct {
		TraceBlob  cborBlob   `cbor:"1,keyasint"`
		ReceiptIDs []cborHash `cbor:"2,keyasint"`
	}
	cborEpisode struct {
		EpisodeID    cborHash  `cbor:"1,keyasint"`
		TraceRef     cborTrace `cbor:"2,keyasint"`
		ContextHash  cborHash  `cbor:"3,keyasint"`
		OutcomeHash  cborHash  `cbor:"4,keyasint"`
		TimeObserved int64     `cbor:"5,keyasint"`
	}
	cborChunk struct {
		Hash cborHash `cbor:"1,keyasint"`
		Len  uint32   `cbor:"2,keyasint"`
	}
	cborChunkLeaf struct {
		ChunkSize uint32      `cbor:"1,keyasint"`
		Chunks    []cborChunk `cbor:"2,keyasint"`
		TotalSize uint64      `cbor:"3,keyasint"`
	}
	cborListLeaf struct {
		Values []cborHash `cbor:"1,keyasint"`
	}
)

func hashes(n int) []object.Hash {
	out := make([]object.Hash, n)
	for i := range out {
		out[i] = object.SumText(fmt.Sprint(i))
	}
	return out
}

func benchReceipt() *ledger.Receipt {
	h, notes := hashes(8), "used tokens=812 gpu_ms=40"
	return &ledger.Receipt{ReceiptID: h[0], ToolID: h[1], RequestHash: h[2], ResponseHash: h[3], IdempotencyKey: []byte("deploy-7f31"),
		Signer: object.AgentID{Scheme: object.Ed25519, Key: h[4].Sum, Hint: "builder"}, TimeObserved: 1_790_000_000_000_000, Status: 200,
		Evidence: h[5:7], Notes: &notes, Signature: object.Signature{Alg: object.Ed25519, KeyID: &h[7]}}
}

func benchEpisode() *object.EpisodeRef {
	h := hashes(8)
	return &object.EpisodeRef{EpisodeID: h[0], ContextHash: h[1], OutcomeHash: h[2], TimeObserved: 1_790_000_000_000_000,
		TraceRef: object.TraceRef{TraceBlob: object.BlobRef{CID: h[3], Size: 4711, Media: "application/vnd.mythos.trace"}, ReceiptIDs: h[4:8]}}
}

func benchChunkLeaf() *merkle.ChunkLeaf {
	l := &merkle.ChunkLeaf{ChunkSize: 4 << 20, TotalSize: merkle.Fanout * 4 << 20}
	for _, h := range hashes(merkle.Fanout) {
		l.Chunks = append(l.Chunks, merkle.Chunk{Hash: h, Len: 4 << 20})
	}
	return l
}

// BenchmarkCodec compares decoding with validation, and encoding, with CBOR's Core Deterministic Encoding by
// fxamacker/cbor on the same structs. Its decoder refuses repeated keys and bad UTF-8; ours also checks order, minimal
// lengths and the field rules. Both decode into a zero struct and encode to the caller's buffer, so that the count
// holds only what the codecs allocate.
func BenchmarkCodec(b *testing.B) {
	compare[ledger.Receipt, cborReceipt](b, "Receipt", benchReceipt())
	compare[object.EpisodeRef, cborEpisode](b, "EpisodeRef", benchEpisode())
	compare[merkle.ChunkLeaf, cborChunkLeaf](b, "ChunkLeaf", benchChunkLeaf())
	compare[merkle.ListLeaf, cborListLeaf](b, "MerkleListLeaf", &merkle.ListLeaf{Values: hashes(merkle.Fanout)})
}

func compare[T, C any](b *testing.B, name string, v *T) {
	raw, err := can.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	enc, err := cbor.CoreDetEncOptions().UserBufferEncMode()
	if err != nil {
		b.Fatal(err)
	}
	dec, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden}.DecMode()
	if err != nil {
		b.Fatal(err)
	}
	c := (*C)(unsafe.Pointer(v)) // the same memory under other tags
	craw, err := enc.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	run := func(op string, size int, fn func() error) {
		b.Run(name+"/"+op, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var t T
	var back C
	run("decode/can", len(raw), func() error { t = *new(T); return can.Unmarshal(raw, &t) })
	run("decode/cbor", len(craw), func() error { back = *new(C); return dec.Unmarshal(craw, &back) })
	dst, buf := make([]byte, 0, len(raw)), bytes.NewBuffer(make([]byte, 0, len(craw)))
	run("encode/can", len(raw), func() error { dst, err = can.Append(dst[:0], v); return err })
	run("encode/cbor", len(craw), func() error { buf.Reset(); return enc.MarshalToBuffer(c, buf) })
}
