package exec

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
)

// attempt is one effect on its way through the gate.
type attempt struct {
	gate        *Gate
	effect      Effect
	requestHash object.Hash
	target      target
	use         caps.Use
	chain       caps.Chain // what covers the use; the leaf comes first
	charged     bool
	about       *doubt // this is a probe's call
}

// admit finds the tool, checks the request and the authority, and charges the
// quota. With an error comes the status of the refusal, or 0 when it is none.
func (a *attempt) admit(ctx context.Context) (uint16, error) {
	var err error
	if a.target, err = a.gate.resolve(ctx, a.effect.Tool, a.effect.Defaults); err != nil {
		if errors.Is(err, ErrNoTool) {
			return StatusNotFound, err
		}
		return 0, err
	}
	if n, limit := int64(len(a.effect.Request)), a.target.limits.MaxRequest; n > limit {
		return StatusRequestTooBig, fmt.Errorf("%w: %d bytes, at most %d", ErrRequestTooLarge, n, limit)
	}
	if a.use, err = a.target.use(a.effect.Request); err != nil {
		return StatusBadRequest, err
	}
	allowed, err := a.authorize()
	if err != nil {
		return StatusDenied, err
	}
	if p, ok := a.target.runner.(Preparer); ok {
		if err := p.Prepare(ctx, a.call(0)); err != nil {
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			if errors.Is(err, ErrRequest) {
				return StatusBadRequest, err
			}
			return StatusNotFound, err
		}
	}
	return a.charge(ctx, allowed)
}

// authorize returns the active chains that cover the use. Without one, the error
// is why the last active one does not.
func (a *attempt) authorize() ([]caps.Chain, error) {
	var allowed []caps.Chain
	var denied error = &caps.DeniedError{Check: "active", Reason: "no capability is active"}
	now, holder := a.gate.Now(), a.gate.Signer.Agent()
	for _, chain := range a.effect.Caps {
		if err := a.gate.Verifier.Authorize(chain, holder, a.use, now); err != nil {
			denied = err
			continue
		}
		allowed = append(allowed, chain)
	}
	if len(allowed) == 0 {
		return nil, denied
	}
	return allowed, nil
}

// charge charges the first of the chains that has quota left. An effect that is
// committed already, or goes on where our own attempt broke off, is not charged.
func (a *attempt) charge(ctx context.Context, allowed []caps.Chain) (uint16, error) {
	a.chain = allowed[0]
	if done, err := a.paid(ctx); err != nil || done {
		return 0, err
	}
	var quota error
	for _, chain := range allowed {
		err := a.gate.Quotas.Charge(ctx, chain, a.use)
		if err == nil {
			a.chain, a.charged = chain, true
			return 0, nil
		}
		if !errors.Is(err, caps.ErrQuota) {
			return 0, fmt.Errorf("charge %s: %w", chain[0].ID.Short(), err)
		}
		quota = err
	}
	return StatusQuota, quota
}

// keyed registers, and replays or invokes as the ledger decides.
func (a *attempt) keyed(ctx context.Context) (Outcome, error) {
	d, out, settled, err := a.register(ctx)
	if err != nil {
		return Outcome{}, errors.Join(err, a.refund(ctx))
	}
	if settled {
		return out, nil
	}
	if d.Action == ledger.Replay {
		if err := a.refund(ctx); err != nil {
			return Outcome{}, err
		}
		return a.gate.replay(ctx, d)
	}
	if out, err = a.invoke(ctx, &d); err != nil {
		a.gate.Ledger.Release(d) // this attempt is over, whatever became of it
	}
	return out, err
}

// refund takes the charge back from a use that did not happen.
func (a *attempt) refund(ctx context.Context) error {
	if !a.charged {
		return nil
	}
	a.charged = false
	if err := a.gate.Quotas.Refund(context.WithoutCancel(ctx), a.chain, a.use); err != nil {
		return fmt.Errorf("refund %s: %w", a.chain[0].ID.Short(), err)
	}
	return nil
}

// unused returns what was charged of tokens and GPU time and, as the tool reports,
// not used.
func (a *attempt) unused(ctx context.Context, res Response) error {
	if !a.charged {
		return nil
	}
	rest := []caps.Amount{
		{Of: caps.Tokens, N: a.use.Tokens - min(a.use.Tokens, res.Tokens)},
		{Of: caps.GPUms, N: a.use.GPUms - min(a.use.GPUms, res.GPUms)},
	}
	if a.use.Kind != caps.KindTrainRun || rest[0].N+rest[1].N == 0 {
		return nil
	}
	if err := a.gate.Quotas.Return(ctx, a.chain, rest); err != nil {
		return fmt.Errorf("return what was not used of %s: %w", a.chain[0].ID.Short(), err)
	}
	return nil
}

func (a *attempt) timeout() time.Duration {
	return time.Duration(lower(int64(a.target.limits.Timeout), int64(a.effect.Timeout)))
}

func (a *attempt) call(fence uint64) Call {
	limits := a.target.limits
	limits.Timeout = a.timeout()
	key := a.effect.Key
	if a.about != nil {
		key, fence = a.about.key, a.about.fence
	}
	c := Call{
		Tool: a.effect.Tool, Name: a.target.name, Module: a.target.module,
		Request: a.effect.Request, Key: key, Fence: fence, Limits: limits,
		RetrySafe: a.target.retrySafe,
	}
	if _, builtin := a.gate.builtins[c.Tool]; builtin {
		c.Caps = a.effect.Caps
	}
	return c
}

// invoke runs the tool and makes its outcome durable: d is nil without a key.
// Once the tool has answered, nothing that the caller does stops the commit.
func (a *attempt) invoke(ctx context.Context, d *ledger.Decision) (Outcome, error) {
	var fence uint64
	if d != nil {
		fence = d.Fence
	}
	res, err := a.target.runner.Run(ctx, a.call(fence))
	if err != nil {
		return Outcome{}, fmt.Errorf("tool %s: %w", a.target.name, err)
	}
	if int64(len(res.Body)) > a.target.limits.MaxResponse {
		res = Response{Status: StatusResponseTooBig, Notes: "response exceeds the tool's limit", Tokens: res.Tokens, GPUms: res.GPUms}
	}
	return a.settle(context.WithoutCancel(ctx), d, res)
}

// settle keeps the response, signs the receipt and commits or records it.
func (a *attempt) settle(ctx context.Context, d *ledger.Decision, res Response) (Outcome, error) {
	if res.Body == nil {
		res.Body = []byte{}
	}
	responseHash, err := a.gate.Responses.PutBytes(ctx, res.Body)
	if err != nil {
		return Outcome{}, fmt.Errorf("keep the response: %w", err)
	}
	id, raw, err := a.gate.Ledger.NewReceipt(a.gate.receipt(a.effect, a.requestHash, res, responseHash, a.evidence(res)))
	if err != nil {
		return Outcome{}, fmt.Errorf("receipt: %w", err)
	}
	if d != nil {
		err = a.gate.Ledger.Commit(ctx, *d, raw)
	} else {
		err = a.gate.Ledger.Record(ctx, raw)
	}
	if err != nil {
		return Outcome{}, err
	}
	if err := a.unused(ctx, res); err != nil {
		return Outcome{}, err
	}
	return Outcome{
		Body: res.Body, Status: res.Status, RequestHash: a.requestHash, ResponseHash: responseHash,
		ReceiptID: id, ReceiptRaw: raw, Tokens: res.Tokens, GPUms: res.GPUms,
	}, nil
}

// evidence is, in this order: the capability, the ModuleRef (implementation and
// confinement) and the module's or binary's bytes of a registered tool, and what
// the runner adds.
func (a *attempt) evidence(res Response) []object.Hash {
	list := append([]object.Hash{a.chain[0].ID}, a.target.evidence...)
	return append(list, res.Evidence...)
}

// paid reports whether a keyed effect is committed already, or an attempt at it, by
// us and for the same request, was registered and broke off: it was charged then.
func (a *attempt) paid(ctx context.Context) (bool, error) {
	if len(a.effect.Key) == 0 {
		return false, nil
	}
	state, err := a.gate.Ledger.Read(ctx, ledger.IdemID(a.effect.Tool, a.effect.Key))
	if err != nil {
		return false, fmt.Errorf("ledger: %w", err)
	}
	r := state.Register
	return state.Commit != nil || (r != nil && r.Owner.Same(a.gate.Signer.Agent()) && r.RequestHash == a.requestHash), nil
}

// replay is the outcome of an effect that is committed, from its receipt and the
// response in our store.
func (g *Gate) replay(ctx context.Context, d ledger.Decision) (Outcome, error) {
	r, id, err := ledger.OpenReceipt(d.Receipt)
	if err != nil {
		return Outcome{}, fmt.Errorf("committed receipt: %w", err)
	}
	body, err := g.Responses.Bytes(ctx, r.ResponseHash)
	if errors.Is(err, store.ErrNotFound) {
		return Outcome{}, fmt.Errorf("%w: receipt %s: %w", ErrNoResponse, id.Short(), err)
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("committed response: %w", err)
	}
	tokens, gpuMs := usedOf(r.Notes)
	return Outcome{
		Body: body, Status: r.Status, RequestHash: r.RequestHash, ResponseHash: r.ResponseHash,
		ReceiptID: id, ReceiptRaw: d.Receipt, Replayed: true, Tokens: tokens, GPUms: gpuMs,
	}, nil
}

const maxNotes = 2 << 10 // bytes of a receipt's notes

// receipt is the unsigned receipt of an effect.
func (g *Gate) receipt(e Effect, requestHash object.Hash, res Response, responseHash object.Hash, evidence []object.Hash) ledger.Receipt {
	r := ledger.Receipt{
		ToolID: e.Tool, RequestHash: requestHash, ResponseHash: responseHash, IdempotencyKey: e.Key,
		TimeObserved: g.Now(), Status: res.Status, Evidence: evidence,
	}
	if notes := notesOf(res); notes != "" {
		notes = strings.ToValidUTF8(notes[:min(len(notes), maxNotes)], "\uFFFD")
		r.Notes = &notes
	}
	return r
}
