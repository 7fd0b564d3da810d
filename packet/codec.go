package packet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Encrypted is the payload of a packet with FlagEncrypted.
type Encrypted struct {
	Encrypt    object.EncryptRef `can:"1,encrypt"`
	Ciphertext []byte            `can:"2,ciphertext"`
}

// Check refuses any scheme but age, the only encryption to a peer [field-17].
func (e Encrypted) Check() error {
	if e.Encrypt.Scheme != object.EncryptAge {
		return fmt.Errorf("encryption scheme %d, a packet takes only %d (age)", e.Encrypt.Scheme, object.EncryptAge)
	}
	return nil
}

// Decode decrypts and decompresses the payload and checks that it is canonical.
// cb is the packet's codebook; identities are tried in turn and may be nil for a
// packet that is not encrypted. Errors wrap [ErrDecode].
func (p *Packet) Decode(cb *Codebook, identities []age.Identity, l Limits) ([]byte, error) {
	plain, err := p.decode(cb, identities, l.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDecode, err)
	}
	return plain, nil
}

func (p *Packet) decode(cb *Codebook, identities []age.Identity, l Limits) (data []byte, err error) {
	data = p.Payload
	if p.Header.Encrypted() {
		if data, err = decrypt(data, identities); err != nil {
			return nil, err
		}
	}
	if p.Header.Codec == CodecZstd {
		if data, err = decompress(data, cb, l.MaxPlain); err != nil {
			return nil, err
		}
	}
	if len(data) > l.MaxPlain {
		return nil, fmt.Errorf("%d bytes, at most %d are accepted", len(data), l.MaxPlain)
	}
	return data, can.Validate(data)
}

func decrypt(data []byte, identities []age.Identity) ([]byte, error) {
	e, err := object.Decode[Encrypted](data)
	if err != nil {
		return nil, err
	}
	if len(identities) == 0 {
		return nil, errors.New("the payload is encrypted and there is no key to decrypt it with")
	}
	r, err := age.Decrypt(bytes.NewReader(e.Ciphertext), identities...)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	plain, err := io.ReadAll(r) // never longer than the ciphertext
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	if want := e.Encrypt.PlainHash; want != nil && *want != object.Sum(plain) {
		return nil, errors.New("decrypt: the plain bytes have another hash than announced")
	}
	return plain, nil
}

func encrypt(data []byte, recipients []age.Recipient) ([]byte, error) {
	var buf bytes.Buffer
	w, err := age.Encrypt(&buf, recipients...)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return can.Marshal(&Encrypted{
		Encrypt:    object.EncryptRef{Scheme: object.EncryptAge, KeyHandle: "age", Nonce: []byte{}},
		Ciphertext: buf.Bytes(),
	})
}

// decompress reads a zstd frame within the limit. It refuses a frame whose announced size is too large before it
// decompresses anything; frames of this package always announce their size. Any other frame is stopped at the limit.
// Nothing may follow the frame.
func decompress(data []byte, cb *Codebook, limit int) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(data); err != nil {
		return nil, fmt.Errorf("zstd header: %w", err)
	}
	switch {
	case h.Skippable:
		return nil, errors.New("the payload starts with a zstd frame to be skipped")
	case !h.HasFCS:
		return decompressUnsized(data, cb, limit)
	case h.FrameContentSize > uint64(limit):
		return nil, fmt.Errorf("%d bytes once decompressed, at most %d are accepted", h.FrameContentSize, limit)
	}
	c := codersOf(cb)
	d, err := c.decoder(cb)
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	defer c.decoders.Put(d)
	plain, err := d.DecodeAll(data, make([]byte, 0, h.FrameContentSize))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	if uint64(len(plain)) != h.FrameContentSize {
		return nil, errors.New("zstd: the content is shorter than announced")
	}
	return plain, nil
}

// decompressUnsized reads a frame without an announced size. The buffer grows with the content, up to the limit.
func decompressUnsized(data []byte, cb *Codebook, limit int) ([]byte, error) {
	opts := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(limit))}
	if cb != nil && len(cb.Dictionary) > 0 {
		opts = append(opts, zstd.WithDecoderDicts(cb.Dictionary))
	}
	d, err := zstd.NewReader(nil, opts...)
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	defer d.Close()
	plain, err := d.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	return plain, nil
}

// coders are idle encoders and decoders of one dictionary; making one is expensive.
type coders struct {
	encoders, decoders sync.Pool
	id                 object.Hash // of the codebook, if already computed
}

// plainCoders have no dictionary.
var plainCoders coders

// codersOf returns the coders of a codebook. A codebook that is used only once has none to keep.
func codersOf(cb *Codebook) *coders {
	switch {
	case cb == nil || len(cb.Dictionary) == 0:
		return &plainCoders
	case cb.coders == nil:
		return &coders{}
	}
	return cb.coders
}

// decoder returns a decoder that never writes beyond the capacity of its output buffer.
func (c *coders) decoder(cb *Codebook) (*zstd.Decoder, error) {
	if d, ok := c.decoders.Get().(*zstd.Decoder); ok {
		return d, nil
	}
	opts := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderLowmem(true)}
	if c != &plainCoders {
		opts = append(opts, zstd.WithDecoderDicts(cb.Dictionary))
	}
	return zstd.NewReader(nil, opts...)
}

func (c *coders) encoder(cb *Codebook) (*zstd.Encoder, error) {
	if e, ok := c.encoders.Get().(*zstd.Encoder); ok {
		return e, nil
	}
	opts := []zstd.EOption{zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithSingleSegment(true)}
	if c != &plainCoders {
		opts = append(opts, zstd.WithEncoderDict(cb.Dictionary))
	}
	return zstd.NewWriter(nil, opts...)
}

func compress(data []byte, cb *Codebook) ([]byte, error) {
	c := codersOf(cb)
	e, err := c.encoder(cb)
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	defer c.encoders.Put(e)
	return e.EncodeAll(data, nil), nil
}
