package codec

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
	"github.com/mythos-project/mythos/store/seekable"
)

// Blob is the stored form of a blob, and the keys that may open it.
type Blob struct {
	Ref       object.BlobRef
	ChunkSize int // of a chunked blob; 0: it is one segment
	Keys      Keys

	At   func(ctx context.Context) io.ReaderAt        // reads the stored bytes, verified
	Copy func(ctx context.Context, w io.Writer) error // writes all stored bytes
}

// Plain reports whether the stored bytes are the blob's bytes.
func Plain(ref object.BlobRef) bool { return ref.Encryption == nil && ref.Codec != object.CodecZstd }

// Size is the number of plain bytes. For an encrypted blob it needs the key. For a compressed blob it reads the seek
// table; without a table it reads everything.
func (b *Blob) Size(ctx context.Context) (int64, error) {
	at, size, err := b.decryptedAt(ctx)
	if err != nil || b.Ref.Codec != object.CodecZstd {
		return size, err
	}
	table, err := seekable.Table(at, size)
	if errors.Is(err, seekable.ErrNoTable) {
		var n counter
		err := b.copyDecoded(ctx, &n)
		return int64(n), err
	}
	return plainSize(table), err
}

type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Decode writes the whole blob, decrypted and decompressed, and checks the plain hash if the reference has one.
func (b *Blob) Decode(ctx context.Context, w io.Writer) error {
	if b.Ref.Encryption == nil || b.Ref.Encryption.PlainHash == nil {
		return b.copyDecoded(ctx, w)
	}
	plain := sha256.New()
	if err := b.copyDecoded(ctx, io.MultiWriter(w, plain)); err != nil {
		return err
	}
	if got := object.HashOf([32]byte(plain.Sum(nil))); got != *b.Ref.Encryption.PlainHash {
		return fmt.Errorf("%w: the plain bytes hash to %s, the reference says %s", kv.ErrCorrupt, got.Short(), b.Ref.Encryption.PlainHash.Short())
	}
	return nil
}

// decryptedAt returns the decrypted but still compressed bytes, for reading a part of them, and their number.
func (b *Blob) decryptedAt(ctx context.Context) (io.ReaderAt, int64, error) {
	at, size := b.At(ctx), int64(b.Ref.Size)
	if b.Ref.Encryption == nil {
		return at, size, nil
	}
	switch b.Ref.Encryption.Scheme {
	case object.EncryptAge:
		ids, err := b.identities()
		if err != nil {
			return nil, 0, err
		}
		r, n, err := age.DecryptReaderAt(at, size, ids.list...)
		return r, n, ids.also(keyError(err))
	case object.EncryptAESGCM:
		g, err := b.gcm()
		if err != nil {
			return nil, 0, err
		}
		return newGCMReaderAt(g, at, size)
	}
	return nil, 0, fmt.Errorf("%w: encryption scheme %d is not known here", ErrKey, b.Ref.Encryption.Scheme)
}

// decrypted returns the decrypted but still compressed bytes as a stream. The caller calls stop.
func (b *Blob) decrypted(ctx context.Context) (r io.Reader, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	if b.Ref.Encryption != nil && b.Ref.Encryption.Scheme != object.EncryptAge {
		at, size, err := b.decryptedAt(ctx)
		if err != nil {
			cancel()
			return nil, nil, err
		}
		return io.NewSectionReader(at, 0, size), cancel, nil
	}
	var ids *identities
	if b.Ref.Encryption != nil {
		if ids, err = b.identities(); err != nil {
			cancel()
			return nil, nil, err
		}
	}
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(b.Copy(ctx, pw)) }()
	stop = func() { cancel(); pr.Close() }
	if b.Ref.Encryption == nil {
		return pr, stop, nil
	}
	if r, err = age.Decrypt(pr, ids.list...); err != nil {
		stop()
		return nil, nil, ids.also(keyError(err))
	}
	return r, stop, nil
}

func keyError(err error) error {
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	return err
}

// copyDecoded writes the whole blob, decrypted and decoded.
func (b *Blob) copyDecoded(ctx context.Context, w io.Writer) error {
	r, stop, err := b.decrypted(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if b.Ref.Codec == object.CodecZstd {
		return seekable.Unpack(w, r)
	}
	_, err = io.CopyBuffer(onlyWriter{w}, onlyReader{r}, make([]byte, b.step()))
	return err
}

type onlyReader struct{ io.Reader }

// step is the number of bytes to decrypt at a time: a whole segment if that is the unit.
func (b *Blob) step() int {
	if b.ChunkSize > 0 && b.Ref.Encryption.Scheme == object.EncryptAESGCM {
		return b.ChunkSize - gcmTag
	}
	return 64 << 10
}

// Range writes n bytes from off on, decrypted and decompressed. A range beyond the end is an
// error that wraps ErrRange.
func (b *Blob) Range(ctx context.Context, off, n int64, w io.Writer) error {
	at, size, err := b.decryptedAt(ctx)
	if err != nil {
		return err
	}
	if b.Ref.Codec == object.CodecZstd {
		return b.rangeFrames(ctx, at, size, off, n, w)
	}
	if off > size || n > size-off {
		return fmt.Errorf("%w: %d bytes from %d of %d", ErrRange, n, off, size)
	}
	_, err = io.CopyBuffer(onlyWriter{w}, onlyReader{io.NewSectionReader(at, off, n)}, make([]byte, b.step()))
	return err
}
