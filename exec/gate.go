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

// Ledger is the receipt ledger that the gate needs; *kvledger.Ledger is one. It may also be a [Resolver], an [Awaiter]
// and a [Renewer].
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

// Receipts signs receipts as the ledger's agent, and records those of effects without a key.
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

// Responses stores byte strings under their hash; *store.Store is one.
type Responses interface {
	PutBytes(ctx context.Context, data []byte) (object.Hash, error)
	BytesUpdate(ctx context.Context, data []byte) (h object.Hash, put map[string][]byte, err error)
	Bytes(ctx context.Context, h object.Hash) ([]byte, error)
}

// Gate is the only way for effects to happen (spec/effects.md):
//
//	tool and request limits → capability → quota and ledger register
//	→ runner → receipt → response and ledger commit
//
// An effect with a key takes two durable updates of one store, which Quotas, Ledger and Responses share: one with the
// charge and the register, one with the response (if it is small, see store.SmallChunk) and the commit. An effect with
// a key is invoked at most once, whoever asks for it and however often. A committed effect is replayed after a check of
// the capability, without a charge. While somebody else runs the effect, the gate waits for the outcome. The gate
// resumes our own unfinished attempt if the tool is retry-safe, and does not charge it again. It returns tokens and GPU
// time that were charged in advance and not used, and the whole charge of an attempt that did not start. If nobody
// knows how an attempt ended and the tool's policy names a probe, the gate asks the probe first (exec/probed). A
// refused effect leaves a signed receipt with the reason. Set all fields before the first Do. Do is safe for concurrent
// use.
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
	Capture   bool             // store requests, too, under their hash
	// Defaults replace the [DefaultLimits] where set. The registration of a tool, and [Effect.Defaults], override them
	// in turn.
	Defaults Limits
	Wait     time.Duration // how long to wait for another attempt at the same key; 0: not at all; WaitForever: while it lives
	Pause    time.Duration // pause before the first retry of a failed attempt, doubled for each further one; 0: a second
	// Waiting is called once for each attempt that the gate waits for; it may be nil. It must not block for long.
	Waiting func(ledger.BusyError)
	Holds   Holds // nil: nothing is ever frozen
	// Approvals keeps what people approved. If it is nil, calls that require approval are refused.
	Approvals *approval.Approvals

	builtins map[object.Hash]builtin
	// flights: the ledger lets a process repeat its own attempt at a retry-safe tool, but two concurrent callers want a
	// single attempt.
	flights inflight.Flights[object.Hash]
}

// DefaultLease is the Lease of a Gate that sets none.
const DefaultLease = 30 * time.Second

// Effect is an action that a program or a person asks for.
type Effect struct {
	Tool    object.Hash
	Request []byte
	Key     []byte        // idempotency key; empty: none
	Caps    []caps.Chain  // the active authority; the first chain that covers the use is charged
	Timeout time.Duration // of the task; 0: only the tool's
	Manner  Manner
	// Defaults replace the [DefaultLimits] where set, for effects whose tools need far more than usual. Limits in a
	// registration still count.
	Defaults Limits
	Riders   []ledger.Rider // changes of the store that are made in the update of a register, or not at all
	// Charged receives the charged chain, before the Riders run; it may be called again.
	Charged func(caps.Chain)
}

// Manner says how to run an effect.
type Manner struct {
	// Wait is how long to wait for another attempt at the same key: 0 as long as the Gate says, NoWait not at all,
	// WaitForever while it lives.
	Wait    time.Duration
	Retries int           // how often to retry an attempt that failed or did not start
	Timeout time.Duration // of each attempt; 0: only the tool's
	// Anew tries again an effect that failed before. But if this call waited for the failed attempt, the failure is the
	// answer.
	Anew bool
	// RetrySafe allows repeating an attempt with an unknown outcome, even if the tool's policy does not.
	RetrySafe bool
	// Stdout and Stderr receive the program's output as it comes; nil: discard it.
	Stdout, Stderr io.Writer
	Made           bool  // the key was generated: an equal call that waits for approval replaces it by its own
	Capture        *bool // store the request under its hash; nil: as the Gate says
	Depth          int   // number of spawns around this effect
	// Idle is called when the effect begins to wait for others, and what it returns when the wait ends: meanwhile the
	// caller gives its place to another. Nil: it has none to give.
	Idle func() (back func())
	// Local passes data from a caller in this process to a tool, beside the request, such as where to write files. The
	// tool's runner defines its type. It never determines the action, which is in the request.
	Local any
}

// inner is the Manner of effects that a built-in tool causes in turn.
func (m Manner) inner() Manner {
	return Manner{Wait: m.Wait, Stderr: m.Stderr, Capture: m.Capture, Depth: m.Depth, Idle: m.Idle}
}

// Waits says that the effect begins to wait for others, until back is called ([Manner.Idle]).
func (m Manner) Waits() (back func()) {
	if m.Idle == nil {
		return func() {}
	}
	return m.Idle()
}

// Special values of a wait.
const (
	NoWait      = patience.None
	WaitForever = patience.Forever
)

// Outcome is the result of an effect.
type Outcome struct {
	Body         []byte
	Status       uint16
	RequestHash  object.Hash
	ResponseHash object.Hash
	ReceiptID    object.Hash
	ReceiptRaw   []byte
	Replayed     bool          // it was committed before; nothing was invoked
	Waited       time.Duration // time spent waiting for another attempt
	output.Use                 // as the tool reported it when it was invoked
	Price        uint64        // the charge beside the call; for a replay, that of the original call
	Cause        error         // the error of a built-in tool that failed; it says more than status and text
}

// RefusedError is an effect that the gate refused. It wraps the reason: caps.ErrDenied, caps.ErrQuota, ErrNoTool,
// ErrPinned, ErrBudget, ...
type RefusedError struct {
	Tool      object.Hash
	Status    uint16      // as in the receipt
	ReceiptID object.Hash // of the refusal; the zero Hash if recording it failed
	Err       error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("effect of tool %s refused: %v", e.Tool.Short(), e.Err)
}

// Unwrap gives ErrRefused and the reason.
func (e *RefusedError) Unwrap() []error { return []error{ErrRefused, e.Err} }

// ErrRefused means that the gate refused an effect.
var ErrRefused = errors.New("effect refused")

// ErrRequestTooLarge means that a request is larger than the tool's policy allows.
var ErrRequestTooLarge = errors.New("request exceeds the tool's limit")

// ErrNoResponse means that another executor of the same ledger committed an effect, and that its response is not in our
// store.
var ErrNoResponse = errors.New("the committed response is not in this store")

// Do runs an effect, or finds it committed, or refuses it. Errors: a *RefusedError; a *NotStartedError; a *LostError;
// those of the ledger (ledger.ErrBusy, ErrIdempotencyConflict, ErrDivergent, ErrNonDeterministic, ErrUnknownOutcome);
// those of a runner, after which the outcome is unknown. A tool that fails is not an error: see Outcome.Status.
func (g *Gate) Do(ctx context.Context, e Effect) (Outcome, error) {
	for retries := 0; ; retries++ {
		out, err := g.once(ctx, e, retries > 0)
		failed := errors.Is(err, ErrNotStarted) || repeatable(err) || (err == nil && ledger.Retryable(out.Status))
		if !failed || retries >= e.Manner.Retries {
			return out, err
		}
		if out.Replayed { // it failed earlier: a pause gains nothing
			continue
		}
		if perr := patience.Pause(ctx, cmp.Or(g.Pause, time.Second), retries); perr != nil {
			return out, errors.Join(err, perr)
		}
	}
}

// repeatable reports whether an answer of a retry-safe tool was lost.
func repeatable(err error) bool {
	var lost *LostError
	return errors.As(err, &lost) && lost.Safe
}

// once is Do without retries. again says to try a recorded failure again.
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

// Refuse records a signed receipt that says why an effect was refused, and returns the *RefusedError that wraps reason.
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
