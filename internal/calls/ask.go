package calls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/authority"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/train"
	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/packet"
)

// maxTries is how often a refused decision may be requested again.
const maxTries = 1000

// ErrToolFailed means that a training or evaluating tool ended with a failure.
var ErrToolFailed = errors.New("the tool failed")

// ToolUse is the authority that a built-in tool without a kind of its own needs.
func ToolUse(name string) func([]byte) (scope.Use, error) {
	return func(request []byte) (scope.Use, error) {
		return scope.Use{Kind: scope.KindToolCall, Tool: exec.BuiltinID(name), Request: request}, nil
	}
}

// Outcome is the response of an effect whose result is a struct.
func Outcome(v any, err error, evidence ...object.Hash) (exec.Response, error) {
	if err != nil {
		return exec.Response{}, err
	}
	raw, err := can.Marshal(v)
	return exec.Response{Body: raw, Status: exec.StatusOK, Evidence: evidence}, err
}

// Ask runs an effect. If its request was refused before, it may be repeated.
func (ca *Caller) Ask(ctx context.Context, effect string, request any, chains []caps.Chain, use scope.Use) (*Called, error) {
	raw, err := can.Marshal(request)
	if err != nil {
		return nil, err
	}
	key, err := ca.freshKey(ctx, effect, raw)
	if err != nil {
		return nil, err
	}
	return ca.Learn(ctx, effect, Spec{Request: raw, Key: key, Caps: chains}, use)
}

// AskAsOwner is Ask under a capability that the owner issues to themselves.
func (ca *Caller) AskAsOwner(ctx context.Context, effect string, request any) (*Called, error) {
	chain, err := ca.Auth.Own(ctx, &scope.ToolCall{ToolID: exec.BuiltinID(effect), MaxCalls: 1})
	if err != nil {
		return nil, err
	}
	return ca.Ask(ctx, effect, request, []caps.Chain{chain}, scope.Use{})
}

// Noted indexes the receipt of a decision under its result, where `why` looks for it.
func (ca *Caller) Noted(ctx context.Context, called *Called, err error) (*Called, error) {
	if err == nil {
		_, err = ca.Models.AddEffect(ctx, called.ReceiptID)
	}
	return called, err
}

// DecideAsOwner runs a deciding effect under a capability that the owner issues to themselves.
func (ca *Caller) DecideAsOwner(ctx context.Context, effect string, request any) (*Called, error) {
	called, err := ca.AskAsOwner(ctx, effect, request)
	return ca.Noted(ctx, called, err)
}

// freshKey is the key of a decision: the request's hash or, if that was used and refused, an unused one. A refused
// request may be repeated, because the world may have changed.
func (ca *Caller) freshKey(ctx context.Context, name string, raw []byte) ([]byte, error) {
	for try := 0; try < maxTries; try++ {
		text := raw
		if try > 0 {
			text = fmt.Appendf(bytes.Clone(raw), " try %d", try)
		}
		key := object.Sum(text)
		state, err := ca.Ledger.Read(ctx, ledger.IdemID(exec.BuiltinID(name), key.Sum[:]))
		if err != nil {
			return nil, err
		}
		if state.Commit == nil || state.Commit.Status < 300 {
			return key.Sum[:], nil
		}
	}
	return nil, fmt.Errorf("%w: asked and refused %d times", model.ErrRefused, maxTries)
}

// Learn runs one of the learning effects. Its error wraps the error of package model for the effect's status.
func (ca *Caller) Learn(ctx context.Context, name string, s Spec, use scope.Use) (*Called, error) {
	if s.Caps == nil {
		var err error
		if s.Caps, err = ca.Auth.Covering(ctx, use); err != nil {
			return nil, err
		}
	}
	s.Tool, s.Caps = exec.BuiltinTool(name), authority.OrNone(s.Caps)
	called, err := ca.Call(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if called.Status < 300 {
		return called, nil
	}
	return called, &FailedError{Effect: name, Status: called.Status, Receipt: called.ReceiptID, Replayed: called.Replayed, Reason: string(called.Body)}
}

// FailedError is a completed but unsuccessful learning effect. It wraps model.ErrConflict, model.ErrRefused,
// train.ErrBudget or ErrToolFailed.
type FailedError struct {
	Effect   string // train, eval, promote or rollback
	Status   uint16
	Receipt  object.Hash
	Replayed bool // it was completed before, and failed then
	Reason   string
}

func (e *FailedError) Error() string {
	before := ""
	if e.Replayed {
		before = " before"
	}
	return fmt.Sprintf("%s failed%s, receipt %s: %s", e.Effect, before, e.Receipt.Short(), strings.TrimPrefix(e.Reason, e.Effect+": "))
}

// Unwrap gives the error for the status.
func (e *FailedError) Unwrap() error {
	for _, o := range outcomes {
		if o.status == e.Status && o.status != exec.StatusFailed {
			return o.err
		}
	}
	return ErrToolFailed
}

// Decoded makes a Builtin.Use from a function over the decoded request.
func Decoded[T any](use func(*T) scope.Use) func([]byte) (scope.Use, error) {
	return func(request []byte) (scope.Use, error) {
		v, err := object.Decode[T](request)
		if err != nil {
			return scope.Use{}, err
		}
		return use(v), nil
	}
}

// Statuses of a completed but unsuccessful learning effect.
const (
	statusRefused  = exec.StatusDenied // a promotion's conditions do not hold, or the ring is frozen
	statusConflict = uint16(409)       // somebody else moved the ring first
	statusOver     = exec.StatusBudget // a training used more than its budget
)

// outcomes are the errors that count as an outcome of the effect, with their statuses.
var outcomes = []struct {
	err    error
	status uint16
}{
	{model.ErrConflict, statusConflict},
	{model.ErrRefused, statusRefused},
	{train.ErrBudget, statusOver},
	{train.ErrTool, exec.StatusFailed},
	{weights.ErrWeights, exec.StatusFailed},
	{packet.ErrTraining, exec.StatusFailed},
	{ErrToolFailed, exec.StatusFailed},
}

// Job makes a Builtin.Run from a function over the decoded request. A refusal by the tool, the policy or the ring is an
// outcome: a failed effect, with the reason as the response. Any other error (a cancellation, a missing object, a full
// disk) leaves the effect unfinished; the next request resumes it.
func Job[T any](run func(context.Context, exec.Call, *T) (exec.Response, error)) func(context.Context, exec.Call) (exec.Response, error) {
	return func(ctx context.Context, call exec.Call) (exec.Response, error) {
		v, err := object.Decode[T](call.Request)
		if err != nil {
			return exec.Failed(err), nil
		}
		res, err := run(ctx, call, v)
		if err == nil {
			return res, nil
		}
		if ctx.Err() != nil {
			return exec.Response{}, ctx.Err()
		}
		for _, o := range outcomes {
			if errors.Is(err, o.err) {
				res := exec.Failed(err)
				res.Status = o.status
				return res, nil
			}
		}
		return exec.Response{}, err
	}
}
