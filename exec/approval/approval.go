// Package approval lets people approve single calls (spec/effects.md#approval). A capability may require it: the
// executor signs a request, people sign their approvals, and the register of the call uses the approvals up. The gate
// asks [Approvals] when it charges.
package approval

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Request asks people to approve one call.
type Request struct {
	ID           object.Hash      `can:"1,approval_request_id"`
	ToolID       object.Hash      `can:"2,tool_id"`
	Module       *object.Hash     `can:"3,module"` // the ModuleRef of the tool's implementation; absent: it is not here
	RequestHash  object.Hash      `can:"4,request_hash"`
	Key          []byte           `can:"5,idempotency_key"` // at least one byte
	CapID        object.Hash      `can:"6,cap_id"`          // the leaf of the chain for the call
	Agents       []object.AgentID `can:"7,agents"`          // for whom the call is made: they may not approve it
	Need         uint8            `can:"8,need"`            // number of people who have to approve, 1 to 16
	Role         string           `can:"9,role"`            // that they have
	ExpiresAt    object.Time      `can:"10,expires_at"`     // used up before then, or not at all
	Signer       object.AgentID   `can:"11,signer"`
	TimeObserved object.Time      `can:"12,time_observed"`
	Signature    object.Signature `can:"13,signature"`
}

// Approval is one person's decision.
type Approval struct {
	ID           object.Hash      `can:"1,approval_id"`
	Request      object.Hash      `can:"2,approval_request_id"`
	Yes          bool             `can:"3,yes"`
	Note         string           `can:"4,note"` // at most 4 KiB
	Signer       object.AgentID   `can:"5,signer"`
	TimeObserved object.Time      `can:"6,time_observed"`
	Signature    object.Signature `can:"7,signature"`
}

// Rules for the ids and signatures of both.
var (
	RequestRule = object.Rule{Mask: can.Mask{1: nil, 13: nil}, IDField: 1, Signer: 11, Sig: 13}
	Rule        = object.Rule{Mask: can.Mask{1: nil, 7: nil}, IDField: 1, Signer: 5, Sig: 7}
)

// The kinds of the objects.
const (
	kindRequest  = "ApprovalRequest"
	kindApproval = "Approval"
)

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Request](kindRequest, RequestRule),
	object.Define[Approval](kindApproval, Rule),
}

const maxNote = 4 << 10 // bytes

// Check checks the form of a request.
func (q Request) Check() error {
	switch {
	case len(q.Key) == 0:
		return errors.New("a call that people agree to needs a key")
	case len(q.Agents) == 0 || len(q.Agents) > caps.MaxDepth:
		return fmt.Errorf("it is made for %d agents, not 1 to %d", len(q.Agents), caps.MaxDepth)
	}
	return scope.Approve{Need: q.Need, Role: q.Role}.Check()
}

// Check bounds the note.
func (a Approval) Check() error {
	if len(a.Note) > maxNote {
		return fmt.Errorf("a note of %d bytes, at most %d", len(a.Note), maxNote)
	}
	return nil
}

// OpenRequest decodes canonical bytes and checks fields, id and signature.
func OpenRequest(raw []byte) (*Request, error) {
	q, id, err := object.Open[Request](raw, RequestRule)
	if err == nil {
		err = sign.VerifyID(q.Signer, id, q.Signature)
	}
	if err != nil {
		return nil, fmt.Errorf("request for approval: %w", err)
	}
	return q, nil
}

// Open is OpenRequest for an approval.
func Open(raw []byte) (*Approval, error) {
	a, id, err := object.Open[Approval](raw, Rule)
	if err == nil {
		err = sign.VerifyID(a.Signer, id, a.Signature)
	}
	if err != nil {
		return nil, fmt.Errorf("approval: %w", err)
	}
	return a, nil
}

// Need returns the approval that a chain requires; nil: none.
func Need(chain caps.Chain) (*scope.Approve, error) {
	what, err := chain[0].Cap.Scope.Decode()
	if err != nil {
		return nil, err
	}
	return scope.ApproveOf(what), nil
}

// Keyless is the refusal of a call without a key under a chain that requires approval.
func Keyless(chain caps.Chain) error {
	return &caps.DeniedError{Check: caps.CheckApproval, Cap: chain[0].ID, Reason: "needs approval, and has no key", Help: "give the call a key: --key"}
}

// Order puts the chains first that require no approval; free is their number. If nobody can be asked, it leaves out the
// others.
func Order(chains []caps.Chain, able bool) (ordered []caps.Chain, free int, err error) {
	var bound []caps.Chain
	for _, c := range chains {
		need, err := Need(c)
		switch {
		case err != nil:
			return nil, 0, err
		case need == nil:
			ordered = append(ordered, c)
		default:
			bound = append(bound, c)
		}
	}
	if free = len(ordered); able {
		ordered = append(ordered, bound...)
	}
	if len(ordered) == 0 {
		err = &caps.DeniedError{Check: caps.CheckApproval, Reason: "needs approval, and there is nobody to ask here"}
	}
	return ordered, free, err
}

// Agents are the agents through whom a chain gives its authority, who therefore may not approve: the subjects of its
// links. The issuer of the root may approve unless it is the only agent.
func Agents(chain caps.Chain) []object.AgentID {
	owner := chain[len(chain)-1].Cap.Issuer
	var agents []object.AgentID
	for _, l := range chain {
		if s := l.Cap.Subject; !s.Same(owner) && !slices.ContainsFunc(agents, s.Same) {
			agents = append(agents, s.Bare())
		}
	}
	if len(agents) == 0 {
		agents = []object.AgentID{owner.Bare()}
	}
	return agents
}

// Count returns how many of the agents that may approve have approved, each counted once. denied is a refusal by one of
// them.
func (q *Request) Count(list []*Approval, may func(agent object.AgentID, role string) bool) (yes int, denied *Approval) {
	var counted []object.AgentID
	for _, a := range list {
		switch {
		case a.Request != q.ID || a.TimeObserved >= q.ExpiresAt || slices.ContainsFunc(q.Agents, a.Signer.Same) || !may(a.Signer, q.Role):
		case !a.Yes:
			denied = a
		case !slices.ContainsFunc(counted, a.Signer.Same):
			counted = append(counted, a.Signer)
		}
	}
	return len(counted), denied
}
