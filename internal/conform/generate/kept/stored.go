package kept

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/mythos-project/mythos/internal/conform/generate/vector"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
)

const chunk = 4096 // bytes of a stored chunk; writers must use larger ones

// blob is a stored blob.
type blob struct {
	ref    object.BlobRef
	stored []byte
}

// blobOf makes the reference for the stored bytes.
func blobOf(stored []byte) *blob {
	b := &blob{object.BlobRef{CID: object.Sum(stored), Size: uint64(len(stored)), Media: "application/octet-stream"}, stored}
	if len(stored) <= merkle.MaxUnchunked {
		return b
	}
	tree := merkle.NewChunkBuilder(chunk, discard{})
	for part := range slices.Chunk(stored, chunk) {
		vector.Must(0, tree.Add(merkle.Chunk{Hash: object.Sum(part), Len: uint32(len(part))}))
		b.ref.Chunks++
	}
	b.ref.CID = vector.Must(tree.Finish()).CID
	return b
}

type discard struct{}

func (discard) PutNode(object.Hash, []byte) error { return nil }

// in is the input of reading length bytes from offset on; with a length below 0, all.
func (b *blob) in(key string, offset, length int64) vector.Fields {
	in := vector.Fields{"ref": vector.View("BlobRef", &b.ref), "stored": vector.Hex(b.stored)}
	if b.ref.Chunks > 0 {
		in["chunk_size"] = chunk
	}
	if key != "" {
		in["key"] = key
	}
	if length >= 0 {
		in["offset"], in["length"] = offset, length
	}
	return in
}

// Stored are blobs that are encrypted or compressed.
func Stored() *vector.Set {
	s := &vector.Set{Class: "stored", About: "blobs as they are stored, encrypted with scheme 2 or compressed: the bytes that a reader gets, or why it gets none; and what encryption makes"}
	nonce := vector.Hex(gcmNonce)
	for _, size := range []int{0, 1, 8176, 8177, 262128, 262129, 600000} {
		s.Addf(vector.Fields{"key": "alice", "seal": vector.Fields{"size": size, "seed": 1, "chunk_size": 262144, "nonce": nonce}}, "%d bytes are encrypted", size)
	}
	encrypted(s)
	compressed(s)
	return s
}

var (
	gcmNonce = []byte{0, 1, 2, 3, 0xff, 5, 6, 7, 8, 9, 10, 11}
	gcmAAD   = []byte("mythos.aesgcm.v1")
)

// segment is segment number i under alice's key, according to the specification ([obj-21]).
func segment(i uint64, last bool, plain []byte) []byte {
	key := vector.Must(identity.BlobKeyOf(vector.Alice))
	aead := vector.Must(cipher.NewGCM(vector.Must(aes.NewCipher(key))))
	nonce, aad := slices.Clone(gcmNonce), append(slices.Clone(gcmAAD), 0)
	for at := range 8 {
		nonce[11-at] ^= byte(i >> (8 * at))
	}
	if last {
		aad[len(aad)-1] = 1
	}
	return aead.Seal(nil, nonce, plain, aad)
}

// plainText is n bytes that encode their position.
func plainText(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i) ^ byte(i>>8)
	}
	return out
}

// segments are plain bytes encrypted with scheme 2.
func segments(plain []byte) [][]byte {
	if len(plain)+16 <= merkle.MaxUnchunked {
		return [][]byte{segment(0, true, plain)}
	}
	var out [][]byte
	parts := slices.Collect(slices.Chunk(plain, chunk-16))
	for i, part := range parts {
		out = append(out, segment(uint64(i), i == len(parts)-1, part))
	}
	return out
}

func sealedBlob(plain []byte, parts ...[]byte) *blob {
	b := blobOf(slices.Concat(parts...))
	h := object.Sum(plain)
	b.ref.Encryption = &object.EncryptRef{Scheme: object.EncryptAESGCM, KeyHandle: "alice:" + vector.Alice.Agent().KeyID().String(), Nonce: gcmNonce, AAD: gcmAAD, PlainHash: &h}
	return b
}

func encrypted(s *vector.Set) {
	short, plain := []byte("a secret"), plainText(8200)
	one, parts := segment(0, true, short), segments(plain)
	s.Add("scheme 2, one segment", sealedBlob(short, one).in("alice", 0, -1))
	s.Add("scheme 2, no bytes", sealedBlob(nil, segment(0, true, nil)).in("alice", 0, -1))
	whole := sealedBlob(plain, parts...)
	s.Add("scheme 2, three segments", whole.in("alice", 0, -1))
	s.Add("scheme 2, a range over two segments", whole.in("alice", 4078, 4))
	s.Add("scheme 2, the last byte", whole.in("alice", 8199, 1))
	s.Add("scheme 2, no bytes at the end", whole.in("alice", 8200, 0))
	s.Add("scheme 2, a range beyond the end", whole.in("alice", 8199, 2))
	s.Add("scheme 2, without the key", whole.in("", 0, -1))
	s.Add("scheme 2, with another key", whole.in("bob", 0, -1))
	change := func(id string, f func(b *blob)) {
		b := sealedBlob(plain, parts...)
		f(b)
		s.Add("scheme 2, "+id, b.in("alice", 0, -1))
	}
	change("another nonce", func(b *blob) { b.ref.Encryption.Nonce = bytes.Repeat([]byte{1}, 12) })
	change("a nonce of 11 bytes", func(b *blob) { b.ref.Encryption.Nonce = gcmNonce[:11] })
	change("other associated data", func(b *blob) { b.ref.Encryption.AAD = []byte("mythos.aesgcm.v2") })
	change("another plain hash", func(b *blob) { b.ref.Encryption.PlainHash = vector.Ptr(object.SumText("other")) })
	change("without a plain hash", func(b *blob) { b.ref.Encryption.PlainHash = nil })
	change("scheme 3", func(b *blob) { b.ref.Encryption.Scheme = 3 })
	cut := sealedBlob(plain, parts[0], parts[1], make([]byte, 16))
	cut.ref.Encryption.PlainHash = nil
	s.Add("scheme 2, a last segment without bytes in the place of one that was cut off", cut.in("alice", 0, -1))
	s.Add("scheme 2, a last segment without bytes behind others", sealedBlob(plain[:8160], parts[0], parts[1], segment(2, true, nil)).in("alice", 0, -1))
	s.Add("scheme 2, no bytes, with another key", sealedBlob(nil, segment(0, true, nil)).in("bob", 0, -1))
	s.Add("scheme 2, two segments exchanged", sealedBlob(plain, parts[1], parts[0], parts[2]).in("alice", 0, -1))
	s.Add("scheme 2, cut between two segments", sealedBlob(plain, parts[0], parts[1], parts[2][:0]).in("alice", 0, -1))
	s.Add("scheme 2, a last segment of 15 bytes", sealedBlob(plain, parts[0], parts[1], parts[2][:15]).in("alice", 0, -1))
	s.Add("scheme 2, fewer bytes than a tag", sealedBlob(nil, one[:15]).in("alice", 0, -1))
	changed := slices.Clone(one)
	changed[len(changed)-1] ^= 1
	s.Add("scheme 2, a changed tag", sealedBlob(short, changed).in("alice", 0, -1))
	packed := segments(stream(frame(plainText(5000)), frame(plainText(5000))))
	both := sealedBlob(slices.Concat(plainText(5000), plainText(5000)), packed...)
	both.ref.Codec = object.CodecZstd
	s.Add("scheme 2 over zstd", both.in("alice", 0, -1))
	s.Add("scheme 2 over zstd, a range over two frames", both.in("alice", 4998, 4))
}

// zframe is a frame of a seekable stream, and its table entry.
type zframe struct {
	packed []byte
	plain  uint32
}

// frame compresses; the result of zstd is an input, and nobody has to reproduce it.
func frame(plain []byte) zframe {
	enc := vector.Must(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)))
	return zframe{enc.EncodeAll(plain, nil), uint32(len(plain))}
}

func stream(frames ...zframe) []byte { return streamWith(0, frames...) }

// streamWith has these flags in its footer; bit 7 says that entries have checksums.
func streamWith(flags byte, frames ...zframe) []byte {
	var out, table []byte
	for _, f := range frames {
		out = append(out, f.packed...)
		table = binary.LittleEndian.AppendUint32(table, uint32(len(f.packed)))
		table = binary.LittleEndian.AppendUint32(table, f.plain)
		if flags&0x80 != 0 {
			table = append(table, 0xde, 0xad, 0xbe, 0xef)
		}
	}
	out = binary.LittleEndian.AppendUint32(out, 0x184D2A5E)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(table)+9))
	out = append(out, table...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(frames)))
	return binary.LittleEndian.AppendUint32(append(out, flags), 0x8F92EAB1)
}

func packedBlob(stored []byte) *blob {
	b := blobOf(stored)
	b.ref.Codec = object.CodecZstd
	return b
}

func compressed(s *vector.Set) {
	a, b := plainText(3000), bytes.Repeat([]byte("mythos "), 500)
	one, two := frame(a), frame(b)
	good := packedBlob(stream(one, two))
	s.Add("zstd, two frames and a table", good.in("", 0, -1))
	s.Add("zstd, a range over two frames", good.in("", 2999, 4))
	s.Add("zstd, all as a range", good.in("", 0, 6500))
	s.Add("zstd, a range beyond the end", good.in("", 6499, 2))
	s.Add("zstd, no frames", packedBlob(stream()).in("", 0, -1))
	s.Add("zstd, checksums in the table are not looked at", packedBlob(streamWith(0x80, one, two)).in("", 2999, 4))
	s.Add("zstd, a stream without a table", packedBlob(one.packed).in("", 0, -1))
	s.Add("zstd, a range of a stream without a table", packedBlob(slices.Concat(one.packed, two.packed)).in("", 2999, 4))
	s.Add("zstd, a range beyond the end of a stream without a table", packedBlob(one.packed).in("", 2999, 2))
	s.Add("zstd, reserved flags: no table", packedBlob(streamWith(4, one, two)).in("", 2999, 4))
	s.Add("zstd, sizes that do not add up: no table", packedBlob(slices.Concat(two.packed, stream(one))).in("", 3499, 4))
	lying := two
	lying.plain++
	s.Add("zstd, a table that says another size of a frame that is read", packedBlob(stream(one, lying)).in("", 3000, 4))
	s.Add("zstd, a table that lies, read to the end", packedBlob(stream(one, lying)).in("", 0, -1))
	s.Add("zstd, cut off", packedBlob(one.packed[:len(one.packed)-1]).in("", 0, -1))
	s.Add("zstd, no zstd", packedBlob([]byte("plain")).in("", 0, -1))
	s.Add("zstd, bytes behind the stream", packedBlob(append(slices.Clone(one.packed), 0)).in("", 0, -1))
	changed := slices.Clone(two.packed)
	changed[len(changed)-1] ^= 1
	s.Add("zstd, a changed checksum", packedBlob(stream(one, zframe{changed, two.plain})).in("", 0, -1))
	raw := blobOf(a)
	raw.ref.Codec = 2
	s.Add("gzip is passed on as it is stored", raw.in("", 10, 5))
	raw.ref.Codec, raw.ref.Size = 0, raw.ref.Size+1
	s.Add("raw, a size beyond the stored bytes", raw.in("", 0, -1))
}
