package codec

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/seekable"
)

// Stream is the bytes to be stored, after codec and encryption.
type Stream struct {
	io.Reader
	Codec uint8
	enc   *object.EncryptRef
	plain hash.Hash // of the plain bytes, if asked for
	close func()
}

// Close stops the producer of the stream.
func (s *Stream) Close() { s.close() }

// Encryption is the EncryptRef of the stored bytes. Call it after the end of the stream.
func (s *Stream) Encryption() *object.EncryptRef {
	if s.plain != nil {
		h := object.HashOf([32]byte(s.plain.Sum(nil)))
		s.enc.PlainHash = &h
	}
	return s.enc
}

// Options say how to transform a blob's bytes.
type Options struct {
	ChunkSize uint32      // size of the chunks into which the result is cut, in bytes
	Codec     uint8       // object.CodecRaw or object.CodecZstd
	Auto      bool        // use zstd if the first 256 KiB shrink with it, otherwise raw; Codec is ignored
	Encrypt   *Encryption // nil: no encryption
}

// Encode compresses and then encrypts r, as the options say. Both run in a goroutine behind a pipe, so that nothing
// accumulates.
func Encode(r io.Reader, o Options) (*Stream, error) {
	out := &Stream{Codec: o.Codec, close: func() {}}
	if o.Auto {
		r, out.Codec = chooseCodec(r)
	}
	if out.Codec != object.CodecRaw && out.Codec != object.CodecZstd {
		return nil, fmt.Errorf("codec %d cannot be written (0 is raw, 1 is zstd)", out.Codec)
	}
	var seal sealer
	if o.Encrypt != nil {
		var err error
		if seal, out.enc, err = o.Encrypt.open(o.ChunkSize); err != nil {
			return nil, err
		}
		if o.Encrypt.PlainHash {
			out.plain = sha256.New()
			r = io.TeeReader(r, out.plain)
		}
	}
	if out.Codec == object.CodecRaw && seal == nil {
		out.Reader = r
		return out, nil
	}
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pw.CloseWithError(transform(pw, r, out.Codec, seal))
	}()
	// After the stream is closed, nothing may read r any more.
	out.Reader, out.close = pr, func() { pr.Close(); <-done }
	return out, nil
}

// sealer wraps a writer with encryption.
type sealer func(w io.Writer) (io.WriteCloser, error)

// transform writes r to w, compressed and encrypted.
func transform(w io.Writer, r io.Reader, codec uint8, seal sealer) (err error) {
	var closers []io.Closer
	if seal != nil {
		enc, err := seal(w)
		if err != nil {
			return err
		}
		closers, w = append(closers, enc), enc
	}
	if codec == object.CodecZstd {
		enc, err := seekable.NewWriter(w)
		if err != nil {
			return err
		}
		closers, w = append(closers, enc), enc
	}
	if _, err := io.CopyBuffer(onlyWriter{w}, r, make([]byte, 256<<10)); err != nil {
		return err
	}
	for i := len(closers) - 1; i >= 0; i-- {
		if err := closers[i].Close(); err != nil {
			return err
		}
	}
	return nil
}

// onlyWriter hides other methods, so that CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }

// sample is how many bytes of a stream decide whether to compress it.
const sample = 256 << 10

// chooseCodec looks at the beginning of r and chooses zstd if that saves a sixteenth.
func chooseCodec(r io.Reader) (io.Reader, uint8) {
	br := bufio.NewReaderSize(r, sample)
	head, err := br.Peek(sample)
	if err != nil && !errors.Is(err, io.EOF) {
		return br, object.CodecRaw // the next read returns the error again
	}
	packed, err := seekable.PackedSize(head)
	if err != nil || packed > len(head)-len(head)/16 || len(head) < 512 {
		return br, object.CodecRaw
	}
	return br, object.CodecZstd
}
