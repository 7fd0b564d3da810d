package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"github.com/klauspost/compress/zstd"

	"github.com/mythos-project/mythos/object"
)

// EncryptOptions say to whom a blob is encrypted.
type EncryptOptions struct {
	Recipients []string // age (age1...) or SSH Ed25519 public keys
	PlainHash  bool     // record the hash of the plain bytes in the reference
}

// OpenOptions say how an encrypted blob is decrypted.
type OpenOptions struct {
	Identities []string // texts of age identity files or SSH private keys
}

// stored is the stream of bytes to be stored, after codec and encryption.
type stored struct {
	io.Reader
	close func()
	plain hash.Hash // of the plain bytes, when asked for
}

// Close stops whatever produces the stream.
func (s *stored) Close() { s.close() }

// encodeStream compresses and then encrypts r, as asked. Both run in a goroutine
// behind a pipe, so that nothing is held.
func encodeStream(r io.Reader, o PutOptions) (*stored, error) {
	out := &stored{Reader: r, close: func() {}}
	if o.Encrypt != nil && o.Encrypt.PlainHash {
		out.plain = sha256.New()
		r = io.TeeReader(r, out.plain)
	}
	if o.Codec != object.CodecRaw && o.Codec != object.CodecZstd {
		return nil, fmt.Errorf("codec %d cannot be written (0 is raw, 1 is zstd)", o.Codec)
	}
	if o.Codec == object.CodecRaw && o.Encrypt == nil {
		out.Reader = r
		return out, nil
	}
	var recipients []age.Recipient
	if o.Encrypt != nil {
		var err error
		if recipients, err = parseRecipients(o.Encrypt.Recipients); err != nil {
			return nil, err
		}
	}
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(transform(pw, r, o.Codec, recipients)) }()
	out.Reader, out.close = pr, func() { pr.Close() }
	return out, nil
}

// transform writes r to w, compressed and encrypted.
func transform(w io.Writer, r io.Reader, codec uint8, recipients []age.Recipient) error {
	closers := make([]io.Closer, 0, 2)
	if len(recipients) > 0 {
		enc, err := age.Encrypt(w, recipients...)
		if err != nil {
			return err
		}
		closers, w = append(closers, enc), enc
	}
	if codec == object.CodecZstd {
		enc := newSeekableWriter(w)
		closers, w = append(closers, enc), enc
	}
	if _, err := io.Copy(w, r); err != nil {
		return err
	}
	for i := len(closers) - 1; i >= 0; i-- {
		if err := closers[i].Close(); err != nil {
			return err
		}
	}
	return nil
}

// encryption is the EncryptRef of what was stored.
func (s *stored) encryption(o PutOptions) (*object.EncryptRef, error) {
	if o.Encrypt == nil {
		return nil, nil
	}
	ref := &object.EncryptRef{Scheme: object.EncryptAge, KeyHandle: strings.Join(o.Encrypt.Recipients, " "), Nonce: []byte{}}
	if s.plain != nil {
		h := object.HashOf([32]byte(s.plain.Sum(nil)))
		ref.PlainHash = &h
	}
	return ref, nil
}

func parseRecipients(texts []string) ([]age.Recipient, error) {
	var list []age.Recipient
	for _, text := range texts {
		var r age.Recipient
		var err error
		if strings.HasPrefix(text, "ssh-") {
			r, err = agessh.ParseRecipient(text)
		} else {
			r, err = age.ParseX25519Recipient(text)
		}
		if err != nil {
			return nil, fmt.Errorf("recipient %q: %w", text, err)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("encryption needs a recipient")
	}
	return list, nil
}

func parseIdentities(texts []string) ([]age.Identity, error) {
	var list []age.Identity
	for _, text := range texts {
		if strings.Contains(text, "PRIVATE KEY") {
			id, err := agessh.ParseIdentity([]byte(text))
			if err != nil {
				return nil, fmt.Errorf("identity: %w", err)
			}
			list = append(list, id)
			continue
		}
		ids, err := age.ParseIdentities(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("identity: %w", err)
		}
		list = append(list, ids...)
	}
	return list, nil
}

// reader gives the decrypted and decoded bytes of the blob.
func (b *Blob) reader(ctx context.Context) (io.ReadCloser, error) {
	pr, pw := io.Pipe()
	go func() { pw.CloseWithError(b.copyStored(ctx, 0, int64(b.ref.Size), pw)) }()
	var r io.Reader = pr
	if b.ref.Encryption != nil {
		ids, err := parseIdentities(b.open.Identities)
		if err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return nil, fmt.Errorf("blob %s is encrypted to %s: an identity is needed", b.ref.CID.Short(), b.ref.Encryption.KeyHandle)
		}
		if r, err = age.Decrypt(pr, ids...); err != nil {
			return nil, fmt.Errorf("blob %s: %w", b.ref.CID.Short(), err)
		}
	}
	if b.ref.Codec == object.CodecZstd {
		dec, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(maxFrame), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return &decoded{dec, func() { dec.Close(); pr.Close() }}, nil
	}
	return &decoded{r, func() { pr.Close() }}, nil
}

type decoded struct {
	io.Reader
	close func()
}

// Close implements io.Closer.
func (d *decoded) Close() error {
	d.close()
	return nil
}

// rangeDecoded serves a range of a compressed or encrypted blob.
func (b *Blob) rangeDecoded(ctx context.Context, off, n int64, w io.Writer) error {
	if b.ref.Encryption == nil {
		return b.rangeFrames(ctx, off, n, w)
	}
	r, err := b.reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, off); err != nil {
		return fmt.Errorf("%w: %d bytes from %d", ErrRange, n, off)
	}
	if _, err := io.CopyN(w, r, n); err != nil {
		return fmt.Errorf("%w: %d bytes from %d", ErrRange, n, off)
	}
	return nil
}

// readStored returns a part of the stored bytes.
func (b *Blob) readStored(ctx context.Context, off, n int64) ([]byte, error) {
	var buf bytes.Buffer
	err := b.copyStored(ctx, off, n, &buf)
	return buf.Bytes(), err
}
