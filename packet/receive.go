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
	Trusted    func(object.AgentID) bool // whose packets are taken

	// Sealed leaves encrypted payloads alone, as one who has no key must: nothing
	// about the bundle is known then, and Seen must be nil.
	Sealed bool

	// Seen is asked whether a guard is new. Without it packets need no guard and
	// a guard is not looked at.
	Seen        Seen
	MaxValidity time.Duration // the farthest that a guard may expire from now; 0: 24 hours
	Now         func() object.Time

	// Validate judges the bundle, ir.Validate for one; nil: any is good.
	Validate func(payload []byte) error
}

// Received is a packet that passed every step.
type Received struct {
	Packet  *Packet
	Payload []byte           // the bundle's canonical bytes; nil of a sealed one
	Signers []object.AgentID // those that are trusted; all signatures verified
	Guard   *Guard           // nil when no guard was asked for
}

// Receive takes a packet through all steps of the package documentation, in their
// order, and stops at the first that fails, with that step's error.
func (r *Receiver) Receive(ctx context.Context, raw []byte) (*Received, error) {
	p, err := Parse(raw, r.Limits)
	if err != nil {
		return nil, err
	}
	return r.Take(ctx, p)
}

// Take is Receive for a packet whose framing was read before, by [Read].
func (r *Receiver) Take(ctx context.Context, p *Packet) (*Received, error) {
	cb, err := r.codebook(p.Header.Codebook)
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
	signers, err := p.Verify(r.Trusted)
	if err != nil {
		return nil, err
	}
	if err := r.negotiated(p); err != nil {
		return nil, err
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

func (r *Receiver) codebook(id object.Hash) (*Codebook, error) {
	if r.Codebooks != nil {
		return r.Codebooks.Find(id)
	}
	if id != BaselineID {
		return nil, fmt.Errorf("%w: %s: %w", ErrCodebook, id.Short(), errUnknown)
	}
	return nil, nil
}

// negotiated checks that one who signed the packet agreed on its codebook; that
// can only be told once the signatures are verified.
func (r *Receiver) negotiated(p *Packet) error {
	id := p.Header.Codebook
	if id == BaselineID {
		return nil
	}
	for _, e := range p.Signatures {
		if r.Codebooks.Good(id, e.Signer, r.now()) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s: there is no agreement in force with who signed the packet", ErrCodebook, id.Short())
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
		return nil, fmt.Errorf("%w: at %s", ErrExpired, g.Expires)
	case g.Expires > now.Add(valid):
		return nil, fmt.Errorf("%w: it expires at %s, more than %s from now", ErrGuard, g.Expires, valid)
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
