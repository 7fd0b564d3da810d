package codec

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/seekable"
)

const (
	gcmLabel = "mythos.aesgcm.v1" // the associated data (EncryptRef.aad) of our own blobs
	gcmTag   = 16                 // bytes of the tag at the end of a segment
)

// gcm is encryption scheme 2. The bytes (after the codec) are cut into segments of chunk size − 16 bytes, of which only
// the last may be shorter; it is empty only if there are no bytes at all. Every segment is encrypted separately with
// AES-256-GCM and followed by its tag, so that each fills one chunk:
//
//	nonce  the 12 bytes of EncryptRef.nonce; the last 8, as a big-endian number,
//	       are XORed with the segment's index
//	aad    EncryptRef.aad, followed by the byte 1 for the last segment, else 0
//
// A blob with at most 8 KiB of encrypted bytes is unchunked and has one segment. The same key, nonce, chunk size and
// bytes give the same blob.
type gcm struct {
	aead    cipher.AEAD
	nonce   []byte
	aad     []byte
	segment int // with tag
}

func newGCM(key []byte) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("%w: a key has 32 bytes, not %d", ErrKey, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// at returns the nonce and the associated data of a segment.
func (g *gcm) at(index uint64, last bool) (nonce, aad []byte) {
	nonce = append([]byte{}, g.nonce...)
	low := nonce[len(nonce)-8:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^index)
	end := byte(0)
	if last {
		end = 1
	}
	return nonce, append(append([]byte{}, g.aad...), end)
}

// open decrypts a segment in place.
func (g *gcm) open(index uint64, last bool, data []byte) ([]byte, error) {
	nonce, aad := g.at(index, last)
	plain, err := g.aead.Open(data[:0], nonce, data, aad)
	if err != nil {
		return nil, fmt.Errorf("%w: segment %d does not decrypt", ErrKey, index)
	}
	return plain, nil
}

type gcmWriter struct {
	g     *gcm
	w     io.Writer
	buf   []byte // plain bytes of the open segment
	index uint64
}

func newGCMWriter(g *gcm, w io.Writer) *gcmWriter {
	return &gcmWriter{g: g, w: w, buf: make([]byte, 0, g.segment)}
}

// Write implements io.Writer. A full segment waits for more bytes, because it may be the last.
func (w *gcmWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(w.buf) == w.g.segment-gcmTag {
			if err := w.seal(false); err != nil {
				return n - len(p), err
			}
		}
		take := min(len(p), w.g.segment-gcmTag-len(w.buf))
		w.buf = append(w.buf, p[:take]...)
		p = p[take:]
	}
	return n, nil
}

func (w *gcmWriter) seal(last bool) error {
	nonce, aad := w.g.at(w.index, last)
	out := w.g.aead.Seal(w.buf[:0], nonce, w.buf, aad)
	w.index++
	_, err := w.w.Write(out)
	w.buf = w.buf[:0]
	return err
}

// Close writes the last segment.
func (w *gcmWriter) Close() error { return w.seal(true) }

// gcmReaderAt decrypts segments; they have size stored bytes in all.
type gcmReaderAt struct {
	g    *gcm
	r    io.ReaderAt
	size int64 // of the stored bytes
}

// newGCMReaderAt returns a reader of the plain bytes and their number. If there are none, it still authenticates the
// one empty segment.
func newGCMReaderAt(g *gcm, r io.ReaderAt, size int64) (io.ReaderAt, int64, error) {
	full := int64(max(g.segment, gcmTag))
	segments, last := (size+full-1)/full, (size-1)%full+1
	if g.segment < gcmTag || last < gcmTag || last == gcmTag && segments > 1 {
		return nil, 0, fmt.Errorf("%w: the last encrypted segment has %d bytes", kv.ErrCorrupt, last)
	}
	plain, at := size-segments*gcmTag, &gcmReaderAt{g, r, size}
	if plain == 0 {
		if _, err := at.ReadAt(make([]byte, 1), 0); !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
	}
	return at, plain, nil
}

// ReadAt implements io.ReaderAt.
func (r *gcmReaderAt) ReadAt(p []byte, off int64) (int, error) {
	n, step := 0, max(1, int64(r.g.segment-gcmTag))
	for n < len(p) {
		index := (off + int64(n)) / step
		start := index * int64(r.g.segment)
		if start >= r.size {
			return n, io.EOF
		}
		data := make([]byte, min(int64(r.g.segment), r.size-start))
		if err := seekable.ReadFull(r.r, data, start); err != nil {
			return n, err
		}
		plain, err := r.g.open(uint64(index), start+int64(len(data)) == r.size, data)
		if err != nil {
			return n, err
		}
		from := off + int64(n) - index*step
		if from >= int64(len(plain)) {
			return n, io.EOF
		}
		n += copy(p[n:], plain[from:])
	}
	return n, nil
}
