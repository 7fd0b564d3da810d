package packet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

const (
	magic      = "MYTH"
	headerSize = 46 // bytes before the payload
)

// Version of the framing.
const Version uint16 = 2

// FlagEncrypted says that the payload is encrypted. No other flag exists.
const FlagEncrypted uint16 = 1

// Codecs of a payload.
const (
	CodecCAN  uint8 = 1 // the bundle's canonical bytes
	CodecZstd uint8 = 2 // one zstd frame of them
)

// Header is the part before the payload.
type Header struct {
	Flags      uint16 // FlagEncrypted or 0
	Codec      uint8  // CodecCAN or CodecZstd
	Codebook   object.Hash
	PayloadLen uint32 // bytes of the payload as framed
}

// Encrypted reports whether the payload is encrypted.
func (h Header) Encrypted() bool { return h.Flags&FlagEncrypted != 0 }

// Limits bound what a receiver accepts. The zero value of a field means its default.
type Limits struct {
	MaxPayload    int // bytes of the payload as framed; default 16 MiB
	MaxPlain      int // bytes of the payload once decoded; default 16 MiB
	MaxSignatures int // default 16
}

// maxEntry exceeds the size of any signature entry without unknown fields, hint included.
const maxEntry = 1024

func (l Limits) withDefaults() Limits {
	if l.MaxPayload <= 0 {
		l.MaxPayload = 16 << 20
	}
	if l.MaxPlain <= 0 {
		l.MaxPlain = 16 << 20
	}
	if l.MaxSignatures <= 0 {
		l.MaxSignatures = 16
	}
	return l
}

func (l Limits) maxSigBlock() int { return 16 + l.MaxSignatures*maxEntry }

// SigBlockEntry is one signature over a packet.
type SigBlockEntry struct {
	Signer object.AgentID `can:"1,signer"`
	SigAlg uint8          `can:"2,sig_alg"` // 1 Ed25519
	Sig    [64]byte       `can:"3,sig_bytes"`
}

// Check refuses any algorithm but Ed25519 [field-9].
func (e SigBlockEntry) Check() error {
	if e.SigAlg != object.Ed25519 {
		return fmt.Errorf("signature algorithm %d is not known (1 is Ed25519)", e.SigAlg)
	}
	return nil
}

// Packet is a packet whose framing is sound. Nothing else is known of it until it is verified.
type Packet struct {
	Header     Header
	Payload    []byte          // as framed: compressed, encrypted
	Signatures []SigBlockEntry // at most one for each signer; not yet verified
	Raw        []byte          // the whole packet

	signed []byte // the bytes that the signatures cover
}

// ID is the hash of the packet's bytes. Signatures are part of it.
func (p *Packet) ID() object.Hash { return object.Sum(p.Raw) }

// Parse reads exactly one packet. Errors wrap [ErrFraming]. The packet refers to
// raw, which must not be changed afterwards.
func Parse(raw []byte, l Limits) (*Packet, error) {
	l = l.withDefaults()
	h, err := parseHeader(raw, l)
	if err != nil {
		return nil, err
	}
	rest := raw[headerSize:]
	if uint64(len(rest)) < uint64(h.PayloadLen)+4 {
		return nil, fmt.Errorf("%w: it ends inside the payload: %d bytes announced, %d left", ErrFraming, h.PayloadLen, len(rest))
	}
	end := headerSize + int(h.PayloadLen)
	n, err := sigBlockLen(raw[end:end+4], l)
	if err != nil {
		return nil, err
	}
	block := raw[end+4:]
	if len(block) != n {
		return nil, fmt.Errorf("%w: a signature block of %d bytes announced, %d left", ErrFraming, n, len(block))
	}
	entries, err := parseSigBlock(block, l)
	if err != nil {
		return nil, err
	}
	return &Packet{Header: h, Payload: raw[headerSize:end:end], Signatures: entries, Raw: raw, signed: raw[:end:end]}, nil
}

func parseHeader(raw []byte, l Limits) (h Header, err error) {
	switch {
	case len(raw) < headerSize:
		return h, fmt.Errorf("%w: %d bytes, the header alone has %d", ErrFraming, len(raw), headerSize)
	case string(raw[:4]) != magic:
		return h, fmt.Errorf("%w: it does not start with %q", ErrFraming, magic)
	}
	version := binary.BigEndian.Uint16(raw[4:])
	h = Header{
		Flags:      binary.BigEndian.Uint16(raw[6:]),
		Codec:      raw[8],
		Codebook:   object.Hash{Alg: raw[9], Sum: [32]byte(raw[10:42])},
		PayloadLen: binary.BigEndian.Uint32(raw[42:]),
	}
	switch {
	case version != Version:
		return h, fmt.Errorf("%w: version %d, this is version %d", ErrFraming, version, Version)
	case h.Flags&^FlagEncrypted != 0:
		return h, fmt.Errorf("%w: unknown flags %#04x", ErrFraming, h.Flags&^FlagEncrypted)
	case h.Codec != CodecCAN && h.Codec != CodecZstd:
		return h, fmt.Errorf("%w: codec %d is not known", ErrFraming, h.Codec)
	case uint64(h.PayloadLen) > uint64(l.MaxPayload):
		return h, fmt.Errorf("%w: a payload of %d bytes, at most %d are accepted", ErrFraming, h.PayloadLen, l.MaxPayload)
	}
	if err := h.Codebook.Check(); err != nil {
		return h, fmt.Errorf("%w: codebook: %w", ErrFraming, err)
	}
	return h, nil
}

func sigBlockLen(b []byte, l Limits) (int, error) {
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(l.maxSigBlock()) {
		return 0, fmt.Errorf("%w: a signature block of %d bytes, at most %d are accepted", ErrFraming, n, l.maxSigBlock())
	}
	return int(n), nil
}

func parseSigBlock(block []byte, l Limits) ([]SigBlockEntry, error) {
	var entries []SigBlockEntry
	if err := can.Unmarshal(block, &entries); err != nil {
		return nil, fmt.Errorf("%w: signature block: %w", ErrFraming, err)
	}
	if len(entries) > l.MaxSignatures {
		return nil, fmt.Errorf("%w: %d signatures, at most %d are accepted", ErrFraming, len(entries), l.MaxSignatures)
	}
	for i := range entries {
		if err := errors.Join(entries[i].Check(), entries[i].Signer.Check()); err != nil {
			return nil, fmt.Errorf("%w: signature %d: %w", ErrFraming, i, err)
		}
		entries[i].Signer = entries[i].Signer.Bare()
		for _, earlier := range entries[:i] {
			if earlier.Signer == entries[i].Signer {
				return nil, fmt.Errorf("%w: two signatures by %s", ErrFraming, earlier.Signer)
			}
		}
	}
	return entries, nil
}

// Read reads one packet from a stream and leaves what follows it. At the end of the stream it returns io.EOF; otherwise
// framing errors wrap [ErrFraming] and those of r are passed on. Memory grows with the bytes that arrive, not with
// announced lengths.
func Read(r io.Reader, l Limits) (*Packet, error) {
	l = l.withDefaults()
	var buf bytes.Buffer
	if err := readN(&buf, r, headerSize); err != nil {
		if buf.Len() == 0 && errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, io.EOF
		}
		return nil, err
	}
	h, err := parseHeader(buf.Bytes(), l)
	if err != nil {
		return nil, err
	}
	if err := readN(&buf, r, int64(h.PayloadLen)+4); err != nil {
		return nil, err
	}
	n, err := sigBlockLen(buf.Bytes()[buf.Len()-4:], l)
	if err != nil {
		return nil, err
	}
	if err := readN(&buf, r, int64(n)); err != nil {
		return nil, err
	}
	return Parse(buf.Bytes(), l)
}

func readN(buf *bytes.Buffer, r io.Reader, n int64) error {
	got, err := io.CopyN(buf, r, n)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w after %d of %d bytes", ErrFraming, io.ErrUnexpectedEOF, got, n)
	}
	return err
}
