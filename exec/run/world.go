package run

import (
	"context"
	"errors"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// liveWorld runs effects.
type liveWorld struct {
	gate       *exec.Gate
	held       []caps.Chain
	onContract func(context.Context, vm.ContractCheck) error
	onEffect   func(exec.Effect, exec.Outcome)
	manner     exec.Manner
	refusing   *exec.Effect // the effect that a REQUIRE_CAP is for; nil: unknown
	brought    *brought
}

func (w *liveWorld) Now() object.Time { return w.gate.Now() }

// Activate finds the held chain whose leaf is id or, if there is none, a chain derived from id: so one bundle can name
// a capability of which several executors each hold an attenuation. A refusal leaves a receipt, like that of any
// effect: of the call for which the capability was required or, in other programs, of ToolRequireCap.
func (w *liveWorld) Activate(ctx context.Context, id object.Hash) (caps.Chain, error) {
	var failed error = &caps.DeniedError{Check: "held", Cap: id, Reason: "it is not among the task's capabilities"}
	for _, exact := range []bool{true, false} {
		for _, chain := range w.held {
			if !names(chain, id, exact) {
				continue
			}
			err := w.gate.Verifier.Verify(chain, w.gate.Signer.Agent(), w.gate.Now())
			if err == nil {
				return chain, nil
			}
			failed = err
		}
	}
	e := exec.Effect{Tool: ToolRequireCap, Request: id.Sum[:]}
	if w.refusing != nil {
		e = *w.refusing
	}
	return nil, halting(w.gate.Refuse(ctx, e, exec.StatusDenied, failed))
}

// ToolRequireCap is the tool in the receipts of required capabilities that a program could not use. Its request is the
// 32 bytes of the capability's id.
var ToolRequireCap = ir.BuiltinTool("cap.require")

// names reports whether id is the chain's leaf or, unless exact, a link above it.
func names(chain caps.Chain, id object.Hash, exact bool) bool {
	for i := range chain {
		if chain[i].ID == id && (i == 0) == exact {
			return true
		}
	}
	return false
}

// Do implements vm.World.
func (w *liveWorld) Do(ctx context.Context, e vm.Effect) (vm.Outcome, error) {
	if out, ok := w.brought.answer(e); ok {
		return out, nil
	}
	asked := exec.Effect{Tool: e.Tool, Request: e.Request, Key: e.Key, Caps: e.Caps, Timeout: e.Timeout, Manner: w.manner}
	out, err := w.gate.Do(ctx, asked)
	if err == nil && w.onEffect != nil {
		w.onEffect(asked, out)
	}
	return vm.Outcome{
		Body: out.Body, Status: out.Status, RequestHash: out.RequestHash, ResponseHash: out.ResponseHash, ReceiptID: out.ReceiptID,
		Replayed: out.Replayed, Waited: out.Waited, Tokens: out.Tokens,
	}, halting(err)
}

// OverBudget implements vm.World.
func (w *liveWorld) OverBudget(ctx context.Context, e vm.Effect, reason error) error {
	return halting(w.gate.Refuse(ctx, exec.Effect{Tool: e.Tool, Request: e.Request, Key: e.Key}, exec.StatusBudget, reason))
}

// Builtin implements vm.World.
func (w *liveWorld) Builtin(id object.Hash) (writes, spawns bool) {
	return w.gate.Charged(id)
}

// Contract implements vm.World.
func (w *liveWorld) Contract(ctx context.Context, c vm.ContractCheck) error {
	if w.onContract == nil {
		return nil
	}
	return w.onContract(ctx, c)
}

// halting turns an error of the gate that halts a task into a refusal. Other errors mean that the run cannot continue
// now but may later (busy, unknown outcome, a failure of this machine).
func halting(err error) error {
	var refused *exec.RefusedError
	unrecorded := errors.As(err, &refused) && refused.ReceiptID.IsZero() // even the refusal could not be recorded
	code := haltCode(err)
	if unrecorded || code == 0 {
		return err
	}
	halt := &vm.Refusal{Code: code, Err: err}
	if refused != nil {
		halt.Status, halt.ReceiptID = refused.Status, &refused.ReceiptID
	}
	return halt
}

// haltCode is the code with which an error of the gate halts a task; 0: it does not.
func haltCode(err error) vm.HaltCode {
	switch {
	case errors.Is(err, caps.ErrQuota):
		return vm.HaltQuota
	case errors.Is(err, caps.ErrDenied):
		return vm.HaltCapability
	case errors.Is(err, exec.ErrRefused), errors.Is(err, ledger.ErrAbandoned):
		return vm.HaltRefused
	case errors.Is(err, ledger.ErrIdempotencyConflict):
		return vm.HaltConflict
	case errors.Is(err, ledger.ErrNonDeterministic), errors.Is(err, ledger.ErrDivergent):
		return vm.HaltDivergent
	}
	return 0
}
