package packet

import (
	"context"
	"fmt"
	"time"

	"filippo.io/age"

	"github.com/mythos-project/mythos/object"
)

// Receiver takes packets from anyone. File, pipe and network share it.
type Receiver struct {
	Limits     Limits
	Codebooks  *Registry                 // nil: only the baseline
	Identities []age.Identity            // to decrypt with
	Trusted    func(object.AgentID) bool // decides whose packets are accepted

	// Verified is called once the signatures hold and a signer is trusted, before anything of the packet is decoded.
	// Use it to find Codebooks and Identities, and to wait for memory. An error refuses the packet. It may be nil.
	Verified func(ctx context.Context, p *Packet) error

	// Sealed leaves encrypted payloads alone, for a receiver without the key. Nothing about the bundle is known then,
	// and Seen must be nil.
	Sealed bool

	// Seen reports whether a guard is new. If it is nil, packets need no guard and guards are ignored.
	Seen        Seen
	MaxValidity time.Duration // how far from now a guard may expire; 0: 24 hours
	Now         func() object.Time

	// Validate judges the bundle, for example ir.Validate; nil accepts any bundle.
	Validate func(payload []byte) error
}

// Received is a packet that passed every step.
type Received struct {
	Packet  *Packet
	Payload []byte           // the bundle's canonical bytes; nil if sealed
	Signers []object.AgentID // the trusted signers; all signatures are verified
	Guard   *Guard           // nil if no guard was asked for
}

// Receive takes a packet through all steps of the package documentation in their order. It stops at the first step that
// fails, with that step's error.
func (r *Receiver) Receive(ctx context.Context, raw []byte) (*Received, error) {
	p, err := Parse(raw, r.Limits)
	if err != nil {
		return nil, err
	}
	return r.Take(ctx, p)
}

// Take is Receive for a packet that [Read] has framed. Signatures and trust come first: signatures cover the framed
// bytes, and until they hold nothing is decrypted, decompressed or decoded.
func (r *Receiver) Take(ctx context.Context, p *Packet) (*Received, error) {
	signers, err := p.Verify(r.Trusted)
	if err != nil {
		return nil, err
	}
	if r.Verified != nil {
		if err := r.Verified(ctx, p); err != nil {
			return nil, err
		}
	}
	cb, err := r.codebook(p)
	if err != nil {
		return nil, err
	}
	sealed := r.Sealed && p.Header.Encrypted()
	var payload []byte
	if !sealed {
		if payload, err = p.Decode(cb, r.Identities, r.Limits); err != nil {
			return nil, err
		}
	}
	if r.Validate != nil && !sealed {
		if err := r.Validate(payload); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPayload, err)
		}
	}
	got := &Received{Packet: p, Payload: payload, Signers: signers}
	if r.Seen != nil {
		if got.Guard, err = r.guard(ctx, p, payload); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// codebook returns the packet's codebook: the baseline, or one agreed on with a signer of the packet.
func (r *Receiver) codebook(p *Packet) (*Codebook, error) {
	id := p.Header.Codebook
	if r.Codebooks == nil {
		if id != BaselineID {
			return nil, fmt.Errorf("%w: %s: %w", ErrCodebook, id.Short(), errUnknown)
		}
		return nil, nil
	}
	cb, err := r.Codebooks.Find(id)
	if err != nil || id == BaselineID {
		return cb, err
	}
	for _, e := range p.Signatures {
		if r.Codebooks.Good(id, e.Signer, r.now()) {
			return cb, nil
		}
	}
	return nil, fmt.Errorf("%w: %s: there is no agreement in force with who signed the packet", ErrCodebook, id.Short())
}

func (r *Receiver) now() object.Time {
	if r.Now == nil {
		return 0
	}
	return r.Now()
}

func (r *Receiver) guard(ctx context.Context, p *Packet, payload []byte) (*Guard, error) {
	g, err := GuardOf(payload)
	if err != nil {
		return nil, err
	}
	valid := r.MaxValidity
	if valid <= 0 {
		valid = 24 * time.Hour
	}
	now := r.now()
	switch {
	case !p.SignedBy(g.Author):
		return nil, fmt.Errorf("%w: its author %s has not signed the packet", ErrGuard, g.Author)
	case now >= g.Expires:
		return nil, fmt.Errorf("%w: at %s, and now it is %s", ErrExpired, g.Expires, now)
	case g.Expires > now.Add(valid):
		return nil, fmt.Errorf("%w: it expires at %s, and now it is %s: more than %s away", ErrGuard, g.Expires, now, valid)
	}
	fresh, err := r.Seen(ctx, g.Key(), g.Expires)
	if err != nil {
		return nil, fmt.Errorf("replay guard: %w", err)
	}
	if !fresh {
		return nil, fmt.Errorf("%w: nonce %x of %s", ErrReplay, g.Nonce, g.Author)
	}
	return &g, nil
}
