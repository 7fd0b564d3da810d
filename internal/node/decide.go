package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/objects"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// decisionBuiltins registers policy.set, ring.freeze and ring.thaw.
func (n *Node) decisionBuiltins() {
	n.Gate.Builtin(effectPolicySet, exec.Builtin{
		Use: toolUse(effectPolicySet), RetrySafe: true, Writes: true,
		Run: job(func(ctx context.Context, _ exec.Call, q *model.PolicyRequest) (exec.Response, error) {
			s, err := n.Models().SetPolicy(ctx, *q)
			return outcome(s, err, q.PolicyID)
		}),
	})
	for name, frozen := range map[string]bool{effectFreeze: true, effectThaw: false} {
		n.Gate.Builtin(name, exec.Builtin{
			Use: toolUse(name), RetrySafe: true, Writes: true,
			Run: job(func(ctx context.Context, _ exec.Call, q *model.HoldRequest) (exec.Response, error) {
				h, err := n.Models().SetHold(ctx, n.Key, *q, frozen)
				return outcome(h, err)
			}),
		})
	}
}

// toolUse is the authority that a built-in tool without a kind of its own needs.
func toolUse(name string) func([]byte) (scope.Use, error) {
	return func(request []byte) (scope.Use, error) {
		return scope.Use{Kind: scope.KindToolCall, Tool: exec.BuiltinID(name), Request: request}, nil
	}
}

// outcome is the response of an effect whose outcome is a struct.
func outcome(v any, err error, evidence ...object.Hash) (exec.Response, error) {
	if err != nil {
		return exec.Response{}, err
	}
	raw, err := can.Marshal(v)
	return exec.Response{Body: raw, Status: exec.StatusOK, Evidence: evidence}, err
}

// ask runs an effect whose request, where it was refused before, may be asked again.
func (n *Node) ask(ctx context.Context, effect string, request any, chains []caps.Chain, use scope.Use) (*Called, error) {
	raw, err := can.Marshal(request)
	if err != nil {
		return nil, err
	}
	key, err := n.freshKey(ctx, effect, raw)
	if err != nil {
		return nil, err
	}
	return n.learn(ctx, effect, CallSpec{Request: raw, Key: key, Caps: chains}, use)
}

// askAsOwner is ask under a capability that the owner gives themselves.
func (n *Node) askAsOwner(ctx context.Context, effect string, request any) (*Called, error) {
	chain, err := n.ownerCap(ctx, &scope.ToolCall{ToolID: exec.BuiltinID(effect), MaxCalls: 1})
	if err != nil {
		return nil, err
	}
	return n.ask(ctx, effect, request, []caps.Chain{chain}, scope.Use{})
}

// noted notes the receipt of an effect that decided something beside what was decided,
// where `why` looks for it.
func (n *Node) noted(ctx context.Context, called *Called, err error) (*Called, error) {
	if err == nil {
		_, err = n.Models().AddEffect(ctx, called.ReceiptID)
	}
	return called, err
}

// decideAsOwner runs an effect that decides something, under a capability that the owner
// gives themselves.
func (n *Node) decideAsOwner(ctx context.Context, effect string, request any) (*Called, error) {
	called, err := n.askAsOwner(ctx, effect, request)
	return n.noted(ctx, called, err)
}

// freshKey is the key of a decision: the request's hash, or, where that
// was asked before and refused, one that was not used. What was refused may be asked
// again when the world has changed.
func (n *Node) freshKey(ctx context.Context, name string, raw []byte) ([]byte, error) {
	for try := 0; try < maxAttempts; try++ {
		text := raw
		if try > 0 {
			text = fmt.Appendf(bytes.Clone(raw), " try %d", try)
		}
		key := object.Sum(text)
		state, err := n.Ledger.Read(ctx, ledger.IdemID(exec.BuiltinID(name), key.Sum[:]))
		if err != nil {
			return nil, err
		}
		if state.Commit == nil || state.Commit.Status < 300 {
			return key.Sum[:], nil
		}
	}
	return nil, fmt.Errorf("%w: asked and refused %d times", model.ErrRefused, maxAttempts)
}

// PutInForce puts a model policy into force in its ring, as an effect. The one that is
// in force already stays so.
func (n *Node) PutInForce(ctx context.Context, policy object.Hash) (*model.PolicyState, error) {
	raw, err := objects.Load(ctx, n.Store, "PolicyDef", policy)
	if err != nil {
		return nil, err
	}
	p, _, err := model.OpenPolicy(raw)
	if err != nil {
		return nil, err
	}
	release, err := n.deciding(ctx, decidesPolicy, p.Ring)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := n.settlePolicy(ctx, p.Ring); err != nil {
		return nil, err
	}
	q := model.PolicyRequest{PolicyID: policy}
	now, err := n.Models().InForce(ctx, p.Ring)
	switch {
	case errors.Is(err, model.ErrNotFound):
	case err != nil:
		return nil, err
	case now.PolicyID == policy:
		return now, nil
	default:
		q.After = &now.PolicyID
	}
	called, err := n.decideAsOwner(ctx, effectPolicySet, &q)
	if err != nil {
		return nil, err
	}
	return object.Decode[model.PolicyState](called.Body)
}

// Hold freezes a ring or thaws it, as an effect. It waits for others who do so at the
// same time, and comes after them.
func (n *Node) Hold(ctx context.Context, ring uint8, frozen bool, reason string) (*model.RingHold, error) {
	q := model.HoldRequest{RingID: ring, Reason: reason}
	if err := q.Check(); err != nil {
		return nil, err
	}
	release, err := n.deciding(ctx, decidesHold, ring)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := n.settleHold(ctx, ring); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		newest, err := n.Models().Hold(ctx, ring)
		if err != nil {
			return nil, err
		}
		if newest != nil {
			q.After = &newest.HoldID
		}
		called, err := n.decideAsOwner(ctx, holdEffect(frozen), &q)
		if err == nil {
			h, _, err := model.OpenHold(called.Body)
			return h, err
		}
		if !errors.Is(err, model.ErrConflict) || try == holdTries {
			return nil, err
		}
	}
}

const holdTries = 16 // of a freeze or thaw, against programs that do so at the same time

func holdEffect(frozen bool) string {
	if frozen {
		return effectFreeze
	}
	return effectThaw
}
