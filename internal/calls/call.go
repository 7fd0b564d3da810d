// Package calls runs tools and tasks as effects, under given or held capabilities or the owner's own.
package calls

import (
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/natural"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/internal/episodes"
	"github.com/mythos-project/mythos/internal/identity"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// Caller runs tools and tasks as effects.
type Caller struct {
	ID       *identity.Identity
	Store    *store.Store
	Ledger   *kvledger.Ledger
	Gate     *exec.Gate
	Exec     *run.Executor
	Models   *registry.Registry
	Auth     *authority.Authority
	Episodes *episodes.Episodes
}

// Spec is one call of one tool.
type Spec struct {
	Tool    exec.Tool
	Request []byte
	Key     []byte        // idempotency key; empty: none
	Caps    []caps.Chain  // the authority; nil: held chains that cover the call
	Held    []caps.Chain  // if Caps is nil: search these instead of all held chains
	Trace   bool          // store a trace and an episode, unless the call is replayed
	Manner  exec.Manner   // how to make the call: waiting, retries, timeout, streams
	Redact  *redact.Rules // also store a redacted episode, and no run record
}

// Called is the result of a call.
type Called struct {
	Result       *run.Result
	Body         []byte // the response
	ResponseHash object.Hash
	Status       uint16
	ReceiptID    object.Hash
	Replayed     bool
	Recorded     *ledger.Receipt // for a replay: the receipt of the original call
	Cap          object.Hash     // the offered leaf; zero: none
	Redacted     *object.Hash    // the redacted episode
	Cause        error           // for a failed built-in tool, as in [exec.Outcome]
}

// Call runs one tool through the gate, as a compiled bundle. Refusals and conflicts are errors; a failed tool is a
// Called with its status.
func (ca *Caller) Call(ctx context.Context, s Spec) (*Called, error) {
	if s.Caps == nil {
		held, err := ca.covering(ctx, s)
		if err != nil {
			return nil, err
		}
		s.Caps = held
	}
	if len(s.Key) == 0 {
		key, err := natural.Of(s.Tool, s.Request)
		if err != nil {
			return nil, ca.Gate.Refuse(ctx, exec.Effect{Tool: s.Tool.ID, Request: s.Request}, exec.StatusBadRequest, err)
		}
		s.Key = key
	}
	if s.Trace && len(s.Key) > 0 { // a replay is no new evidence, so it leaves no episode
		state, err := ca.Ledger.Read(ctx, ledger.IdemID(s.Tool.ID, s.Key))
		if err != nil {
			return nil, err
		}
		s.Trace = state.Commit == nil || (s.Manner.Anew || s.Manner.Retries > 0) && ledger.Retryable(state.Commit.Status)
	}
	spec := run.CallSpec{Tool: s.Tool, Request: s.Request, Key: s.Key, Author: ca.ID.Self(), EmitTrace: s.Trace}
	for _, c := range s.Caps {
		spec.Caps = append(spec.Caps, c[0].ID)
	}
	// Nor is a call new evidence if another caller made it while this one waited for it.
	o := run.Options{Caps: s.Caps, NoRecord: s.Redact != nil, NoReplays: s.Trace && len(s.Key) > 0, Manner: s.Manner,
		Refusing: &exec.Effect{Tool: s.Tool.ID, Request: s.Request, Key: s.Key}}
	var recorded *ledger.Receipt
	var cause error
	o.OnEffect = func(_ exec.Effect, out exec.Outcome) { recorded, cause = recordedBy(out), out.Cause }
	res, redacted, err := ca.Episodes.Redacting(ctx, s.Redact, o, func(o run.Options) (*run.Result, error) {
		return ca.Exec.Call(ctx, spec, o)
	})
	if err != nil {
		return nil, err
	}
	called := &Called{Result: res, Redacted: redacted, Recorded: recorded, Cause: cause}
	if len(s.Caps) > 0 {
		called.Cap = s.Caps[0][0].ID
	}
	return called, called.ended()
}

// recordedBy is the receipt of an effect that had happened before; nil: it happened now.
func recordedBy(out exec.Outcome) *ledger.Receipt {
	if !out.Replayed {
		return nil
	}
	r, err := object.Decode[ledger.Receipt](out.ReceiptRaw)
	if err != nil {
		return nil // the gate has opened it before
	}
	return r
}

// HeldFor returns held chains that may cover calls of a tool, for [Spec.Held]; nil for a built-in tool, whose requests
// determine what they need.
func (ca *Caller) HeldFor(ctx context.Context, tool object.Hash) ([]caps.Chain, error) {
	if _, builtin := ca.Gate.BuiltinName(tool); builtin {
		return nil, nil
	}
	held, err := ca.Auth.Held(ctx, scope.KindToolCall)
	if held == nil {
		held = []caps.Chain{}
	}
	return held, err
}

// covering returns the held chains for a call, followed by those for its tool's probe.
func (ca *Caller) covering(ctx context.Context, s Spec) ([]caps.Chain, error) {
	use := scope.Use{Kind: scope.KindToolCall, Tool: s.Tool.ID, Request: s.Request}
	var err error
	if _, builtin := ca.Gate.BuiltinName(s.Tool.ID); builtin { // its request determines what it needs
		if use, err = ca.Gate.Use(ctx, s.Tool.ID, s.Request); err != nil {
			return nil, err
		}
	}
	among := s.Held
	if among == nil {
		if among, err = ca.Auth.Held(ctx, use.Kind); err != nil {
			return nil, err
		}
	}
	held := ca.Auth.Covers(among, use)
	if s.Tool.Policy.Probe == nil || len(held) == 0 {
		return held, nil
	}
	return append(held, ca.Auth.Covers(among, scope.Use{Kind: scope.KindToolCall, Tool: *s.Tool.Policy.Probe, Request: s.Request})...), nil
}

// ended takes the outcome from the run. The result is the response; the last effect is the call itself, and an effect
// before it may have fetched the request.
func (c *Called) ended() error {
	if c.Result.Halt != nil {
		return c.Result.Halt
	}
	if len(c.Result.Effects) == 0 {
		return errors.New("call left no receipt")
	}
	last := c.Result.Effects[len(c.Result.Effects)-1]
	if last.ReceiptID == nil || last.ResponseHash == nil {
		return errors.New("call left no receipt")
	}
	c.ReceiptID, c.Status, c.Replayed = *last.ReceiptID, last.Status, last.Replayed
	c.Body, c.ResponseHash = c.Result.Value.Data(), *last.ResponseHash
	return nil
}

// Builtin runs one of the built-in effects as the owner or under held capabilities. If it fails now, the error wraps
// the cause.
func (ca *Caller) Builtin(ctx context.Context, name string, s Spec) (*Called, error) {
	s.Tool = exec.BuiltinTool(name)
	called, err := ca.Call(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if called.Cause != nil {
		return called, fmt.Errorf("%s: status %d: %w", name, called.Status, called.Cause)
	}
	if called.Status >= 300 {
		return called, fmt.Errorf("%s: status %d: %s", name, called.Status, called.Body)
	}
	return called, nil
}
