package remote

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/internal/peer"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
)

// Options are the parts of a Ledger. All but the durations are required.
type Options struct {
	Client *peer.Client
	Local  *kvledger.Ledger
	Signer sign.Signer
	Now    func() object.Time
	KV     kv.KV
	Stays  func(tool object.Hash) bool                              // whether its effects are recorded here
	Bytes  func(ctx context.Context, h object.Hash) ([]byte, error) // what is stored here, such as the answer of a probe
	Notef  func(format string, args ...any)

	// How long unanswered requests are sent again: Patience before anything has happened, Insistence afterwards. 0: 30
	// seconds, 10 minutes.
	Patience, Insistence time.Duration

	// Try is how long one request may take: a connection may be dead without notice. A long body has one more second
	// for each 64 KiB. 0: 20 seconds.
	Try time.Duration
}

// Ledger is an [exec.Ledger] and [exec.Elsewhere]. It is safe for concurrent use.
type Ledger struct {
	Options
	pins     *pins
	instance []byte
	offset   atomic.Int64  // of the ledger's clock, in microseconds
	under    chan struct{} // holds one item for each request under way that does not wait there

	mu      sync.Mutex
	asked   map[object.Hash]asked      // what was busy or unknown, by effect
	active  map[object.Hash]caps.Chain // what attempts were charged to, by effect
	keyless map[object.Hash]caps.Chain // what uses without a key were charged to, by leaf
}

// asked is what is asked again when an effect has changed, or what a probe is asked about.
type asked struct {
	q     wire.Ask
	chain caps.Chain
}

var (
	_ exec.Ledger    = (*Ledger)(nil)
	_ exec.Elsewhere = (*Ledger)(nil)
	_ exec.Awaiter   = (*Ledger)(nil)
	_ exec.Renewer   = (*Ledger)(nil)
	_ exec.Resolver  = (*Ledger)(nil)
)

// Open opens a ledger that is known from earlier, or accepts the agent that answers there, and delivers what could not
// be delivered before.
func Open(ctx context.Context, o Options) (*Ledger, error) {
	l := &Ledger{Options: o, instance: make([]byte, ledger.InstanceSize), under: make(chan struct{}, maxUnderWay), asked: map[object.Hash]asked{}, active: map[object.Hash]caps.Chain{}, keyless: map[object.Hash]caps.Chain{}}
	_, _ = rand.Read(l.instance) // it never fails
	l.Patience, l.Insistence = cmp.Or(l.Patience, 30*time.Second), cmp.Or(l.Insistence, 10*time.Minute)
	l.Try = cmp.Or(l.Try, 20*time.Second)
	var err error
	if l.pins, err = openPins(ctx, l); err != nil {
		return nil, err
	}
	return l, l.deliver(ctx)
}

// Close stores what was seen of the ledger.
func (l *Ledger) Close(ctx context.Context) error { return l.pins.save(ctx) }

// Agent returns the agent that signs the ledger.
func (l *Ledger) Agent() object.AgentID { return l.pins.agent }

// Elsewhere reports whether the effects of a tool are recorded on the other machine.
func (l *Ledger) Elsewhere(tool object.Hash) bool { return !l.Stays(tool) }

// now returns the time of the ledger's clock, as far as it is known.
func (l *Ledger) now() object.Time { return l.Now() + object.Time(l.offset.Load()) }

// heard records the time of the ledger's clock.
func (l *Ledger) heard(there object.Time) {
	l.offset.Store(int64(there - l.Now()))
}

// NewReceipt signs a receipt.
func (l *Ledger) NewReceipt(r ledger.Receipt) (object.Hash, []byte, error) {
	return l.Local.NewReceipt(r)
}

// Recorded is about attempts that are recorded here.
func (l *Ledger) Recorded(d ledger.Decision, receipt object.Hash) bool {
	return l.Stays(d.Tool) && l.Local.Recorded(d, receipt)
}

// Release forgets an attempt: what it did is unknown, and its lease is no longer renewed.
func (l *Ledger) Release(d ledger.Decision) {
	if l.Stays(d.Tool) {
		l.Local.Release(d)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.active, d.IdemID)
}

// RegisterWith is about effects that are recorded here.
func (l *Ledger) RegisterWith(ctx context.Context, tool object.Hash, key []byte, request object.Hash, p ledger.Policy, with func(ledger.State) []ledger.Rider) (ledger.Decision, error) {
	if !l.Stays(tool) {
		return ledger.Decision{}, errors.New("remote: the effect is registered elsewhere")
	}
	return l.Local.RegisterWith(ctx, tool, key, request, p, with)
}

// maxUnderWay is how many requests are made at a time: a server accepts 32 from one address.
const maxUnderWay = 24

// signTries is how often a register is signed for an effect that others are working on.
const signTries = 16

// RegisterThere asks to run an effect. With Invoke the register is proven to be in the ledger, and the tool may be
// invoked here. Errors are those of [ledger.Ledger.Register]; or an [*UnreachableError], after which nothing may be
// run.
func (l *Ledger) RegisterThere(ctx context.Context, e exec.Effect, chains []caps.Chain, price uint64, p ledger.Policy) (d ledger.Decision, charged caps.Chain, paid uint64, err error) {
	d = ledger.Decision{IdemID: ledger.IdemID(e.Tool, e.Key), Tool: e.Tool, Key: e.Key, RequestHash: object.Sum(e.Request)}
	q := wire.Ask{ToolID: e.Tool, Key: e.Key, Request: notNil(e.Request), Caps: [][]byte{}, Retry: uint8(p.Retry), Again: p.Again, KeepOut: p.KeepOut, Price: price}
	for _, more := range chains[1:min(len(chains), wire.MaxChain)] {
		file, err := caps.ExportFile(more)
		if err != nil {
			return d, nil, 0, err
		}
		q.Caps = append(q.Caps, file)
	}
	fence, ended := uint64(1), (*uint64)(nil)
	var raw []byte
	before := map[uint64][]byte{} // registers that were answered with a request for another one, by fence
	for range signTries {
		if raw == nil {
			if raw, err = l.register(d, fence, ended, p.Lease); err != nil {
				return d, nil, 0, err
			}
		}
		q.Register = raw
		a, err := l.ask(ctx, d.IdemID, chains[0], q, ledger.EntryRegister, raw)
		if err != nil {
			return d, nil, 0, l.unanswered(ctx, d, fence, chains[0], q, a, err)
		}
		switch a.Verdict {
		case wire.Sign:
			if a.Fence == nil {
				return d, nil, 0, fmt.Errorf("%w: it asks for a register without a fence", ErrAnswer)
			}
			before[fence], raw = raw, nil
			fence, ended = *a.Fence, a.Ended
			l.heard(a.Now)
		case wire.Invoke:
			d.Action, d.Fence, d.Agreed = ledger.Invoke, fence, a.Agreed
			return d, l.started(d, chains, a.Cap), a.Price, nil
		case wire.Replay:
			d, err = l.replayed(d, a)
			return d, nil, 0, err
		default:
			if fence, raw = late(a.Refusal, before, l.Signer.Agent()); raw == nil {
				return d, nil, 0, l.refused(d, chains[0], q, a, p)
			}
		}
	}
	return d, nil, 0, exec.ErrContended
}

// late returns the register that keeps the effect busy, if it is one of ours: a copy of it was delayed for so long that
// another copy was answered with a request for a new one, and then arrived. It is asked again, since nothing has begun
// under it; nil: another attempt is under way.
func late(busy *wire.Refusal, before map[uint64][]byte, own object.AgentID) (fence uint64, raw []byte) {
	if busy == nil || busy.Reason != wire.Busy || busy.Fence == nil || busy.Owner == nil || !busy.Owner.Same(own) {
		return 0, nil
	}
	raw = before[*busy.Fence]
	delete(before, *busy.Fence)
	return *busy.Fence, raw
}

// register returns a signed register.
func (l *Ledger) register(d ledger.Decision, fence uint64, ended *uint64, lease time.Duration) ([]byte, error) {
	now := l.now()
	r := ledger.EffectRegister{
		IdemID: d.IdemID, ToolID: d.Tool, RequestHash: d.RequestHash, IdempotencyKey: d.Key, Owner: l.Signer.Agent(),
		LeaseExpiresAt: now.Add(lease), TimeObserved: now, Fence: &fence, Instance: l.instance, Ended: ended,
	}
	return ledger.NewSigner(l.Signer).Seal(ledger.RegisterRule, &r, &r.Signature)
}

// started records the chain that was charged; nil: none was.
func (l *Ledger) started(d ledger.Decision, chains []caps.Chain, leaf *object.Hash) caps.Chain {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.asked, d.IdemID)
	l.active[d.IdemID] = chains[0]
	if leaf == nil {
		return nil
	}
	for _, chain := range chains {
		if chain[0].ID == *leaf {
			l.active[d.IdemID] = chain
			return chain
		}
	}
	return nil
}

func (l *Ledger) replayed(d ledger.Decision, a *wire.Answer) (ledger.Decision, error) {
	left, err := l.Local.OpenOutcome(a.Outcome, d.IdemID, d.RequestHash)
	if err != nil {
		return d, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	d.Action, d.Receipt, d.Commit, d.Response = ledger.Replay, left.Decision.Receipt, left.Decision.Commit, notNil(left.Body)
	return d, nil
}

func (l *Ledger) refused(d ledger.Decision, chain caps.Chain, q wire.Ask, a *wire.Answer, p ledger.Policy) error {
	if a.Verdict != wire.Refused || a.Refusal == nil {
		return fmt.Errorf("%w: verdict %d to a register", ErrAnswer, a.Verdict)
	}
	err := a.Refusal.Error(d.IdemID, p.Retry == ledger.Probe, 0)
	if errors.Is(err, ledger.ErrBusy) || errors.Is(err, ledger.ErrUnknownOutcome) {
		q.Register = nil
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked[d.IdemID] = asked{q, chain}
	}
	return err
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
