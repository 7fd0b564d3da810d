package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/oidc"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Path is where capabilities are asked for.
const Path = "/v1/caps"

// Service issues capabilities. All fields are set.
type Service struct {
	Auth    *authority.Authority
	Scope   func(ctx context.Context, text string) (scope.CapScope, error)
	Trusted func(agent object.AgentID) error // says why an agent may not ask by its key alone
	Tokens  *oidc.Verifier

	door peer.Door
	mu   sync.Mutex // one capability is issued at a time

	strangers, others refusals
}

// For returns the service for a repository's policy.
func For(n *repo.Repo) *Service {
	return &Service{
		Auth: n.Auth, Scope: n.Find.Scope, Tokens: &oidc.Verifier{Now: func() time.Time { return n.Now().Std() }},
		Trusted: func(agent object.AgentID) error {
			if e, named := n.Trust.ByAgent(agent); named && !e.In(n.Now()) {
				return fmt.Errorf("%s is not trusted now", agent)
			}
			return nil
		},
	}
}

// Routes returns the routes that a server serves.
func (s *Service) Routes(d peer.Door) []peer.Route {
	s.door = d
	return []peer.Route{{Pattern: "POST " + Path, Body: true, Serve: s.serve}}
}

// retryAfter is when to ask again if an issuer could not be reached.
const retryAfter = 10 * time.Second

func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	answer, err := s.answer(w, r)
	var raw []byte
	if err == nil {
		raw, err = can.Marshal(answer)
	}
	switch {
	case errors.Is(err, oidc.ErrUnreachable):
		s.door.Later(w, r, retryAfter, err)
	case err != nil:
		s.door.Refuse(w, r, err)
	default:
		w.Header().Set("Content-Type", "application/mythos")
		_, _ = w.Write(raw)
	}
}

// answer answers a request with the capability, or says why not.
func (s *Service) answer(w http.ResponseWriter, r *http.Request) (*caps.Issued, error) {
	agent, _, err := s.door.Proved(r)
	if err != nil {
		return nil, err
	}
	body, err := s.door.Body(w, r, caps.MaxRequest)
	if err != nil {
		return nil, err
	}
	q, err := object.Decode[caps.Request](body)
	if err != nil {
		return nil, err
	}
	policy, _, err := s.Auth.Policies.Current(r.Context())
	if err != nil {
		return nil, err
	}
	a := &asking{s: s, q: q, policy: policy, Asked: authority.Asked{Agent: agent, Body: object.Sum(body)}}
	g, err := a.judged(r)
	if errors.Is(err, caps.ErrDenied) {
		a.refused(context.WithoutCancel(r.Context()), err)
	}
	if err != nil {
		return nil, err
	}
	return &caps.Issued{Capability: g.Link.Raw, Receipt: g.Receipt, Proof: g.Proof, Seq: g.Seq}, nil
}

// judged returns what a request is granted.
func (a *asking) judged(r *http.Request) (*authority.Given, error) {
	if err := a.prove(r.Context()); err != nil {
		return nil, err
	}
	leave, err := a.s.door.Enter(r, a.Agent)
	if err != nil {
		return nil, err
	}
	defer leave()
	return a.give(context.WithoutCancel(r.Context()))
}

// denied is a refusal that is not the fault of any link of a chain.
func denied(reason, help string) error {
	return &caps.DeniedError{Check: caps.CheckActive, Reason: reason, Help: help}
}
