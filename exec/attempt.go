package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/bill"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/patience"
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
	use         scope.Use
	allowed     []caps.Chain      // chains that cover the use, each with its leaf first
	people      approval.Case     // the approval that they require
	chain       caps.Chain        // the chain that is charged
	charged     bool              // by this attempt
	paid        bool              // this attempt resumes one of our own, which was charged
	price       uint64            // the effect's charge beside its call
	about       *doubt            // set if this is a probe's call
	again       bool              // try a recorded failure again
	anew        bool              // try again a failure that nobody waited for
	patience    patience.Patience // how long to wait for other attempts at the same key
}

// admit finds the tool and checks the request and the authority. If it fails, it also returns the status of the
// refusal, or 0 if the error is not a refusal.
func (a *attempt) admit(ctx context.Context) (uint16, error) {
	var err error
	if a.target, err = a.gate.resolve(ctx, a.effect.Tool, a.gate.Defaults.replace(a.effect.Defaults)); err != nil {
		if errors.Is(err, ErrNoTool) {
			return StatusNotFound, err
		}
		return 0, err
	}
	a.target.retrySafe = a.target.retrySafe || a.effect.Manner.RetrySafe
	if n, limit := int64(len(a.effect.Request)), a.target.limits.MaxRequest; n > limit {
		return StatusRequestTooBig, fmt.Errorf("%w: %d bytes, at most %d", ErrRequestTooLarge, n, limit)
	}
	if a.use, err = a.target.use(a.effect.Request); err != nil {
		return StatusBadRequest, err
	}
	if a.allowed, err = a.authorize(ctx); err != nil {
		if !errors.Is(err, caps.ErrDenied) {
			return 0, err
		}
		return statusOf(err), err
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

// authorize returns the active chains that cover the use and are not frozen. If there is none, the error says why the
// last active chain does not cover it, or what is frozen.
func (a *attempt) authorize(ctx context.Context) ([]caps.Chain, error) {
	var allowed []caps.Chain
	var denied error = &caps.DeniedError{Check: caps.CheckActive, Reason: "no capability is active"}
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
	return a.asked(a.unheld(ctx, allowed))
}

// charge charges the first chain with enough quota. If it fails, it also returns the status of the refusal, or 0 if the
// error is not a refusal.
func (a *attempt) charge(ctx context.Context) (uint16, error) {
	var quota error
	for _, chain := range a.allowed {
		err := a.gate.Quotas.Charge(ctx, chain, a.use)
		if err == nil {
			a.chain, a.charged, a.price = chain, true, a.use.Price
			return 0, nil
		}
		if !errors.Is(err, caps.ErrQuota) {
			return 0, fmt.Errorf("charge %s: %w", chain[0].ID.Short(), err)
		}
		quota = err
	}
	return StatusQuota, quota
}

// charging is charge for an effect with a key, as a rider of its register. If our own attempt at the same request was
// interrupted, it was charged; this attempt resumes it.
func (a *attempt) charging(ctx context.Context, s ledger.State) []ledger.Rider {
	if err := a.admitAgain(ctx); err != nil {
		return []ledger.Rider{{Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) { return nil, err }}}
	}
	a.chain, a.charged, a.price = a.allowed[0], false, 0
	r := s.Register
	if a.paid || (r != nil && s.Commit == nil && r.Owner.Same(a.gate.Signer.Agent()) && r.RequestHash == a.requestHash) {
		return a.people.Resumes(ctx, &a.chain)
	}
	rides := make([]quota.Ride, len(a.allowed))
	var of *quota.Attempt
	if a.use.Price+a.use.Tokens+a.use.GPUms > 0 {
		of = &quota.Attempt{Idem: s.IdemID, Fence: s.Fence + 1}
	}
	var reads []string
	for i, chain := range a.allowed {
		keys, ride, err := a.gate.Quotas.Riding(chain, a.use, of)
		if rides[i] = ride; i == 0 {
			reads = keys // the others are charged if this one is used up
		}
		if err != nil {
			rides[i] = func(func(string) ([]byte, error)) (map[string][]byte, error) { return nil, err }
		}
		rides[i] = a.people.Riding(chain, rides[i])
	}
	return []ledger.Rider{{Size: chargeSize, Reads: reads, Ride: func(get func(string) ([]byte, error)) (map[string][]byte, error) {
		return a.chargeOne(rides, get)
	}}}
}

const chargeSize = 1 << 10 // approximate size of the counters of a chain

func (a *attempt) chargeOne(rides []quota.Ride, get func(string) ([]byte, error)) (map[string][]byte, error) {
	var usedUp, lacks error
	for i, chain := range a.allowed {
		put, err := rides[i](get)
		if errors.Is(err, approval.ErrUnapproved) {
			lacks = cmp.Or(lacks, err)
			continue
		}
		if err == nil {
			if a.chain, a.charged, a.price = chain, true, a.use.Price; a.effect.Charged != nil {
				a.effect.Charged(chain)
			}
			return put, nil
		}
		if !errors.Is(err, caps.ErrQuota) {
			return nil, fmt.Errorf("charge %s: %w", chain[0].ID.Short(), err)
		}
		usedUp = err
	}
	return nil, cmp.Or(lacks, usedUp)
}

// keyed registers the effect, and replays or invokes it as the ledger decides. While somebody else is running the
// effect, it waits.
func (a *attempt) keyed(ctx context.Context) (Outcome, error) {
	for {
		d, out, settled, err := a.register(ctx)
		var busy *ledger.BusyError
		if errors.As(err, &busy) {
			out, settled, err = a.await(ctx, busy)
			if err == nil && !settled {
				continue
			}
		}
		switch {
		case err != nil || settled:
		case d.Action == ledger.Replay:
			out, err = a.gate.replay(ctx, d)
		default:
			if out, err = a.invoke(ctx, &d); err != nil {
				a.gate.Ledger.Release(d) // this attempt is over, whatever its outcome
			}
		}
		out.Waited = a.patience.Spent
		return out, err
	}
}

func (a *attempt) timeout() time.Duration {
	limit := lower(int64(a.target.limits.Timeout), int64(a.effect.Timeout))
	return time.Duration(lower(limit, int64(a.effect.Manner.Timeout)))
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
		RetrySafe: a.target.retrySafe, Stdout: a.effect.Manner.Stdout, Stderr: a.effect.Manner.Stderr, Local: a.effect.Manner.Local,
	}
	if _, builtin := a.gate.builtins[c.Tool]; builtin {
		c.Caps, c.Inner = a.effect.Caps, a.effect.Manner.inner()
	}
	return c
}

// invoke runs the tool and makes its outcome durable. d is nil if there is no key. Once the tool has answered, the
// caller cannot stop the commit.
func (a *attempt) invoke(ctx context.Context, d *ledger.Decision) (Outcome, error) {
	begun, err := a.begin(ctx)
	if err != nil {
		return a.withheld(ctx, d, err)
	}
	defer begun()
	call := a.call(0)
	if d != nil {
		call = a.call(d.Fence)
		call.Alive = d.Alive
		defer a.renewing(*d)()
	}
	call.Begun = begun
	obeying, free := a.obeying(ctx)
	res, err := a.target.runner.Run(obeying, call)
	frozen, stopped := cancelled(obeying)
	free()
	ctx, caller := context.WithoutCancel(ctx), ctx
	switch {
	case err != nil && stopped && !errors.Is(err, ErrNotStarted):
		if d != nil {
			return a.stopped(ctx, *d, frozen)
		}
		return a.settle(ctx, nil, frozen)
	case errors.Is(err, ErrNotStarted):
		return a.notStarted(ctx, d, err)
	case err != nil:
		return Outcome{}, a.lost(caller, err)
	}
	if res = a.bounded(res); a.target.permanent(res) {
		res.Status = StatusPermanent
	}
	if d != nil && res.Status == StatusTimeout && !a.target.retrySafe {
		return a.stopped(ctx, *d, res)
	}
	out, err := a.settle(ctx, d, res)
	if err == nil && res.Then != nil {
		err = res.Then(caller)
	}
	return out, err
}

// bounded returns the response, without its bytes if there are more than the tool may answer.
func (a *attempt) bounded(res Response) Response {
	if int64(len(res.Body)) <= a.target.limits.MaxResponse {
		return res
	}
	return Response{Status: StatusResponseTooBig, Notes: "response exceeds the tool's limit", Use: res.Use}
}

// settle stores the response, signs the receipt and commits or records it.
func (a *attempt) settle(ctx context.Context, d *ledger.Decision, res Response) (Outcome, error) {
	b, idem, err := bill.Bill{Price: a.price, Chain: a.chain}, (*object.Hash)(nil), error(nil)
	if d != nil {
		idem = &d.IdemID
	}
	if a.charged {
		b.Tokens, b.GPUms = a.use.Tokens, a.use.GPUms
	}
	if d != nil && !a.charged && a.price == 0 {
		b, err = bill.Find(ctx, a.gate.Quotas, d.IdemID, a.effect.Caps, a.chain)
		a.price, a.chain = b.Price, b.Chain
	}
	if err != nil {
		return Outcome{}, err
	}
	out, raw, riders, err := a.receipted(ctx, d, res)
	if err == nil && !res.Undone {
		var settled []ledger.Rider
		settled, err = b.Settle(a.gate.Quotas, bill.Used{Cost: res.Cost, Tokens: res.Tokens, GPUms: res.GPUms}, idem)
		riders = append(append(riders, settled...), res.Riders...)
	}
	if err != nil {
		return Outcome{}, err
	}
	switch {
	case res.Undone:
		err = a.giveBack(ctx, d, raw, riders)
	case d != nil:
		d.Response = out.Body
		err = a.gate.Ledger.Commit(ctx, *d, raw, riders...)
	default:
		err = a.gate.Ledger.Record(ctx, raw, riders...)
	}
	if err != nil {
		return Outcome{}, err
	}
	return out, nil
}

// receipted signs the receipt of a response. Its riders store the response. Two attempts with the same result within a
// microsecond still get different receipts.
func (a *attempt) receipted(ctx context.Context, d *ledger.Decision, res Response) (out Outcome, raw []byte, riders []ledger.Rider, err error) {
	if res.Body == nil {
		res.Body = []byte{}
	}
	responseHash, put, err := a.gate.Responses.BytesUpdate(ctx, res.Body)
	if err != nil {
		return Outcome{}, nil, nil, fmt.Errorf("keep the response: %w", err)
	}
	if put != nil {
		riders = []ledger.Rider{{Size: len(res.Body) + 256,
			Ride: func(func(string) ([]byte, error)) (map[string][]byte, error) { return put, nil }}}
	}
	approved, err := a.people.Names(ctx, a.chain)
	if err != nil {
		return Outcome{}, nil, nil, err
	}
	price := a.price
	if res.Undone || res.Status == StatusNotStarted {
		price = 0 // the price is returned
	}
	r := a.gate.receipt(a.effect, a.requestHash, res, price, responseHash, append(a.evidence(res), approved...))
	id, raw, err := a.gate.Ledger.NewReceipt(r)
	for err == nil && d != nil && a.gate.Ledger.Recorded(*d, id) {
		r.TimeObserved++
		id, raw, err = a.gate.Ledger.NewReceipt(r)
	}
	if err != nil {
		return Outcome{}, nil, nil, fmt.Errorf("receipt: %w", err)
	}
	return Outcome{
		Body: res.Body, Status: res.Status, RequestHash: a.requestHash, ResponseHash: responseHash,
		ReceiptID: id, ReceiptRaw: raw, Use: res.Use, Price: price, Cause: res.Cause,
	}, raw, riders, nil
}

// evidence lists, in this order: the capability; for a registered tool the ModuleRef (implementation and confinement)
// and the bytes of the module or binary; the runner's additions; and last what people approved.
func (a *attempt) evidence(res Response) []object.Hash {
	list := append([]object.Hash{a.chain[0].ID}, a.target.evidence...)
	if a.about != nil {
		list = append(list, ledger.DoubtID(a.about.idem, a.about.fence))
	}
	return append(list, res.Evidence...)
}

// replay returns the outcome of a committed effect, from its receipt and the response in our store.
func (g *Gate) replay(ctx context.Context, d ledger.Decision) (Outcome, error) {
	r, id, err := ledger.OpenReceipt(d.Receipt)
	if err != nil {
		return Outcome{}, fmt.Errorf("committed receipt: %w", err)
	}
	body := d.Response
	if body == nil {
		body, err = g.Responses.Bytes(ctx, r.ResponseHash)
	}
	if errors.Is(err, store.ErrNotFound) {
		return Outcome{}, fmt.Errorf("%w: receipt %s: %w", ErrNoResponse, id.Short(), err)
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("committed response: %w", err)
	}
	var used output.Use
	var price uint64
	if r.Notes != nil {
		used, price = output.Used(*r.Notes)
	}
	return Outcome{
		Body: body, Status: r.Status, RequestHash: r.RequestHash, ResponseHash: r.ResponseHash,
		ReceiptID: id, ReceiptRaw: d.Receipt, Replayed: true, Use: used, Price: price,
	}, nil
}

const maxNotes = 2 << 10 // bytes of a receipt's notes

// receipt is the unsigned receipt of an effect.
func (g *Gate) receipt(e Effect, requestHash object.Hash, res Response, price uint64, responseHash object.Hash, evidence []object.Hash) ledger.Receipt {
	r := ledger.Receipt{
		ToolID: e.Tool, RequestHash: requestHash, ResponseHash: responseHash, IdempotencyKey: e.Key,
		TimeObserved: g.Now(), Status: res.Status, Evidence: evidence,
	}
	if notes := output.WithUse(res.Notes, res.Use, price); notes != "" {
		notes = strings.ToValidUTF8(notes[:min(len(notes), maxNotes)], "\uFFFD")
		r.Notes = &notes
	}
	return r
}
