package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/codebook"
	"github.com/mythos-project/mythos/internal/peer/auth"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/packet"
)

// codebooks takes a proposal of a codebook, or an agreement about one, and answers with
// the offer as it now stands here. What authorises the request is the signature in it,
// by an agent that is trusted for packets, and, where RequireCap says so, a capability; a
// proposal is signed at once only where AcceptCodebooks says so.
func (s *Server) codebooks(w http.ResponseWriter, r *http.Request) {
	raw, release, err := s.unproven(w, r, packet.MaxOffer)
	if err != nil {
		s.refuseBody(w, r, err)
		return
	}
	defer release()
	giveBack := func(context.Context) error { return nil }
	if s.RequireCap {
		if giveBack, err = s.chargeOffer(r, raw); err != nil {
			s.refuse(w, r, statusOf(err), err)
			return
		}
	}
	out, a, err := s.Node.Codebooks.OfferFrom(r.Context(), raw, s.AcceptCodebooks)
	if err != nil {
		s.refuse(w, r, receiveStatus(err), errors.Join(err, giveBack(context.WithoutCancel(r.Context()))))
		return
	}
	s.Log.Info("codebook", "codebook", a.CodebookID.Short(), "proposer", a.Proposer.KeyHex()[:12], "accepted", a.Accepted())
	w.Header().Set("Content-Type", "application/mythos-can")
	_, _ = w.Write(out)
}

// chargeOffer charges the bytes of an offer to the blob.write capability that a signed
// request shows. giveBack undoes that.
func (s *Server) chargeOffer(r *http.Request, raw []byte) (giveBack func(context.Context) error, err error) {
	if r.Header.Get(auth.HeaderDigest) != auth.DigestOf(raw) {
		return nil, fmt.Errorf("%w: a codebook needs a signed request that shows a blob.write capability for %s", auth.ErrUnauthorized, MediaObjects)
	}
	wr, err := s.pusher(r)
	if err != nil {
		return nil, err
	}
	use := wr.use
	use.Media = MediaObjects
	if err := s.Node.Verifier.Authorize(wr.chain, wr.agent, use, s.Node.Now()); err != nil {
		return nil, err
	}
	cost := []scope.Amount{{Of: scope.Bytes, N: uint64(len(raw))}}
	return func(ctx context.Context) error { return s.Node.Quotas.Return(ctx, wr.chain, cost) }, s.Node.Quotas.Spend(r.Context(), wr.chain, cost)
}

// Offer proposes a codebook to the peer, or asks again what became of a proposal, and
// keeps the answer when both sides have signed it. The capability is shown if there is one.
func (c *Client) Offer(ctx context.Context, offer []byte, chain caps.Chain) (*codebook.Agreement, error) {
	res, err := c.signed(ctx, http.MethodPost, "/v1/codebooks", chain, offer, nil)
	if err != nil {
		return nil, err
	}
	raw, err := readAll(res, packet.MaxOffer)
	if err != nil {
		return nil, err
	}
	_, asked, _, err := packet.OpenOffer(offer, c.Node.Now())
	if err != nil {
		return nil, err
	}
	_, got, _, err := packet.OpenOffer(raw, c.Node.Now())
	if err == nil && got.AgreementID != asked.AgreementID {
		err = fmt.Errorf("%w: it is about agreement %s, not %s", packet.ErrCodebook, got.AgreementID.Short(), asked.AgreementID.Short())
	}
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	_, a, err := c.Node.Codebooks.TakeOffer(ctx, raw, false)
	return a, err
}

// Agent asks the peer who it is. Nothing proves the answer: it only chooses what a
// packet is written with.
func (c *Client) Agent(ctx context.Context) (object.AgentID, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/v1/identity", nil)
	if err != nil {
		return object.AgentID{}, err
	}
	raw, err := c.read(r, 4096)
	if err != nil {
		return object.AgentID{}, err
	}
	agent, err := object.Decode[object.AgentID](raw)
	if err != nil {
		return object.AgentID{}, fmt.Errorf("identity: %w", err)
	}
	return *agent, nil
}

// CodebookWith is the codebook agreed on with the peer; nil: the baseline. The peer is
// asked who it is only when there is an agreement with anyone.
func (c *Client) CodebookWith(ctx context.Context) (*packet.Codebook, error) {
	any := errors.New("one is enough")
	err := c.Node.Codebooks.Agreements(ctx, func(a codebook.Agreement) error {
		if a.InForce(c.Node.Now()) {
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
	return c.Node.Codebooks.With(ctx, agent)
}

// read sends a request and reads an answer of at most limit bytes.
func (c *Client) read(r *http.Request, limit int64) ([]byte, error) {
	res, err := c.do(r)
	if err != nil {
		return nil, err
	}
	return readAll(res, limit)
}

func readAll(res *http.Response, limit int64) ([]byte, error) {
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("the peer answers with more than %d bytes", limit)
	}
	return raw, err
}
