package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/quota"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/bill"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/exec/patience"
	"github.com/mythos-project/mythos/internal/inflight"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Ledger is what the gate needs of the receipt ledger; *kvledger.Ledger is one. It may
// be a [Resolver], an [Awaiter] and a [Renewer], too.
type Ledger interface {
	Receipts
	RegisterWith(ctx context.Context, tool object.Hash, key []byte, requestHash object.Hash, p ledger.Policy,
		with func(ledger.State) []ledger.Rider) (ledger.Decision, error)
	Commit(ctx context.Context, d ledger.Decision, receiptRaw []byte, riders ...ledger.Rider) error
	Withdraw(ctx context.Context, d ledger.Decision, decision uint8, receiptRaw []byte, riders ...ledger.Rider) error
	Recorded(d ledger.Decision, receipt object.Hash) bool
	Release(d ledger.Decision)
	Read(ctx context.Context, idem object.Hash) (ledger.State, error)
}

// Receipts signs receipts as the ledger's agent, and keeps those of effects without
// a key.
type Receipts interface {
	NewReceipt(r ledger.Receipt) (object.Hash, []byte, error)
	Record(ctx context.Context, receiptRaw []byte, riders ...ledger.Rider) error
}

// Verifier judges one use of authority; *caps.Verifier is one.
type Verifier interface {
	Verify(chain caps.Chain, holder object.AgentID, now object.Time) error
	Authorize(chain caps.Chain, holder object.AgentID, use scope.Use, now object.Time) error
}

// Quotas counts uses of authority; *quota.Quotas is one.
type Quotas interface {
	Charge(ctx context.Context, chain caps.Chain, use scope.Use) error
	Riding(chain caps.Chain, use scope.Use, of *quota.Attempt) (keys []string, ride quota.Ride, err error)
	Return(ctx context.Context, chain caps.Chain, cost []scope.Amount) error
	Returning(chain caps.Chain, cost []scope.Amount, idem *object.Hash) (keys []string, ride quota.Ride, err error)
	bill.Quotas
}

// Responses keeps byte strings under their hash; *store.Store is one.
type Responses interface {
	PutBytes(ctx context.Context, data []byte) (object.Hash, error)
	BytesUpdate(ctx context.Context, data []byte) (h object.Hash, put map[string][]byte, err error)
	Bytes(ctx context.Context, h object.Hash) ([]byte, error)
}

// Gate is the one path by which effects happen (spec/effects.md):
//
//	tool and request limits → capability → quota and ledger register
//	→ runner → receipt → response and ledger commit
//
// An effect with a key is two durable updates of one store, which Quotas, Ledger and
// Responses share: the charge comes with the register, the response (where it is
// small, see store.SmallChunk) with the commit.
// An effect with a key is invoked at most once, no matter who asks for it and how
// often: a committed one is replayed, after its capability was checked, without
// being charged. While somebody else is at it, the gate waits for the outcome. An
// unfinished attempt of our own is resumed if the tool is safe to repeat, and not charged
// again. Tokens and GPU time that were charged beforehand and not used are returned, and
// everything that was charged for an attempt that did not start. Where nobody knows how an
// attempt ended and the tool's policy names a probe, that is asked first (exec/probed). An
// effect that is refused leaves a signed receipt that says why.
// All fields are set before the first Do. Do is safe for concurrent use.
type Gate struct {
	Signer    sign.Signer // the executing agent, who holds the capabilities
	Now       func() object.Time
	Verifier  Verifier
	Quotas    Quotas
	Ledger    Ledger
	Responses Responses
	Tools     *Tools
	Runners   map[uint8]Runner // by kind of implementation: KindWasm, ...
	Lease     time.Duration    // how long an attempt holds its key without a sign of life; 0: DefaultLease
	Capture   bool             // keep requests, too, under their hash
	// Defaults replace those of [DefaultLimits] that are set here. The registration of a
	// tool, and [Effect.Defaults], replace them in turn.
	Defaults Limits
	Wait     time.Duration // for another attempt at the same key; 0: not at all; WaitForever: while it lives
	Pause    time.Duration // before a failed attempt is made again, and twice as long each time after; 0: a second
	// Waiting is told once of each attempt that is waited for; nil: nobody listens. It must
	// not block for long.
	Waiting func(ledger.BusyError)
	Holds   Holds // nil: nothing is ever frozen
	// Approvals keeps what people agreed to; nil: what they have to agree to is refused.
	Approvals *approval.Approvals

	builtins map[object.Hash]builtin
	// flights: the ledger lets a process repeat its own attempt at a tool that is safe to retry, but
	// two callers at once want it done once.
	flights inflight.Flights[object.Hash]
}

// DefaultLease is the Lease of a Gate that sets none.
const DefaultLease = 30 * time.Second

// Effect is what a program or a person wants done.
type Effect struct {
	Tool    object.Hash
	Request []byte
	Key     []byte        // idempotency key; empty is none
	Caps    []caps.Chain  // the authority that is active; the first that covers the use is charged
	Timeout time.Duration // of the task; 0: only the tool's
	Manner  Manner
	// Defaults are instead of [DefaultLimits], where they are set: for effects whose
	// tools are given far more than usual. What a registration names still counts.
	Defaults Limits
	Riders   []ledger.Rider // changes of the store that are made with a register, or not at all
	// Charged is told of the chain that is charged, before the Riders; it may be told again.
	Charged func(caps.Chain)
}

// Manner is how an effect is made, beside what it is.
type Manner struct {
	// Wait is how long to wait for another attempt at the same key: 0 as long as the Gate
	// says, NoWait not at all, WaitForever while it lives.
	Wait    time.Duration
	Retries int           // how often an attempt that failed, or did not start, is made again
	Timeout time.Duration // of each attempt; 0: only the tool's
	// Anew makes an effect that failed before again. The failure of an attempt that was
	// waited for is the answer.
	Anew bool
	// RetrySafe says what the tool's policy need not say: that an attempt with unknown
	// outcome may be repeated.
	RetrySafe bool
	// Stdout and Stderr are given what a program writes, as it comes; nil: nobody listens.
	Stdout, Stderr io.Writer
	Made           bool  // the key was made up: an equal call that waits for approval gives its key
	Capture        *bool // keep the request under its hash; nil: as the Gate says
	Depth          int   // spawns that this effect is inside of
	// Local is what a caller in this process hands to a tool beside the request, such as
	// where files go. The tool's runner says of which type it is. What is done never follows
	// from it: that stands in the request.
	Local any
}

// inner is how effects are made that a built-in tool causes in turn.
func (m Manner) inner() Manner {
	return Manner{Wait: m.Wait, Stderr: m.Stderr, Capture: m.Capture, Depth: m.Depth}
}

// How long to wait, beside durations.
const (
	NoWait      = patience.None
	WaitForever = patience.Forever
)

// Outcome is what became of an effect.
type Outcome struct {
	Body         []byte
	Status       uint16
	RequestHash  object.Hash
	ResponseHash object.Hash
	ReceiptID    object.Hash
	ReceiptRaw   []byte
	Replayed     bool          // it had been done before; nothing was invoked
	Waited       time.Duration // for another attempt at it
	output.Use                 // as the tool reported it, when it was invoked
	Price        uint64        // what it was charged beside its call; of a replay: when it was invoked
	Cause        error         // of a failure of a built-in tool that was invoked, where its status and text say less
}

// RefusedError is an effect that the gate did not let through. It wraps the
// reason: caps.ErrDenied, caps.ErrQuota, ErrNoTool, ErrPinned, ErrBudget, ...
type RefusedError struct {
	Tool      object.Hash
	Status    uint16      // as in the receipt
	ReceiptID object.Hash // of the refusal; the zero Hash when even that failed
	Err       error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("effect of tool %s refused: %v", e.Tool.Short(), e.Err)
}

// Unwrap gives ErrRefused and the reason.
func (e *RefusedError) Unwrap() []error { return []error{ErrRefused, e.Err} }

// ErrRefused means that the gate did not let an effect through.
var ErrRefused = errors.New("effect refused")

// ErrRequestTooLarge means that a request exceeds what the tool's policy allows.
var ErrRequestTooLarge = errors.New("request exceeds the tool's limit")

// ErrNoResponse means that an effect was committed, by another executor of the
// same ledger, and that its response is not in our store.
var ErrNoResponse = errors.New("the committed response is not in this store")

// Do lets one effect happen, or finds it done, or refuses it. Errors: a
// *RefusedError; a *NotStartedError; a *LostError; those of the ledger (ledger.ErrBusy,
// ErrIdempotencyConflict, ErrDivergent, ErrNonDeterministic, ErrUnknownOutcome); a
// runner's, after which the outcome is unknown. A tool that fails is no error: see
// Outcome.Status.
func (g *Gate) Do(ctx context.Context, e Effect) (Outcome, error) {
	for retries := 0; ; retries++ {
		out, err := g.once(ctx, e, retries > 0)
		failed := errors.Is(err, ErrNotStarted) || repeatable(err) || (err == nil && ledger.Retryable(out.Status))
		if !failed || retries >= e.Manner.Retries {
			return out, err
		}
		if out.Replayed { // it failed before: nothing is gained by a pause
			continue
		}
		if perr := patience.Pause(ctx, cmp.Or(g.Pause, time.Second), retries); perr != nil {
			return out, errors.Join(err, perr)
		}
	}
}

// repeatable reports whether an answer was lost of a tool that is safe to repeat.
func repeatable(err error) bool {
	var lost *LostError
	return errors.As(err, &lost) && lost.Safe
}

// once is Do without repetitions; again says that a recorded failure is tried again.
func (g *Gate) once(ctx context.Context, e Effect, again bool) (Outcome, error) {
	a := &attempt{gate: g, effect: e, requestHash: object.Sum(e.Request), again: again}
	a.anew = e.Manner.Anew && !again
	a.patience = patience.Of(cmp.Or(e.Manner.Wait, g.Wait))
	if len(e.Key) > 0 {
		leave, err := a.enter(ctx)
		if err != nil {
			return Outcome{}, err
		}
		defer leave()
	}
	status, err := a.admit(ctx)
	if err == nil {
		if err = a.named(ctx); errors.Is(err, caps.ErrDenied) {
			status = statusOf(err)
		}
	}
	if err != nil {
		if status == 0 {
			return Outcome{}, err
		}
		return Outcome{}, g.Refuse(ctx, e, status, err)
	}
	if len(e.Key) == 0 && len(a.effect.Key) > 0 {
		leave, err := a.enter(ctx)
		if err != nil {
			return Outcome{}, err
		}
		defer leave()
		e = a.effect
	}
	if own := e.Manner.Capture; (own == nil && g.Capture) || (own != nil && *own) {
		if _, err := g.Responses.PutBytes(ctx, e.Request); err != nil {
			return Outcome{}, fmt.Errorf("keep the request: %w", err)
		}
	}
	free, err := a.reserve(ctx)
	if err != nil {
		return Outcome{}, err
	}
	defer free()
	if len(e.Key) == 0 {
		if status, err := a.charge(ctx); err != nil {
			if status == 0 {
				return Outcome{}, err
			}
			return Outcome{}, g.Refuse(ctx, e, status, err)
		}
		return a.invoke(ctx, nil)
	}
	return a.keyed(ctx)
}

// Refuse leaves a signed receipt that says why an effect was not let through,
// and returns the *RefusedError that wraps reason.
func (g *Gate) Refuse(ctx context.Context, e Effect, status uint16, reason error) error {
	refused := &RefusedError{Tool: e.Tool, Status: status, Err: reason}
	r := g.receipt(e, object.Sum(e.Request), Response{Status: status, Notes: ledger.RefusedNotes + reason.Error()}, 0, object.Sum(nil), nil)
	id, raw, err := g.Ledger.NewReceipt(r)
	if err == nil {
		err = g.Ledger.Record(ctx, raw)
	}
	if err != nil {
		return errors.Join(refused, fmt.Errorf("record the refusal: %w", err))
	}
	refused.ReceiptID = id
	return refused
}
