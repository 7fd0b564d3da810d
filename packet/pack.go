package packet

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"filippo.io/age"
	"filippo.io/age/agessh"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Options say how a payload is packed.
type Options struct {
	Codec    uint8           // CodecCAN (also for 0) or CodecZstd
	Codebook *Codebook       // nil: the baseline
	Signers  []sign.Signer   // each signs once; at least one
	Encrypt  []age.Recipient // none: not encrypted
}

// Pack frames, compresses, encrypts and signs a bundle's canonical bytes.
func Pack(o Options, payload []byte) ([]byte, error) {
	if err := can.Validate(payload); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if len(o.Signers) == 0 {
		return nil, errors.New("pack: a packet needs a signer")
	}
	signed, err := frame(o, payload)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	entries := make([]SigBlockEntry, len(o.Signers))
	for i, s := range o.Signers {
		sig, err := s.Sign(signed)
		if err != nil {
			return nil, fmt.Errorf("pack: signer %d: %w", i, err)
		}
		entries[i] = SigBlockEntry{Signer: s.Agent().Bare(), SigAlg: object.Ed25519, Sig: sig}
	}
	return appendSigBlock(signed, entries)
}

// frame returns the bytes to sign.
func frame(o Options, payload []byte) (raw []byte, err error) {
	h := Header{Codec: CodecCAN, Codebook: BaselineID}
	if o.Codec != 0 {
		h.Codec = o.Codec
	}
	if o.Codebook != nil {
		if h.Codebook, err = o.Codebook.framedID(); err != nil {
			return nil, err
		}
	}
	switch h.Codec {
	case CodecCAN:
	case CodecZstd:
		payload, err = compress(payload, o.Codebook)
	default:
		err = fmt.Errorf("codec %d is not known", h.Codec)
	}
	if err == nil && len(o.Encrypt) > 0 {
		h.Flags = FlagEncrypted
		payload, err = encrypt(payload, o.Encrypt)
	}
	if err != nil {
		return nil, err
	}
	if len(payload) > math.MaxUint32 {
		return nil, fmt.Errorf("a payload of %d bytes does not fit a packet", len(payload))
	}
	h.PayloadLen = uint32(len(payload))
	return append(h.append(make([]byte, 0, headerSize+len(payload)+256)), payload...), nil
}

func (h Header) append(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = binary.BigEndian.AppendUint16(dst, Version)
	dst = binary.BigEndian.AppendUint16(dst, h.Flags)
	dst = append(dst, h.Codec, h.Codebook.Alg)
	dst = append(dst, h.Codebook.Sum[:]...)
	return binary.BigEndian.AppendUint32(dst, h.PayloadLen)
}

func appendSigBlock(signed []byte, entries []SigBlockEntry) ([]byte, error) {
	block, err := can.Marshal(entries)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint32(signed, uint32(len(block))), block...), nil
}

// Countersign adds a signature to a packet. The existing signatures must verify.
func (p *Packet) Countersign(s sign.Signer) ([]byte, error) {
	if err := p.VerifySignatures(); err != nil {
		return nil, err
	}
	if p.SignedBy(s.Agent()) {
		return p.Raw, nil
	}
	sig, err := s.Sign(p.signed)
	if err != nil {
		return nil, fmt.Errorf("countersign: %w", err)
	}
	entries := append(p.Signatures[:len(p.Signatures):len(p.Signatures)], SigBlockEntry{s.Agent().Bare(), object.Ed25519, sig})
	return appendSigBlock(p.signed, entries) // signed is clipped: this copies
}

// Recipient turns an agent's Ed25519 key into a recipient of encrypted packets.
func Recipient(agent object.AgentID) (age.Recipient, error) {
	if err := agent.Check(); err != nil {
		return nil, err
	}
	const name = "ssh-ed25519"
	blob := append(binary.BigEndian.AppendUint32(nil, uint32(len(name))), name...)
	blob = append(binary.BigEndian.AppendUint32(blob, 32), agent.Key[:]...)
	r, err := agessh.ParseRecipient(name + " " + base64.StdEncoding.EncodeToString(blob))
	if err != nil {
		return nil, fmt.Errorf("recipient %s: %w", agent, err)
	}
	return r, nil
}

// Identity turns an Ed25519 seed into the identity that decrypts packets for its [Recipient].
func Identity(seed [32]byte) (age.Identity, error) {
	return agessh.NewEd25519Identity(ed25519.NewKeyFromSeed(seed[:]))
}
