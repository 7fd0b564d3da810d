package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/seekable"
)

// plain reports whether the stored bytes are the blob's bytes.
func (b *Blob) plain() bool { return b.ref.Encryption == nil && b.ref.Codec != object.CodecZstd }

// decryptedAt gives the blob's bytes before encryption, and their number, for
// reading a part of them.
func (b *Blob) decryptedAt(ctx context.Context) (io.ReaderAt, int64, error) {
	at, size := &storedAt{ctx: ctx, b: b}, int64(b.ref.Size)
	if b.ref.Encryption == nil {
		return at, size, nil
	}
	switch b.ref.Encryption.Scheme {
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
	return nil, 0, fmt.Errorf("%w: encryption scheme %d is not known here", ErrKey, b.ref.Encryption.Scheme)
}

// decrypted gives the blob's bytes before encryption from the first to the last.
// The caller closes stop.
func (b *Blob) decrypted(ctx context.Context) (r io.Reader, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	if b.ref.Encryption != nil && b.ref.Encryption.Scheme != object.EncryptAge {
		at, size, err := b.decryptedAt(ctx)
		if err != nil {
			cancel()
			return nil, nil, err
		}
		return io.NewSectionReader(at, 0, size), cancel, nil
	}
	var ids *identities
	if b.ref.Encryption != nil {
		if ids, err = b.identities(); err != nil {
			cancel()
			return nil, nil, err
		}
	}
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(b.copyStored(ctx, 0, int64(b.ref.Size), pw)) }()
	stop = func() { cancel(); pr.Close() }
	if b.ref.Encryption == nil {
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
	if b.ref.Codec == object.CodecZstd {
		return seekable.Unpack(w, r)
	}
	_, err = io.CopyBuffer(onlyWriter{w}, onlyReader{r}, make([]byte, b.step()))
	return err
}

type onlyReader struct{ io.Reader }

// step is how many bytes to decrypt at a time: a whole segment where that is the unit.
func (b *Blob) step() int {
	if b.tree != nil && b.ref.Encryption.Scheme == object.EncryptAESGCM {
		return int(b.tree.ChunkSize()) - gcmTag
	}
	return 64 << 10
}

// rangeDecoded serves a range of a compressed or encrypted blob.
func (b *Blob) rangeDecoded(ctx context.Context, off, n int64, w io.Writer) error {
	at, size, err := b.decryptedAt(ctx)
	if err != nil {
		return err
	}
	if b.ref.Codec == object.CodecZstd {
		return b.rangeFrames(ctx, at, size, off, n, w)
	}
	if off > size || n > size-off {
		return fmt.Errorf("%w: %d bytes from %d of %d", ErrRange, n, off, size)
	}
	_, err = io.CopyBuffer(onlyWriter{w}, onlyReader{io.NewSectionReader(at, off, n)}, make([]byte, b.step()))
	return err
}

// storedAt reads verified stored bytes anywhere. It keeps the chunk that it read last.
type storedAt struct {
	ctx   context.Context
	b     *Blob
	index uint64
	data  []byte
}

// ReadAt implements io.ReaderAt; not for concurrent use.
func (s *storedAt) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= int64(s.b.ref.Size) {
			return n, io.EOF
		}
		index, start := uint64(0), int64(0)
		if s.b.tree != nil {
			size := int64(s.b.tree.ChunkSize())
			index, start = uint64(at/size), at/size*size
		}
		if s.data == nil || s.index != index {
			data, err := s.b.Chunk(s.ctx, index)
			if err != nil {
				return n, err
			}
			s.index, s.data = index, data
		}
		if at-start >= int64(len(s.data)) {
			return n, fmt.Errorf("blob %s: %w: shorter than its reference says", s.b.ref.CID.Short(), ErrCorrupt)
		}
		n += copy(p[n:], s.data[at-start:])
	}
	return n, nil
}
