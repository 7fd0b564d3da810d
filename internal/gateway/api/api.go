// Package api serves tool calls to programs that are not peers (spec/wire.md#tools-over-http): plain HTTP and JSON,
// bearer tokens instead of signatures, and problems (RFC 9457) instead of refusals. The tools run here.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/calls"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/internal/repo"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Caller runs a tool as an effect; *calls.Caller is one.
type Caller interface {
	Call(ctx context.Context, s calls.Spec) (*calls.Called, error)
}

// Tools finds the tools that are registered here; *toolbox.Toolbox is one.
type Tools interface {
	Find(ctx context.Context, name string) (exec.Tool, error)
}

// Service serves the API. All fields are set.
type Service struct {
	Self     object.AgentID
	Now      func() object.Time
	Verifier *caps.Verifier
	Caller   Caller
	Tools    Tools
	// Read returns the state of an effect.
	Read func(ctx context.Context, idem object.Hash) (ledger.State, error)
	// Keep stores capabilities, so that receipts made under them can be explained.
	Keep func(ctx context.Context, links ...caps.Link) error
	// Known returns the agents whose signatures can be checked.
	Known func() []object.AgentID
	// Counted reports whether an agent is trusted for a receipt and, if it is not trusted for what is signed now, under
	// what. Approved reports whether an agent's approval counted for a role when a receipt was signed.
	Approved func(ctx context.Context, agent object.AgentID, role string, id object.Hash, r *ledger.Receipt) bool
	Counted  func(ctx context.Context, agent object.AgentID, id object.Hash, r *ledger.Receipt) (bool, string)

	door      peer.Door
	verifying chan struct{} // holds one item for each verification
}

// For returns the API of a repository.
func For(n *repo.Repo) *Service {
	return &Service{Self: n.Self(), Now: n.Now, Verifier: n.Verifier, Caller: n.Caller, Tools: n.Toolbox, Read: n.Ledger.Read, Keep: n.Auth.Add,
		Known:   func() []object.AgentID { return n.Trust.Agents(n.Now()) },
		Counted: n.Judge.SignedUnder, Approved: n.Judge.Approved}
}

// Routes returns the routes that a server serves.
func (s *Service) Routes(d peer.Door) []peer.Route {
	s.door, s.verifying = d, make(chan struct{}, maxVerifying)
	return []peer.Route{
		{Pattern: "POST " + toolsPath + "{tool}", Body: true, Problem: true, Serve: s.call},
		{Pattern: "POST " + verifyPath, Body: true, Problem: true, Serve: s.verify},
		{Pattern: "GET " + openAPIPath, Problem: true, Serve: openAPI},
		{Pattern: toolsPath, Body: true, Problem: true, Serve: s.postOnly},
		{Pattern: verifyPath, Body: true, Problem: true, Serve: s.postOnly},
	}
}

// The paths.
const (
	toolsPath   = "/v1/tools/"
	verifyPath  = "/v1/verify"
	openAPIPath = "/v1/openapi.json"
)

// errMethod means that a path requires another method.
var errMethod = errors.New("expected POST")

// postOnly answers requests with another method.
func (s *Service) postOnly(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		s.door.RefuseAs(w, r, http.StatusNotFound, fmt.Errorf("%s names no tool", r.URL.Path))
		return
	}
	w.Header().Set("Allow", http.MethodPost)
	s.door.RefuseAs(w, r, http.StatusMethodNotAllowed, errMethod)
}

// answer sends a JSON document.
func answer(w http.ResponseWriter, doc any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(doc)
}
