package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// Responses stores the responses of tools; *store.Store is one.
type Responses interface {
	BytesUpdate(ctx context.Context, data []byte) (h object.Hash, put map[string][]byte, err error)
	Bytes(ctx context.Context, h object.Hash) ([]byte, error)
}

// Tools holds the tools that are registered here; *exec.Tools is one.
type Tools interface {
	Get(ctx context.Context, id object.Hash) (exec.Tool, error)
}

// Service serves a ledger. All fields are set.
type Service struct {
	Self      object.AgentID
	Now       func() object.Time
	Ledger    *kvledger.Ledger
	Verifier  *caps.Verifier
	Quotas    exec.Quotas
	Holds     *hold.Holds
	Approvals *approval.Approvals
	KV        kv.KV
	Responses Responses
	Tools     Tools
	// Use says which authority a request to a tool needs; false: its effects are the
	// caller's own, and are not registered here.
	Use func(tool object.Hash, request []byte) (use scope.Use, here bool, err error)
	// Marks reports whether an agent's marks of divergence count.
	Marks func(object.AgentID) bool

	door peer.Door
	hub  hub
}

// Routes returns the routes that a server serves for the ledger.
func (s *Service) Routes(d peer.Door) []peer.Route {
	s.door = d
	return []peer.Route{
		{Pattern: "POST /v1/effects/{id}/register", Body: true, Serve: s.asked(s.register)},
		{Pattern: "POST /v1/effects/{id}/wait", Body: true, Serve: s.asked(s.wait)},
		{Pattern: "POST /v1/effects/{id}/end", Body: true, Serve: s.owned(s.end)},
		{Pattern: "POST /v1/effects/{id}/probed", Body: true, Serve: s.probed},
		{Pattern: "POST /v1/effects/{id}/renew", Body: true, Serve: s.owned(s.renew)},
		{Pattern: "GET /v1/effects/{id}", Serve: s.history},
		{Pattern: "POST /v1/effects/{id}/mark", Body: true, Serve: s.mark},
		{Pattern: "POST /v1/charges", Body: true, Serve: s.charges},
		{Pattern: "POST /v1/receipts", Body: true, Serve: s.receipts},
		{Pattern: "POST /v1/log/proofs", Body: true, Serve: s.proofs},
	}
}

// caller is the sender of a request, and its authority.
type caller struct {
	agent object.AgentID
	chain caps.Chain // of the header
	idem  object.Hash
}

// capable admits a caller with a capability for tool calls that is valid now.
func (s *Service) capable(r *http.Request) (c caller, err error) {
	if c.agent, c.chain, err = s.door.Proved(r); err != nil {
		return c, err
	}
	if len(c.chain) == 0 {
		return c, &caps.DeniedError{Check: caps.CheckActive, Reason: "no capability is shown", Help: "show one for tool.call"}
	}
	return c, s.Verifier.Verify(c.chain, c.agent, s.Now())
}

// asked serves a request for an effect.
func (s *Service) asked(serve func(w http.ResponseWriter, r *http.Request, c caller, q *wire.Ask) (*wire.Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := s.capable(r)
		if err == nil {
			c.idem, err = peer.PathHash(r, "id")
		}
		if err != nil {
			s.door.Refuse(w, r, err)
			return
		}
		leave, err := s.door.Enter(r, c.agent)
		if err != nil {
			s.door.Refuse(w, r, err)
			return
		}
		defer leave()
		q, err := body[wire.Ask](s, w, r)
		if err == nil && ledger.IdemID(q.ToolID, q.Key) != c.idem || err == nil && len(q.Key) == 0 {
			err = fmt.Errorf("%w: tool and key are not those of effect %s", object.ErrInvalid, c.idem.Short())
		}
		if err != nil {
			s.door.Refuse(w, r, err)
			return
		}
		a, err := serve(w, r, c, q)
		s.answer(w, r, a, err)
	}
}

// body reads the request body, which the request's signature covers.
func body[T any](s *Service, w http.ResponseWriter, r *http.Request) (*T, error) {
	raw, err := s.door.Body(w, r, wire.MaxBody)
	if err != nil {
		return nil, err
	}
	return object.Decode[T](raw)
}

// answer sends an answer, or the refusal if the caller can act on it.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, a *wire.Answer, err error) {
	if err != nil {
		if refusal, typed := wire.Refuse(err); typed {
			if a == nil {
				a = &wire.Answer{}
			}
			a.Verdict, a.Refusal, err = wire.Refused, refusal, nil
		}
	}
	if err == nil {
		a.Now = s.Now()
		var raw []byte
		if raw, err = can.Marshal(a); err == nil {
			send(w, raw)
			return
		}
	}
	s.door.Refuse(w, r, err)
}

func send(w http.ResponseWriter, raw []byte) {
	w.Header().Set("Content-Type", "application/mythos")
	_, _ = w.Write(raw)
}

// authority returns the chains that cover an effect, and what they cover; the error says why none does.
func (s *Service) authority(ctx context.Context, c caller, q *wire.Ask) (use scope.Use, allowed []caps.Chain, err error) {
	use, here, err := s.Use(q.ToolID, q.Request)
	if err == nil && !here {
		err = fmt.Errorf("%w: effects of tool %s are the caller's own", object.ErrInvalid, q.ToolID.Short())
	}
	if err != nil {
		return use, nil, err
	}
	if use.Kind == scope.KindToolCall {
		if use.Price, err = s.price(ctx, q.ToolID, q.Price); err != nil {
			return use, nil, err
		}
	}
	if len(q.Caps) >= wire.MaxChain {
		return use, nil, fmt.Errorf("%w: more than %d chains", object.ErrInvalid, wire.MaxChain)
	}
	var denied error
	for i := -1; i < len(q.Caps); i++ {
		chain := c.chain
		if i >= 0 {
			if chain, err = caps.ImportFile(q.Caps[i]); err != nil {
				return use, nil, err
			}
		}
		if err := s.Verifier.Authorize(chain, c.agent, use, s.Now()); err != nil {
			denied = err
			continue
		}
		allowed = append(allowed, chain)
	}
	if len(allowed) == 0 {
		return use, nil, denied
	}
	allowed, err = s.Holds.Admit(ctx, q.ToolID, allowed)
	return use, allowed, err
}

// policy returns the ledger's policy for the tool. If the tool is also registered here, its registration says whether
// it is retry-safe.
func (s *Service) policy(ctx context.Context, q *wire.Ask) (ledger.Policy, error) {
	p := ledger.Policy{Retry: ledger.RetryMode(min(q.Retry, uint8(ledger.Probe))), Again: q.Again, KeepOut: q.KeepOut}
	tool, err := s.Tools.Get(ctx, q.ToolID)
	switch {
	case errors.Is(err, exec.ErrNoTool):
		return p, nil
	case err != nil:
		return p, err
	case p.Retry == ledger.Retry && !tool.Policy.RetrySafe:
		p.Retry = ledger.Block
	}
	return p, nil
}
