package codebook

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/keyfile"
	"github.com/mythos-project/mythos/internal/lookup"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/kv"
)

// Keys of proposals and agreements. An accepted agreement is also an object, and so is its codebook. The codebook of a
// proposal from elsewhere is stored only as long as the proposal, because objects stay forever.
const (
	agreementKeys    = kv.Agreements         // CODEBOOK/AGREEMENT: canonical CodebookAgreement
	offeredKeys      = kv.OfferedCodebooks   // AGREEMENT: canonical Codebook of a proposal
	withdrawnKeys    = kv.WithdrawnCodebooks // AGREEMENT: expiry; it is not accepted from a network again
	codebooksChanged = kv.CodebooksChanged   // changes with every change of the above
)

// kindAgreement is the kind of an agreement as an object.
const kindAgreement = "CodebookAgreement"

// Bounds of unexpired entries.
const (
	maxAgreements = 64 // proposals and agreements
	maxProposals  = 8  // of one proposer, not accepted
)

// Agreement is a stored proposal or agreement about a codebook.
type Agreement struct {
	packet.CodebookAgreement
	Raw []byte // canonical
}

// InForce reports whether both sides have signed it and it has not expired.
func (a *Agreement) InForce(now object.Time) bool { return a.Accepted() && now < a.ExpiresAt }

func (a *Agreement) key() string {
	return agreementKeys + a.CodebookID.String() + "/" + a.AgreementID.String()
}

// Agreements calls fn for every stored proposal and agreement, expired ones included, ascending by codebook.
func (c *Codebooks) Agreements(ctx context.Context, fn func(Agreement) error) error {
	return c.scanAgreements(ctx, agreementKeys, fn)
}

func (c *Codebooks) agreements(ctx context.Context, codebook object.Hash, fn func(Agreement) error) error {
	return c.scanAgreements(ctx, agreementKeys+codebook.String()+"/", fn)
}

func (c *Codebooks) scanAgreements(ctx context.Context, prefix string, fn func(Agreement) error) error {
	return c.DB.Scan(ctx, prefix, kv.End(prefix), func(key string, raw []byte) error {
		raw = bytes.Clone(raw)
		a, err := object.Decode[packet.CodebookAgreement](raw)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", key, store.ErrCorrupt, err)
		}
		return fn(Agreement{*a, raw})
	})
}

// Agreement finds a proposal or an agreement by its id. The error wraps store.ErrNotFound.
func (c *Codebooks) Agreement(ctx context.Context, id object.Hash) (found *Agreement, err error) {
	err = c.Agreements(ctx, func(a Agreement) error {
		if a.AgreementID == id {
			found = &a
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("codebook agreement %s: %w", id.Short(), store.ErrNotFound)
	}
	return found, err
}

// ResolveAgreement finds the agreement with a whole id or a unique prefix of 6 or more hex digits. The error wraps
// store.ErrNotFound.
func (c *Codebooks) ResolveAgreement(ctx context.Context, text string) (object.Hash, error) {
	prefix := strings.ToLower(strings.TrimPrefix(text, "sha256:"))
	missing := fmt.Errorf("codebook agreement %s: %w", text, store.ErrNotFound)
	if len(prefix) < store.MinPrefix {
		return object.Hash{}, missing
	}
	var found []object.Hash
	err := c.Agreements(ctx, func(a Agreement) error {
		if strings.HasPrefix(a.AgreementID.String(), prefix) {
			found = append(found, a.AgreementID)
		}
		return nil
	})
	if err != nil {
		return object.Hash{}, err
	}
	return lookup.One(prefix, found, missing)
}

// Propose returns the offer of a codebook to a peer: an earlier, unexpired proposal, or a new one that is valid for
// ttl.
func (c *Codebooks) Propose(ctx context.Context, id object.Hash, to object.AgentID, ttl time.Duration) ([]byte, error) {
	if to.Same(c.ID.Self()) {
		return nil, fmt.Errorf("%w: an agreement with oneself", packet.ErrCodebook)
	}
	cb, err := c.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	var standing *Agreement
	err = c.agreements(ctx, id, func(a Agreement) error {
		if a.Proposer.Same(c.ID.Self()) && a.Accepter.Same(to) && c.ID.Now() < a.ExpiresAt {
			standing = &a
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if standing != nil {
		return c.offer(ctx, standing)
	}
	raw, err := packet.Propose(c.ID.Key, cb, to, c.ID.Now().Add(ttl))
	if err != nil {
		return nil, err
	}
	a, err := packet.OpenAgreement(raw, cb, c.ID.Now())
	if err != nil {
		return nil, err
	}
	fresh := &Agreement{*a, raw}
	if err := c.keepAgreement(ctx, fresh, cb); err != nil {
		return nil, err
	}
	return c.offer(ctx, fresh)
}

// offer is the transferable form of a stored agreement.
func (c *Codebooks) offer(ctx context.Context, a *Agreement) ([]byte, error) {
	raw, offered, err := c.DB.Get(ctx, offeredKeys+a.AgreementID.String())
	if err == nil && !offered {
		raw, err = objects.Load(ctx, c.Store, KindCodebook, a.CodebookID)
	}
	if err != nil {
		return nil, err
	}
	return can.Marshal(&packet.CodebookOffer{Agreement: a.Raw, Codebook: raw})
}

// Accept accepts a stored proposal and returns the offer for the proposer. Errors wrap packet.ErrCodebook or
// store.ErrNotFound.
func (c *Codebooks) Accept(ctx context.Context, id object.Hash) ([]byte, *Agreement, error) {
	a, err := c.Agreement(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	offer, err := c.offer(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return c.TakeOffer(ctx, offer, true)
}

// TakeOffer stores the content of an offer: a proposal to us, which accept signs, or an agreement with us that both
// sides signed. It returns the resulting offer for the other side. It believes only what is signed; errors wrap
// packet.ErrCodebook.
func (c *Codebooks) TakeOffer(ctx context.Context, raw []byte, accept bool) ([]byte, *Agreement, error) {
	o, signed, cb, err := packet.OpenOffer(raw, c.ID.Now())
	if err != nil {
		return nil, nil, err
	}
	if _, err := signed.Other(c.ID.Self()); err != nil {
		return nil, nil, err
	}
	a := &Agreement{*signed, o.Agreement}
	known, err := c.Agreement(ctx, a.AgreementID)
	switch {
	case err == nil && known.Accepted():
		raw, err := c.offer(ctx, known)
		return raw, known, err
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return nil, nil, err
	}
	if accept && !a.Accepted() && a.Accepter.Same(c.ID.Self()) {
		if a, err = c.accept(a, cb); err != nil {
			return nil, nil, err
		}
	}
	if err := c.keepAgreement(ctx, a, cb); err != nil {
		return nil, nil, err
	}
	out, err := c.offer(ctx, a)
	return out, a, err
}

func (c *Codebooks) accept(a *Agreement, cb *packet.Codebook) (*Agreement, error) {
	raw, err := packet.Accept(c.ID.Key, a.Raw, cb, c.ID.Now())
	if err != nil {
		return nil, err
	}
	both, err := packet.OpenAgreement(raw, cb, c.ID.Now())
	if err != nil {
		return nil, err
	}
	return &Agreement{*both, raw}, nil
}

// OfferFrom is TakeOffer for an offer from a network: the other side must be trusted for packets (packet.ErrUntrusted),
// and agreements withdrawn here stay withdrawn.
func (c *Codebooks) OfferFrom(ctx context.Context, raw []byte, accept bool) ([]byte, *Agreement, error) {
	a, err := packet.OfferedBy(raw, c.ID.Now()) // before the codebook is read
	if err != nil {
		return nil, nil, err
	}
	other, err := a.Other(c.ID.Self())
	if err != nil {
		return nil, nil, err
	}
	if !c.ID.Trust.Trusted(other, keyfile.ForPacket, c.ID.Now()) {
		return nil, nil, fmt.Errorf("%w: the codebook is offered by %s", packet.ErrUntrusted, other)
	}
	if _, gone, err := c.DB.Get(ctx, withdrawnKeys+a.AgreementID.String()); err != nil || gone {
		return nil, nil, errors.Join(err, fmt.Errorf("%w: the agreement %s was withdrawn", packet.ErrCodebook, a.AgreementID.Short()))
	}
	return c.TakeOffer(ctx, raw, accept)
}

// keepAgreement stores a checked proposal or agreement. It removes expired ones for room.
func (c *Codebooks) keepAgreement(ctx context.Context, a *Agreement, cb *packet.Codebook) error {
	put, err := c.makeRoom(ctx, a)
	if err != nil {
		return err
	}
	id := a.AgreementID.String()
	put[a.key()], put[withdrawnKeys+id] = a.Raw, nil
	if !a.Accepted() && a.Accepter.Same(c.ID.Self()) {
		if put[offeredKeys+id], err = can.Marshal(cb); err != nil {
			return err
		}
		return c.changeAgreements(ctx, put)
	}
	put[offeredKeys+id] = nil
	if _, err := c.Put(ctx, cb); err != nil {
		return err
	}
	if a.Accepted() {
		if err := objects.Put(ctx, c.Store, kindAgreement, a.AgreementID, a.Raw); err != nil {
			return err
		}
	}
	return c.changeAgreements(ctx, put)
}

// makeRoom lists expired entries for removal, and refuses a new entry if there are too many.
func (c *Codebooks) makeRoom(ctx context.Context, a *Agreement) (put map[string][]byte, err error) {
	put = map[string][]byte{}
	kept, proposals := 0, 0
	err = c.Agreements(ctx, func(old Agreement) error {
		switch {
		case old.AgreementID == a.AgreementID:
		case c.ID.Now() >= old.ExpiresAt:
			put[old.key()], put[offeredKeys+old.AgreementID.String()] = nil, nil
		default:
			kept++
			if !old.Accepted() && old.Proposer.Same(a.Proposer) {
				proposals++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if kept >= maxAgreements || (proposals >= maxProposals && !a.Accepted()) {
		return nil, fmt.Errorf("%w: %d agreements and proposals are kept here, %d of them open proposals of %s; at most %d and %d are",
			packet.ErrCodebook, kept, proposals, a.Proposer, maxAgreements, maxProposals)
	}
	err = c.DB.Scan(ctx, withdrawnKeys, kv.End(withdrawnKeys), func(key string, until []byte) error {
		if len(until) != 8 || c.ID.Now() >= object.Time(binary.BigEndian.Uint64(until)) {
			put[key] = nil
		}
		return nil
	})
	return put, err
}

// RemoveAgreement deletes a proposal or an agreement: packets with its codebook are refused from then on. The error
// wraps store.ErrNotFound.
func (c *Codebooks) RemoveAgreement(ctx context.Context, id object.Hash) error {
	a, err := c.Agreement(ctx, id)
	if err != nil {
		return err
	}
	return c.changeAgreements(ctx, map[string][]byte{
		a.key(): nil, offeredKeys + id.String(): nil,
		withdrawnKeys + id.String(): binary.BigEndian.AppendUint64(nil, uint64(a.ExpiresAt)),
	})
}

// changeAgreements makes every process with agreements in memory read them again.
func (c *Codebooks) changeAgreements(ctx context.Context, put map[string][]byte) error {
	put[codebooksChanged] = []byte(rand.Text())
	_, err := c.DB.Update(ctx, nil, put)
	return err
}
