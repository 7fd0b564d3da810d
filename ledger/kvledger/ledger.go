package kvledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/kv"
)

// KV is the store of a ledger.
type KV = kv.KV

// Ledger runs the state machine over a store and signs its entries as one executor. It is safe for concurrent use, and
// several processes may open one over the same store. Leases are compared with now, which is one source of time for all
// executors of a ledger.
type Ledger struct {
	archive
	running

	self ledger.Signer
	now  func() object.Time
	keys *ledger.Keyring
	memo memo

	// Instance distinguishes this process from others of the same agent: InstanceSize random bytes, or nil, which makes
	// its attempts those of all of them. Home is the prefix of Instance shared by all processes whose end Holders can
	// observe; empty: all processes. Set both before first use.
	Instance []byte
	Home     []byte

	// Known are agents whose marks and commits can be verified although no entry names them. Operator reports whether
	// an agent's resolutions count, given when and where they were made; nil: those of everybody who can write to the
	// store. Set both before first use.
	Known    []object.AgentID
	Operator func(object.AgentID, ledger.Moment) bool

	renewals sync.Map // effects, by id, whose lease this Ledger has renewed

	noted sync.Map // tools, by id, that have registers in the log
}

// archive is the stored part of a Ledger: reading it needs no key.
type archive struct {
	kv  KV
	log *mlog.Log
}

// running are the attempts of a Ledger that have no outcome yet.
type running struct {
	owner object.AgentID

	// Holders knows which attempts are under way; nil: only leases tell. Set it before first use.
	Holders Holders

	mu     sync.Mutex
	active map[object.Hash]underway
	silent map[object.Hash]vital // watched for a whole lease without a sign of life
}

// underway is an effect that this Ledger has registered and not yet committed.
type underway struct {
	fence uint64
	hold  Hold         // nil: no Holders
	state ledger.State // as the register left it; empty until then
}

// Open returns the ledger in a store.
func Open(db KV, signer sign.Signer, now func() object.Time) *Ledger {
	self := ledger.NewSigner(signer)
	instance := make([]byte, ledger.InstanceSize)
	_, _ = rand.Read(instance) // it never fails
	return &Ledger{archive: archive{kv: db, log: mlog.New(db)}, self: self, now: now, keys: ledger.NewKeyring(self.Agent()), Instance: instance,
		running: running{owner: self.Agent(), active: map[object.Hash]underway{}, silent: map[object.Hash]vital{}}}
}

// Register asks to run the effect of tool with this key and request. The answer Invoke means that the register is
// durable and the caller may invoke the tool while the lease is valid or renewed; Commit, Withdraw or Release must
// follow. The answer Replay means that the effect was committed before. An effect without a key is never deduplicated:
// the answer is Invoke and nothing is written. The errors are those of the state machine: ErrBusy,
// ErrIdempotencyConflict, ErrDivergent, ErrUnknownOutcome, ErrAbandoned, ErrUnverifiable. After any other error the
// register may or may not be there.
func (l *Ledger) Register(ctx context.Context, tool object.Hash, key []byte, requestHash object.Hash, p ledger.Policy) (ledger.Decision, error) {
	return l.RegisterWith(ctx, tool, key, requestHash, p, nil)
}

// RegisterWith is Register with riders. with returns, for the state before the register, the riders that share its
// update; it may be called several times. A rider's error is returned unchanged, and then nothing was registered. If
// nothing is registered (Replay, an effect without a key, any error), no rider writes.
func (l *Ledger) RegisterWith(ctx context.Context, tool object.Hash, key []byte, requestHash object.Hash, p ledger.Policy, with func(ledger.State) []ledger.Rider) (ledger.Decision, error) {
	d := ledger.Decision{IdemID: ledger.IdemID(tool, key), Tool: tool, Key: key, RequestHash: requestHash}
	if p.Lease <= 0 && len(key) > 0 {
		return d, fmt.Errorf("ledger: a lease of %v", p.Lease)
	}
	ev := ledger.Event{Attempt: &ledger.Attempt{Owner: l.self.Agent(), Instance: l.Instance, RequestHash: requestHash, Keyless: len(key) == 0, Again: p.Again}}
	for taken := 0; ; {
		s := ledger.State{IdemID: d.IdemID}
		if !ev.Attempt.Keyless {
			var err error
			if s, err = l.Read(ctx, d.IdemID); err != nil {
				return d, err
			}
		}
		now := l.now()
		v := ledger.Decide(s, ev, now, p)
		d.Action = v.Action
		switch {
		case v.Action == ledger.Replay:
			d.Receipt, d.Commit = s.Receipt, s.Commit
			return d, nil
		case v.Action == ledger.Invoke && !v.Append:
			return d, nil
		case v.Action == ledger.Invoke:
			ok, err := l.begin(ctx, s, &d, p, now, with)
			if errors.Is(err, errTaken) && taken < maxTaken { // its register will be there in a moment
				taken++
				time.Sleep(takenPause)
				continue
			}
			if err != nil || ok {
				return d, err
			}
		case v.Reason == 0:
			return d, v.Err
		default:
			if ok, err := l.extend(ctx, &s, v, tool, now, true, nil); err != nil || ok {
				return d, errors.Join(err, v.Err)
			}
		}
	}
}

// errTaken means that somebody else has an effect's lock but has not registered yet.
var errTaken = errors.New("the lock of the effect is taken")

const (
	maxTaken   = 25                   // how often to read the history of an effect whose lock is taken
	takenPause = 2 * time.Millisecond // between two reads
)

// begin registers an attempt. It returns false if the history has changed.
func (l *Ledger) begin(ctx context.Context, s ledger.State, d *ledger.Decision, p ledger.Policy, now object.Time, with func(ledger.State) []ledger.Rider) (bool, error) {
	d.Fence = s.Fence + 1
	r := ledger.EffectRegister{
		IdemID: d.IdemID, ToolID: d.Tool, RequestHash: d.RequestHash, IdempotencyKey: d.Key, Owner: l.self.Agent(),
		LeaseExpiresAt: now.Add(p.Lease), TimeObserved: now, Fence: &d.Fence, Instance: l.Instance,
	}
	if s.Presence == ledger.Gone && now < s.Register.LeaseExpiresAt {
		before := s.Fence
		r.Ended = &before
	}
	if err := l.activate(d); err != nil {
		return false, err
	}
	raw, err := l.self.Seal(ledger.RegisterRule, &r, &r.Signature)
	if err != nil {
		l.Release(*d)
		return false, err
	}
	e := ledger.Entry{Kind: ledger.EntryRegister, Raw: raw, Register: &r}
	var riders []ledger.Rider
	if with != nil {
		riders = with(s)
	}
	ok, err := l.extend(ctx, &s, ledger.Verdict{}, d.Tool, now, true, riders, e)
	if err != nil || !ok {
		l.leave(*d, l.idle(ctx, d.IdemID))
		return false, err
	}
	s.Add(e) // nobody else has s: Read made it
	s.Presence, s.Renewed = ledger.Unseen, 0
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.active[d.IdemID]
	a.state = s
	l.active[d.IdemID] = a
	return true, nil
}

// activate takes the effect's lock and records that this process is about to run it. The error wraps ErrBusy and
// errTaken if somebody else is about to run it.
func (r *running) activate(d *ledger.Decision) error {
	r.mu.Lock()
	if _, running := r.active[d.IdemID]; running {
		r.mu.Unlock()
		return r.taken(*d)
	}
	r.active[d.IdemID] = underway{fence: d.Fence}
	r.mu.Unlock()
	if r.Holders == nil {
		return nil
	}
	hold, err := r.Holders.Hold(d.IdemID)
	if err == nil && hold == nil {
		err = r.taken(*d)
	}
	if err != nil {
		r.leave(*d, false)
		return err
	}
	d.Alive = hold.File()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active[d.IdemID] = underway{fence: d.Fence, hold: hold}
	return nil
}

// taken is the error for an attempt that another process of this agent makes.
func (r *running) taken(d ledger.Decision) error {
	return fmt.Errorf("%w: %w", errTaken, &ledger.BusyError{IdemID: d.IdemID, Owner: r.owner})
}

// Release ends an attempt that will not be committed: nobody knows what it did. The register stays; the outcome becomes
// unknown as soon as all processes of the attempt have ended. Releasing an attempt that is over is harmless.
func (r *running) Release(d ledger.Decision) { r.leave(d, false) }

// leave ends an attempt of this process. settled means that the effect has an outcome.
func (r *running) leave(d ledger.Decision, settled bool) {
	r.mu.Lock()
	a, ok := r.active[d.IdemID]
	if ok = ok && a.fence == d.Fence; ok {
		delete(r.active, d.IdemID)
	}
	r.mu.Unlock()
	if ok && a.hold != nil {
		a.hold.Drop(settled)
	}
}

// idle reports whether an effect certainly has no attempt without an outcome, so that nobody needs its lock.
func (l *Ledger) idle(ctx context.Context, idem object.Hash) bool {
	s, err := l.Read(context.WithoutCancel(ctx), idem)
	return err == nil && !s.Open()
}

// holdOf is the lock of an attempt of this process; nil: none.
func (r *running) holdOf(d ledger.Decision) Hold {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.active[d.IdemID]; ok && a.fence == d.Fence {
		return a.hold
	}
	return nil
}

// started is the state after d's register, if this Ledger made it.
func (r *running) started(d ledger.Decision) (ledger.State, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.active[d.IdemID]
	return a.state, ok && a.fence == d.Fence && len(a.state.History) > 0
}

// Recorded reports whether the history before an attempt of this Ledger already has this receipt, from another attempt.
func (r *running) Recorded(d ledger.Decision, receipt object.Hash) bool {
	s, ours := r.started(d)
	return ours && slices.ContainsFunc(s.History, func(e ledger.Entry) bool { return e.Receipt != nil && e.Receipt.ReceiptID == receipt })
}

// extend appends entries to a history, and the mark that the verdict calls for, if nobody else has appended since s was
// read. With fresh, the caller expects its receipts to be new: a receipt that the log already has gives false. Of s,
// only the stored index changes.
func (l *Ledger) extend(ctx context.Context, s *ledger.State, v ledger.Verdict, tool object.Hash, now object.Time, fresh bool, riders []ledger.Rider, entries ...ledger.Entry) (bool, error) {
	if v.Reason != 0 {
		m := ledger.DivergenceMark{IdemID: s.IdemID, ToolID: tool, Reason: v.Reason, Evidence: v.Evidence, TimeObserved: now}
		raw, err := l.self.Seal(ledger.DivergenceRule, &m, &m.Signature)
		if err != nil {
			return false, err
		}
		entries = append(entries, ledger.Entry{Kind: ledger.EntryDivergence, Raw: raw, Mark: &m})
	}
	a := &mlog.Append{Riders: riders, Postings: []mlog.Posting{{Key: historyKey(s.IdemID), To: len(entries), Before: s.Index}}}
	for i, e := range entries {
		a.Leaves = append(a.Leaves, ledger.Leaf(e.Kind, e.Raw))
		if e.Register != nil {
			a.Riders = append(a.Riders, l.noteTool(tool)...)
		}
		if e.Receipt == nil {
			continue
		}
		p := mlog.Posting{Key: receiptKey(e.Receipt.ReceiptID), From: i, To: i + 1}
		found := false
		if !fresh {
			var err error
			if _, found, err = l.kv.Get(ctx, p.Key); err != nil {
				return false, err
			}
		}
		if !found {
			a.Postings = append(a.Postings, p)
		}
	}
	ok, err := l.log.Append(ctx, a)
	if ok && err == nil {
		s.Index = a.Postings[0].After
		for _, e := range entries {
			l.memo.add(leafDigest(e.Kind, e.Raw))
			if e.Register != nil {
				l.noted.Store(tool, true)
			}
		}
	}
	return ok, err
}
