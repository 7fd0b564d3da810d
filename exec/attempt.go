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
	allowed     []caps.Chain // those that cover the use; the leaf comes first in each
	chain       caps.Chain   // the one of them that is charged
	charged     bool         // by this attempt
	paid        bool         // an attempt of our own that this one goes on with was charged
	about       *doubt       // this is a probe's call
}

// admit finds the tool and checks the request and the authority. With an error comes the status of the refusal, or 0 when it is none.
func (a *attempt) admit(ctx context.Context) (uint16, error) {
	var err error
	if a.target, err = a.gate.resolve(ctx, a.effect.Tool, a.gate.Defaults.replace(a.effect.Defaults)); err != nil {
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
	if a.allowed, err = a.authorize(); err != nil {
		return StatusDenied, err
	}
	a.chain = a.allowed[0]
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
	return 0, nil
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

// charge charges the first of the chains that has quota left. With an error comes the
// status of the refusal, or 0 when it is none.
func (a *attempt) charge(ctx context.Context) (uint16, error) {
	var quota error
	for _, chain := range a.allowed {
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

// charging is charge for an effect with a key, as a rider of its register. Where our
// own attempt at the same request broke off, that was charged, and this goes on with it.
func (a *attempt) charging(s ledger.State) []ledger.Rider {
	a.chain, a.charged = a.allowed[0], false
	r := s.Register
	if a.paid || (r != nil && r.Owner.Same(a.gate.Signer.Agent()) && r.RequestHash == a.requestHash) {
		return nil
	}
	rides := make([]charger, len(a.allowed))
	var reads []string
	for i, chain := range a.allowed {
		keys, ride, err := a.gate.Quotas.Riding(chain, a.use)
		if rides[i] = ride; i == 0 {
			reads = keys // the others are charged where this one is used up
		}
		if err != nil {
			rides[i] = func(func(string) ([]byte, error)) (map[string][]byte, error) { return nil, err }
		}
	}
	return []ledger.Rider{{Size: chargeSize, Reads: reads, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		return a.chargeOne(rides, get)
	}}}
}

const chargeSize = 1 << 10 // of the counters of a chain, about

// charger is what Quotas.Riding returns.
type charger = func(get func(key string) ([]byte, error)) (map[string][]byte, error)

func (a *attempt) chargeOne(rides []charger, get func(string) ([]byte, error)) (map[string][]byte, error) {
	var quota error
	for i, chain := range a.allowed {
		put, err := rides[i](get)
		if err == nil {
			a.chain, a.charged = chain, true
			return put, nil
		}
		if !errors.Is(err, caps.ErrQuota) {
			return nil, fmt.Errorf("charge %s: %w", chain[0].ID.Short(), err)
		}
		quota = err
	}
	return nil, quota
}

// keyed registers, and replays or invokes as the ledger decides.
func (a *attempt) keyed(ctx context.Context) (Outcome, error) {
	d, out, settled, err := a.register(ctx)
	if err != nil || settled {
		return out, err
	}
	if d.Action == ledger.Replay {
		return a.gate.replay(ctx, d)
	}
	if out, err = a.invoke(ctx, &d); err != nil {
		a.gate.Ledger.Release(d) // this attempt is over, whatever became of it
	}
	return out, err
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
	responseHash, put, err := a.gate.Responses.BytesUpdate(ctx, res.Body)
	if err != nil {
		return Outcome{}, fmt.Errorf("keep the response: %w", err)
	}
	var riders []ledger.Rider
	if put != nil {
		riders = []ledger.Rider{{Size: len(res.Body) + 256,
			Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) { return put, nil }}}
	}
	id, raw, err := a.gate.Ledger.NewReceipt(a.gate.receipt(a.effect, a.requestHash, res, responseHash, a.evidence(res)))
	if err != nil {
		return Outcome{}, fmt.Errorf("receipt: %w", err)
	}
	if d != nil {
		err = a.gate.Ledger.Commit(ctx, *d, raw, riders...)
	} else {
		err = a.gate.Ledger.Record(ctx, raw, riders...)
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
