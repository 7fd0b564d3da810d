// Package codebooks agrees on codebooks with peers (spec/wire.md#peers):
//
//	POST /v1/codebooks   an offer of a codebook in, the offer as it now stands out
package codebooks

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/packet"
)

// Service receives offers of codebooks.
type Service struct {
	Repo *repo.Repo

	// Accept accepts every codebook that a trusted agent proposes; otherwise proposals wait
	// for `mythos codebook accept`.
	Accept bool

	// RequireCap requires a blob.write capability for each offer.
	RequireCap bool

	door peer.Door
}

// Routes implements peer.Service.
func (s *Service) Routes(d peer.Door) []peer.Route {
	s.door = d
	return []peer.Route{{Pattern: "POST /v1/codebooks", Body: true, Serve: s.codebooks}}
}

// codebooks receives a proposal of a codebook, or an agreement about one, and answers with the present state of the
// offer here. The request is authorized by the signature in it, of an agent that is trusted for packets, and with
// RequireCap also by a capability; with Accept, a proposal is signed at once.
func (s *Service) codebooks(w http.ResponseWriter, r *http.Request) {
	raw, release, err := s.door.Unproven(w, r, packet.MaxOffer)
	if err != nil {
		s.door.RefuseBody(w, r, err)
		return
	}
	defer release()
	giveBack := func(context.Context) error { return nil }
	if s.RequireCap {
		if giveBack, err = s.chargeOffer(r, raw); err != nil {
			s.door.RefuseAs(w, r, peer.StatusOf(err), err)
			return
		}
	}
	out, a, err := s.Repo.Codebooks.OfferFrom(r.Context(), raw, s.Accept)
	if err != nil {
		s.door.RefuseAs(w, r, peer.PacketStatus(err), errors.Join(err, giveBack(context.WithoutCancel(r.Context()))))
		return
	}
	s.door.Log().Info("codebook", "codebook", a.CodebookID.Short(), "proposer", a.Proposer.KeyHex()[:12], "accepted", a.Accepted())
	w.Header().Set("Content-Type", "application/mythos-can")
	_, _ = w.Write(out)
}

// chargeOffer charges the bytes of an offer to the blob.write capability that a signed request shows. giveBack undoes
// that.
func (s *Service) chargeOffer(r *http.Request, raw []byte) (giveBack func(context.Context) error, err error) {
	if r.Header.Get(auth.HeaderDigest) != auth.DigestOf(raw) {
		return nil, fmt.Errorf("%w: a codebook needs a signed request that shows a blob.write capability for %s", auth.ErrUnauthorized, peer.MediaObjects)
	}
	by, use, err := s.door.MayWrite(r)
	if err != nil {
		return nil, err
	}
	use.Media = peer.MediaObjects
	if err := s.Repo.Verifier.Authorize(by.Chain, by.Agent, use, s.Repo.Now()); err != nil {
		return nil, err
	}
	cost := []scope.Amount{{Of: scope.Bytes, N: uint64(len(raw))}}
	return func(ctx context.Context) error { return s.Repo.Quotas.Return(ctx, by.Chain, cost) }, s.Repo.Quotas.Spend(r.Context(), by.Chain, cost)
}

// Offer proposes a codebook to the peer, or asks for the state of a proposal, and stores the answer once both sides
// have signed it. The capability is shown if there is one.
func Offer(ctx context.Context, c *peer.Client, offer []byte, chain caps.Chain) (*codebook.Agreement, error) {
	res, err := c.Post(ctx, "/v1/codebooks", chain, offer)
	if err != nil {
		return nil, err
	}
	raw, err := peer.ReadAll(res, packet.MaxOffer)
	if err != nil {
		return nil, err
	}
	_, asked, _, err := packet.OpenOffer(offer, c.Repo.Now())
	if err != nil {
		return nil, err
	}
	_, got, _, err := packet.OpenOffer(raw, c.Repo.Now())
	if err == nil && got.AgreementID != asked.AgreementID {
		err = fmt.Errorf("%w: it is about agreement %s, not %s", packet.ErrCodebook, got.AgreementID.Short(), asked.AgreementID.Short())
	}
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	_, a, err := c.Repo.Codebooks.TakeOffer(ctx, raw, false)
	return a, err
}

// With returns the codebook agreed on with the peer; nil: the baseline. The peer is asked for its identity only if
// there is any agreement.
func With(ctx context.Context, c *peer.Client) (*packet.Codebook, error) {
	any := errors.New("one is enough")
	err := c.Repo.Codebooks.Agreements(ctx, func(a codebook.Agreement) error {
		if a.InForce(c.Repo.Now()) {
			return any
		}
		return nil
	})
	if !errors.Is(err, any) {
		return nil, err
	}
	agent, err := c.Agent(ctx)
	if err != nil {
		return nil, err
	}
	return c.Repo.Codebooks.With(ctx, agent)
}
