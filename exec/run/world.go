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

// liveWorld lets effects happen.
type liveWorld struct {
	gate       *exec.Gate
	held       []caps.Chain
	onContract func(context.Context, vm.ContractCheck) error
	onEffect   func(exec.Effect, exec.Outcome)
	manner     exec.Manner
	refusing   *exec.Effect // what a REQUIRE_CAP is for; nil: the program does not say
	brought    *brought
}

func (w *liveWorld) Now() object.Time { return w.gate.Now() }

// Activate finds the held chain whose leaf is id or, failing that, one that was
// derived from it: so one bundle can name a capability that several executors
// hold an attenuation of, each its own. A refusal leaves its receipt, as that of any
// effect does: of the call that the capability was for or, in other programs, of
// ToolRequireCap.
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

// ToolRequireCap is the tool of the receipts of capabilities that a program required and
// could not use. Its request is the 32 bytes of the capability's id.
var ToolRequireCap = ir.BuiltinTool("cap.require")

// names reports whether id is the chain's leaf or, unless exact, one above it.
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

// halting makes an error of the gate a refusal where a task halts on it. Others mean that
// the run cannot go on now but may later (busy, unknown outcome, a failure of this machine).
func halting(err error) error {
	var refused *exec.RefusedError
	unrecorded := errors.As(err, &refused) && refused.ReceiptID.IsZero() // not even the refusal could be recorded
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

// haltCode is the code with which a task halts on an error of the gate; 0: it does not.
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
