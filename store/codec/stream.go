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
	plain hash.Hash // of the plain bytes, when asked for
	close func()
}

// Close stops whatever produces the stream.
func (s *Stream) Close() { s.close() }

// Encryption is the EncryptRef of what was stored; the stream has ended.
func (s *Stream) Encryption() *object.EncryptRef {
	if s.plain != nil {
		h := object.HashOf([32]byte(s.plain.Sum(nil)))
		s.enc.PlainHash = &h
	}
	return s.enc
}

// Options say what is done to a blob's bytes.
type Options struct {
	ChunkSize uint32      // bytes of the chunks that they are cut into
	Codec     uint8       // object.CodecRaw or object.CodecZstd
	Auto      bool        // take zstd where the first 256 KiB gain by it and raw otherwise; Codec is not used
	Encrypt   *Encryption // nil: they are not encrypted
}

// Encode compresses and then encrypts r, as asked. Both run in a goroutine
// behind a pipe, so that nothing is held.
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
	// When the stream is given up, r must not be read any more.
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

// sample is how much of a stream decides whether to compress it, in bytes.
const sample = 256 << 10

// chooseCodec looks at the beginning of r: zstd when that saves a sixteenth.
func chooseCodec(r io.Reader) (io.Reader, uint8) {
	br := bufio.NewReaderSize(r, sample)
	head, err := br.Peek(sample)
	if err != nil && !errors.Is(err, io.EOF) {
		return br, object.CodecRaw // the error comes again when it is read
	}
	packed, err := seekable.PackedSize(head)
	if err != nil || packed > len(head)-len(head)/16 || len(head) < 512 {
		return br, object.CodecRaw
	}
	return br, object.CodecZstd
}
