// Package session passes the calls of one MCP client through the executor. It decides under which agent and key a call
// happens, and what the client reads about it (spec/tools.md#mcp-clients).
//
// Each call has a key, unless its tool's policy says that calls are reads. The key is the client's own if it sends one.
// Otherwise it is a fresh one, and the call is recorded as awaited until its answer was written: if the client goes
// away before that, the next equal call of the same agent takes over the key, and with it the outcome.
package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/kv"
)

// Session is one client's. All exported fields are set before the first call. It is safe for
// concurrent use.
type Session struct {
	Gate *exec.Gate
	KV   kv.KV
	// Held returns the capabilities under which the agent's calls may be made.
	Held func(ctx context.Context) ([]caps.Chain, error)
	// Entry returns the position of a receipt in the ledger; nil: unknown.
	Entry func(ctx context.Context, receipt object.Hash) (uint64, error)
	// Agent is the calling agent, as keys and refusals name it.
	Agent string
	// Bounded says that it is an agent of `mythos agent add`, and not the owner.
	Bounded bool
	// Instance names this process, and Alive reports whether another one still runs.
	Instance string
	Alive    func(instance string) (bool, error)
	// Keep is how long a call whose client went away waits for an equal one.
	Keep time.Duration
	// ApprovalWait is how long a call waits for people to approve it; 0: 45 seconds, below 0: not at all.
	ApprovalWait time.Duration
	// Parallel is how many calls are made at the same time; further ones wait.
	Parallel int
	// Until ends all work under way; nil: nothing does.
	Until context.Context //nolint:containedctx // it is the process's

	once  sync.Once
	slots chan struct{}
	held  atomic.Pointer[[]caps.Chain]
	gone  forgetting

	marking sync.Mutex // held while it is recorded whether this process has records
	marked  bool

	mu      sync.Mutex
	waiting map[string]*waiting // by record: calls of this process whose answer nobody has
}

const parallelDefault = 64

func (s *Session) begin() {
	s.once.Do(func() {
		if s.Parallel == 0 {
			s.Parallel = parallelDefault
		}
		s.slots = make(chan struct{}, s.Parallel)
		s.gone.kv, s.waiting = s.KV, make(map[string]*waiting)
	})
}

// Call is one call of a client.
type Call struct {
	Tool    exec.Tool
	Request []byte          // the arguments, in plain form
	Meta    jsontext.Fields // _meta of the client's request
	// Round distinguishes the rounds of one call: a hash of what the client sends besides the arguments. It is empty in
	// the first one.
	Round string
	Local any // passed to the tool's runner
	// Waits is told what the call waits for before it begins; nil: nobody listens.
	Waits func(why string)
	// Last ends when the client has said its last word: nobody knows then whether it reads its answer, and an
	// equal call takes this one over; nil: it has not.
	Last context.Context //nolint:containedctx // it is the client's
}

// Reply is the result of a call.
type Reply struct {
	exec.Outcome
	Key     string
	Adopted bool // it is the outcome of an equal call whose client went away
	Err     error

	entry   *uint64  // of its receipt in the ledger; nil: it has none yet
	waiting *waiting // until the answer was written
}

// Call makes a call. ctx ends when the client no longer waits: before the call is registered that ends it; afterwards
// its tool continues, unless its policy says otherwise.
func (s *Session) Call(ctx context.Context, c Call) Reply {
	s.begin()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return Reply{Err: exec.NotStarted(ctx.Err())}
	}
	if t, err := s.Gate.Tools.Get(ctx, c.Tool.ID); err == nil {
		c.Tool.Policy = t.Policy // the present policy
	}
	k, err := s.keyFor(ctx, c)
	if errors.Is(err, exec.ErrRequest) {
		return Reply{Err: s.Gate.Refuse(ctx, exec.Effect{Tool: c.Tool.ID, Request: c.Request}, exec.StatusBadRequest, err)}
	}
	if err != nil {
		return Reply{Err: exec.NotStarted(err)}
	}
	e := exec.Effect{Tool: c.Tool.ID, Request: c.Request, Key: []byte(k.text), Manner: exec.Manner{Local: c.Local, Wait: exec.WaitForever, Made: k.made}, Riders: k.riders}
	r := Reply{Key: k.text, Adopted: k.adopted, waiting: k.waiting}
	if e.Caps, err = s.chains(ctx, c.Tool.ID, false); err != nil {
		return Reply{Err: exec.NotStarted(err)}
	}
	defer s.watch(k.waiting)()
	work, begun, end := s.lasting(ctx, c.Tool.Policy.Cancellable)
	defer end()
	if k.text != "" {
		riding, rode := s.gone.riding()
		e.Riders = append(e.Riders, begun, riding)
		defer func() { rode(r.Err != nil) }()
	}
	if r.Outcome, r.Err = s.Gate.Do(work, e); errors.Is(r.Err, caps.ErrDenied) && s.renew(work, c.Tool.ID, &e) {
		r.Outcome, r.Err = s.Gate.Do(work, e)
	}
	if s.agreed(work, c, r.Err) {
		r.Outcome, r.Err = s.Gate.Do(work, e)
	}
	r.entry = s.entryOf(work, r.receipt())
	return r
}

// entryOf returns the position of a receipt in the ledger; nil: it has none yet, and is named without it.
func (s *Session) entryOf(ctx context.Context, receipt object.Hash) *uint64 {
	if s.Entry == nil || receipt.IsZero() {
		return nil
	}
	at, err := s.Entry(ctx, receipt)
	if err != nil {
		return nil
	}
	return &at
}

// renew reads the held capabilities again, since more may have been issued meanwhile. It reports whether there is a new
// one.
func (s *Session) renew(ctx context.Context, tool object.Hash, e *exec.Effect) bool {
	more, err := s.chains(ctx, tool, true)
	if err != nil || same(more, e.Caps) {
		return false
	}
	e.Caps = more
	return true
}

func same(a, b []caps.Chain) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i][0].ID != b[i][0].ID {
			return false
		}
	}
	return true
}

// chains returns the capabilities that a call is offered: those that name its tool. A refusal explains why the last one
// does not cover the call.
func (s *Session) chains(ctx context.Context, tool object.Hash, anew bool) ([]caps.Chain, error) {
	all := s.held.Load()
	if all == nil || anew {
		held, err := s.Held(ctx)
		if err != nil {
			return nil, err
		}
		all = &held
		s.held.Store(all)
	}
	fit := []caps.Chain{}
	for _, chain := range *all {
		if names(chain, tool) {
			fit = append(fit, chain)
		}
	}
	return fit, nil
}

// names reports whether a capability is for a tool, whatever its constraints say.
func names(chain caps.Chain, tool object.Hash) bool {
	return slices.Contains(ToolsOf(chain), tool)
}

// ToolsOf returns the tools that a capability is for, whatever its constraints say.
func ToolsOf(chain caps.Chain) []object.Hash {
	what, err := chain[0].Cap.Scope.Decode()
	if err != nil {
		return nil
	}
	switch call := what.(type) {
	case *scope.ToolCall:
		return []object.Hash{call.ToolID}
	case *scope.ToolsCall:
		return call.ToolIDs
	}
	return nil
}

// Unknown reports whether the outcome of a call is unknown.
func (r Reply) Unknown() bool {
	return errors.Is(r.Err, ledger.ErrUnknownOutcome) || errors.Is(r.Err, exec.ErrLost)
}
