package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/output"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Runner invokes tools of one kind. Run returns an error that wraps ErrNotStarted if the tool certainly did nothing. It
// returns any other error only if it cannot tell what the tool did (the machine failed, or the caller cancelled ctx);
// the effect then has an unknown outcome. A tool that fails, answers too much or takes too long gives a Response with
// its own status. Runners are safe for concurrent use.
type Runner interface {
	Run(ctx context.Context, call Call) (Response, error)
}

// Call is one invocation of one tool.
type Call struct {
	Tool    object.Hash // the tool's id
	Name    string      // the name of its registration, for people
	Module  ModuleRef   // its implementation; zero for a built-in
	Request []byte
	Key     []byte // idempotency key; empty: none
	Fence   uint64 // rises with every register of the same key; 0 without a key
	Limits  Limits // all set
	// Caps are the capabilities that were active where the effect was requested. Only a built-in tool gets them, for
	// the effects that it causes in turn.
	Caps  []caps.Chain
	Inner Manner // how to run these effects
	Local any    // data from a caller in this process ([Manner])
	// RetrySafe is the tool's policy: an attempt with unknown outcome may be repeated.
	RetrySafe bool
	// Alive is the lock that this attempt holds while it runs; nil: none. A runner lets all processes that it starts
	// inherit the lock, so that it is held until the last of them has ended, even if this process dies.
	Alive *os.File
	// Stdout and Stderr receive a process's output as it comes; nil: discard it. They change neither the response nor
	// the receipt.
	Stdout, Stderr io.Writer
	Begun          func() // see Started
}

// Started is called by a runner once its tool has begun, or is certainly about to begin: a freeze waits for it.
// Otherwise the freeze waits until Run returns.
func (c Call) Started() {
	if c.Begun != nil {
		c.Begun()
	}
}

// ErrNotStarted means that an attempt certainly did nothing: no byte of the request was sent and no code of the tool
// ran. The effect's key stays free and nothing is charged.
var ErrNotStarted = errors.New("the tool did not start")

// NotStarted wraps an error of a runner that knows that nothing happened.
func NotStarted(err error) error { return &notStartedError{err} }

type notStartedError struct{ error }

func (e *notStartedError) Unwrap() []error { return []error{ErrNotStarted, e.error} }

// ErrRequest means that a tool cannot handle a request. A Preparer's error that wraps it refuses the effect with status
// 400.
var ErrRequest = errors.New("the request does not fit the tool")

// Response is a tool's answer. Status is HTTP-like: 200 is success.
type Response struct {
	Body       []byte
	Status     uint16
	output.Use               // as the tool reports it
	Evidence   []object.Hash // hashes that the receipt must have besides the gate's own
	Notes      string        // for people, for the receipt: an excerpt of stderr
	Exit       int           // exit status of a program that ended by itself; otherwise 0
	// Undone means that the tool certainly changed nothing. The answer is only for this caller: the key stays free, and
	// nothing is charged.
	Undone bool
	// Cause is why a built-in tool failed, for a caller in this process, which can distinguish errors better than
	// statuses and texts. It is in no receipt.
	Cause error
	// Riders are changes of the store that are made together with the record of the outcome, or not at all; an error of
	// theirs leaves the attempt unfinished. Then is called once the record is durable.
	Riders []ledger.Rider
	Then   func(context.Context) error
}

// Statuses that come from runners and the gate.
const (
	StatusOK             uint16 = 200 // the tool succeeded
	StatusBadRequest     uint16 = 400 // refused: a built-in tool cannot read the request
	StatusBudget         uint16 = 402 // refused: the task's budget is exhausted
	StatusDenied         uint16 = 403 // refused: no capability covers the use
	StatusNotFound       uint16 = 404 // refused: no such tool, or not the pinned one; of a blob tool: no such blob
	StatusConflict       uint16 = 409 // of a cell: it does not have the expected number of events
	StatusRequestTooBig  uint16 = 413 // refused: the request exceeds the tool's policy
	StatusFrozen         uint16 = 423 // refused: frozen; or stopped by a freeze while running
	StatusApproval       uint16 = 428 // refused: it waits for people's approval
	StatusQuota          uint16 = 429 // refused: a capability's quota is used up
	StatusCancelled      uint16 = 499 // the tool was stopped because its client cancelled; nobody knows what it did
	StatusPermanent      uint16 = 422 // the tool failed and says that another try is useless
	StatusFailed         uint16 = 500 // the tool failed (exit code other than 0)
	StatusResponseTooBig uint16 = 502 // the tool answered more than its policy allows
	StatusNotStarted     uint16 = 503 // the tool did not start: nothing happened
	StatusTimeout        uint16 = 504 // the tool took longer than its policy allows
)

// Limits bound one invocation.
type Limits struct {
	Timeout     time.Duration // wall time of the tool
	MaxRequest  int64         // bytes
	MaxResponse int64         // bytes
	MaxStderr   int64         // bytes kept for the receipt's notes
	MaxMemory   int64         // bytes, where the runner can bound it
}

// DefaultLimits are the limits of a tool whose registration and policy set none.
func DefaultLimits() Limits {
	return Limits{
		Timeout:     5 * time.Minute,
		MaxRequest:  16 << 20,
		MaxResponse: 16 << 20,
		MaxStderr:   1 << 10,
		MaxMemory:   256 << 20,
	}
}

// replace takes each limit that o sets.
func (l Limits) replace(o Limits) Limits {
	l.Timeout = cmp.Or(o.Timeout, l.Timeout)
	l.MaxRequest = cmp.Or(o.MaxRequest, l.MaxRequest)
	l.MaxResponse = cmp.Or(o.MaxResponse, l.MaxResponse)
	l.MaxStderr = cmp.Or(o.MaxStderr, l.MaxStderr)
	l.MaxMemory = cmp.Or(o.MaxMemory, l.MaxMemory)
	return l
}

// tighten lowers each limit to that of o, if o sets a smaller one.
func (l Limits) tighten(o Limits) Limits {
	l.Timeout = time.Duration(lower(int64(l.Timeout), int64(o.Timeout)))
	l.MaxRequest = lower(l.MaxRequest, o.MaxRequest)
	l.MaxResponse = lower(l.MaxResponse, o.MaxResponse)
	l.MaxStderr = lower(l.MaxStderr, o.MaxStderr)
	l.MaxMemory = lower(l.MaxMemory, o.MaxMemory)
	return l
}

func lower(have, limit int64) int64 {
	if limit > 0 && limit < have {
		return limit
	}
	return have
}

// Preparer is an optional ability of a Runner: it finds out before an effect is registered that its tool cannot start
// (it changed, its module is missing, it cannot be confined). An effect refused here leaves no unknown outcome.
type Preparer interface {
	Prepare(ctx context.Context, call Call) error
}

// ErrPinned means that a tool's implementation is no longer the one that its id pins: the binary or module has other
// bytes. Register it again to get another id.
var ErrPinned = errors.New("the tool's implementation has changed")

// PinnedError says which implementation changed.
type PinnedError struct {
	Tool      object.Hash
	Path      string // of a binary or another pinned file; empty for a module
	Want, Got object.Hash
}

func (e *PinnedError) Error() string {
	return fmt.Sprintf("tool %s: %s has hash %s, the registered one has %s", e.Tool.Short(), e.Path, e.Got.Short(), e.Want.Short())
}

// Unwrap gives ErrPinned.
func (e *PinnedError) Unwrap() error { return ErrPinned }
