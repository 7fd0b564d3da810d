package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// CallSpec is one call of one tool.
type CallSpec struct {
	Tool    exec.Tool
	Request []byte
	Key     []byte             // idempotency key; empty: none
	Caps    []caps.Chain       // the authority; nil: what is held and covers the call
	Held    []caps.Chain       // with nil Caps: look among these instead of all that is held
	Trace   bool               // keep a trace and an episode, unless the call is replayed
	Manner  exec.Manner        // how the call is made: waiting, repetitions, its time, its streams
	Redact  *dataset.Redaction // keep a redacted episode, too, and no record of the run
}

// Called is how a call ended.
type Called struct {
	Result       *exec.Result
	Body         []byte // the response
	ResponseHash object.Hash
	Status       uint16
	ReceiptID    object.Hash
	Replayed     bool
	Recorded     *ledger.Receipt // on a replay: the receipt of the call that was made
	Cap          object.Hash     // the leaf that was offered; zero: none
	Redacted     *object.Hash    // the redacted episode
	Cause        error           // of a failure of a built-in tool, as of [exec.Outcome]
}

// Call runs one tool through the gate, as a compiled bundle. Refusals and
// conflicts are errors; a tool that failed is a Called with its status.
func (n *Node) Call(ctx context.Context, s CallSpec) (*Called, error) {
	if s.Caps == nil {
		held, err := n.covering(ctx, s)
		if err != nil {
			return nil, err
		}
		s.Caps = held
	}
	if s.Trace && len(s.Key) > 0 { // a replay is no new evidence: it leaves no episode of its own
		state, err := n.Ledger.Read(ctx, ledger.IdemID(s.Tool.ID, s.Key))
		if err != nil {
			return nil, err
		}
		s.Trace = state.Commit == nil || (s.Manner.Anew || s.Manner.Retries > 0) && ledger.Retryable(state.Commit.Status)
	}
	spec := exec.CallSpec{Tool: s.Tool, Request: s.Request, Key: s.Key, Author: n.Self(), EmitTrace: s.Trace}
	for _, c := range s.Caps {
		spec.Caps = append(spec.Caps, c[0].ID)
	}
	// A call that turns out to have been made by another while this one waited for it is no
	// new evidence either.
	o := exec.RunOptions{Caps: s.Caps, NoRecord: s.Redact != nil, NoReplays: s.Trace && len(s.Key) > 0, Manner: s.Manner,
		Refusing: &exec.Effect{Tool: s.Tool.ID, Request: s.Request, Key: s.Key}}
	var recorded *ledger.Receipt
	var cause error
	o.OnEffect = func(_ exec.Effect, out exec.Outcome) { recorded, cause = recordedBy(out), out.Cause }
	res, redacted, err := n.redacting(ctx, s.Redact, o, func(o exec.RunOptions) (*exec.Result, error) {
		return n.Exec.Call(ctx, spec, o)
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
		return nil // the gate has opened it already
	}
	return r
}

// HeldFor returns what is held here that may cover calls of a tool, for
// [CallSpec.Held]; nil for a built-in one, whose requests say what they need.
func (n *Node) HeldFor(ctx context.Context, tool object.Hash) ([]caps.Chain, error) {
	if _, builtin := n.Gate.BuiltinName(tool); builtin {
		return nil, nil
	}
	held, err := n.Held(ctx, scope.KindToolCall)
	if held == nil {
		held = []caps.Chain{}
	}
	return held, err
}

// covering returns what is held here for a call and, after that, for its tool's probe.
func (n *Node) covering(ctx context.Context, s CallSpec) ([]caps.Chain, error) {
	use, err := n.Gate.Use(ctx, s.Tool.ID, s.Request)
	if err != nil {
		return nil, err
	}
	among := s.Held
	if among == nil {
		if among, err = n.Held(ctx, use.Kind); err != nil {
			return nil, err
		}
	}
	held := n.covers(among, use)
	if s.Tool.Policy.Probe == nil || len(held) == 0 {
		return held, nil
	}
	return append(held, n.covers(among, scope.Use{Kind: scope.KindToolCall, Tool: *s.Tool.Policy.Probe, Request: s.Request})...), nil
}

const ownerTTL = 10 * time.Minute

// ownerCap gives the repository's own identity a short-lived capability for what
// its owner does here: the owner, too, acts under one. The issuance policy is about
// what is handed out, not about these.
func (n *Node) ownerCap(ctx context.Context, sc scope.Scope) (caps.Chain, error) {
	cs, err := scope.New(sc)
	if err != nil {
		return nil, err
	}
	link, err := n.issue(ctx, caps.Draft{Subject: n.Self(), Scope: cs, NotBefore: n.Now(), ExpiresAt: n.Now().Add(ownerTTL)})
	return caps.Chain{link}, err
}

// ended takes the outcome from the run: its result is the response, its last effect the
// call itself; one before that may be the fetching of its request.
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

// builtinCall runs one of the built-in effects as the owner or under held
// capabilities. The error of one that failed wraps its cause, where it failed now.
func (n *Node) builtinCall(ctx context.Context, name string, s CallSpec) (*Called, error) {
	s.Tool = exec.BuiltinTool(name)
	called, err := n.Call(ctx, s)
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

// record leaves a receipt for something that was done under the node's own key.
func (n *Node) record(ctx context.Context, builtin string, request []byte, response object.Hash) error {
	_, raw, err := ledger.NewReceipt(n.Key, ledger.Receipt{
		ToolID: exec.BuiltinID(builtin), RequestHash: object.Sum(request), ResponseHash: response,
		TimeObserved: n.Now(), Status: exec.StatusOK,
	})
	if err != nil {
		return err
	}
	return n.Ledger.Record(ctx, raw)
}
