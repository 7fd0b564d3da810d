// Package hold freezes tools, agents or everything (spec/effects.md#freeze), by signed holds in the store or by a file
// that anybody can create. The gate asks [Holds] when it admits an effect, and again just before the tool starts.
package hold

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// The effects that freeze and thaw: Request → EffectHold.
var (
	FreezeTool = ir.BuiltinTool("freeze")
	ThawTool   = ir.BuiltinTool("thaw")
)

// Request asks to freeze or thaw something.
type Request struct {
	Agent  *object.AgentID `can:"1,agent"`           // freezes everything done under the agent's capabilities
	Tool   *object.Hash    `can:"2,tool"`            // freezes calls of the tool; if both are absent: everything
	Reason string          `can:"3,reason"`          // at most 4 KiB
	Cancel bool            `can:"4,cancel,omitzero"` // of a freeze: also stop what is running
	After  *object.Hash    `can:"5,after"`           // the newest hold at the time of the request; absent: none
}

const maxReason = 4 << 10 // bytes

// Check refuses a hold of an agent and a tool at once, and a long reason [field-80].
func (q Request) Check() error { return check(q.Agent, q.Tool, q.Reason) }

func check(agent *object.AgentID, tool *object.Hash, reason string) error {
	if agent != nil && tool != nil {
		return errors.New("a hold names an agent or a tool, not both")
	}
	if len(reason) > maxReason {
		return fmt.Errorf("a reason of %d bytes, at most %d", len(reason), maxReason)
	}
	return nil
}

// Hold freezes something, or thaws it.
type Hold struct {
	HoldID       object.Hash      `can:"1,hold_id"`
	Frozen       bool             `can:"2,frozen"`
	Agent        *object.AgentID  `can:"3,agent"` // freezes everything done under the agent's capabilities
	Tool         *object.Hash     `can:"4,tool"`  // freezes calls of the tool; if both are absent: everything
	Reason       string           `can:"5,reason"`
	Cancel       bool             `can:"6,cancel,omitzero"` // running calls were stopped, too
	Previous     *object.Hash     `can:"7,previous"`        // the previous hold, whatever it is about
	Signer       object.AgentID   `can:"8,signer"`
	TimeObserved object.Time      `can:"9,time_observed"`
	Signature    object.Signature `can:"10,signature"`
}

// Rule says how holds are identified and signed.
var Rule = object.Rule{Mask: can.Mask{1: nil, 10: nil}, IDField: 1, Signer: 8, Sig: 10}

// Structs describes the structs of this package.
var Structs = []object.Struct{
	object.Define[Request]("EffectHoldRequest", object.Rule{}),
	object.Define[Hold]("EffectHold", Rule),
}

// Check is that of a Request.
func (h Hold) Check() error { return check(h.Agent, h.Tool, h.Reason) }

// Open decodes canonical bytes and checks fields, id and signature.
func Open(raw []byte) (*Hold, error) {
	h, id, err := object.Open[Hold](raw, Rule)
	if err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	if err := sign.VerifyID(h.Signer, id, h.Signature); err != nil {
		return nil, fmt.Errorf("hold %s: %w", id.Short(), err)
	}
	return h, nil
}

// same reports whether a hold is about the same thing.
func (h *Hold) same(agent *object.AgentID, tool *object.Hash) bool {
	if (h.Agent == nil) != (agent == nil) || (h.Tool == nil) != (tool == nil) {
		return false
	}
	return (agent == nil || h.Agent.Same(*agent)) && (tool == nil || *h.Tool == *tool)
}
