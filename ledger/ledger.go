package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
)

// Ledger applies the state machine over a store, signing what it writes as one
// executor. It is safe for concurrent use, and several processes may have one
// over the same store. Leases compare against now, which is one source of time
// for all executors of a ledger.
type Ledger struct {
	kv   KV
	self executor
	now  func() object.Time
	log  *log
	keys *keyring
	memo memo

	// Known are agents whose marks and commits can be verified though no entry
	// names them. Operator says whose resolutions count; nil: everybody's who can
	// write to the store. Set both before first use.
	Known    []object.AgentID
	Operator func(object.AgentID) bool

	noted  sync.Map // tools, by id, that the log has registers of
	mu     sync.Mutex
	active map[object.Hash]attempt
}

// attempt is an effect that this Ledger has registered and not yet committed.
type attempt struct {
	fence uint64
	state State // as the register left it; without a history until then
}

// Open returns the ledger in kv.
func Open(kv KV, signer sign.Signer, now func() object.Time) *Ledger {
	self := newExecutor(signer)
	return &Ledger{kv: kv, self: self, now: now, log: &log{kv: kv}, keys: newKeyring(self.agent), active: map[object.Hash]attempt{}}
}

// Decision is the answer to Register.
type Decision struct {
	Action      Action // Invoke or Replay
	IdemID      object.Hash
	Tool        object.Hash
	Key         []byte
	RequestHash object.Hash
	Fence       uint64        // number of this register; a tool can tell a late owner by it. 0: the effect has no key
	Receipt     []byte        // on Replay: the committed receipt
	Commit      *EffectCommit // on Replay
}

// Register asks to run the effect of tool with this key and request. With Invoke,
// the register is durable and the tool may be invoked until the lease ends; Commit
// or Release must follow. With Replay, the effect was committed before. An effect
// without a key is never deduplicated: the answer is Invoke and nothing is
// written. Errors are those of the state machine: ErrBusy, ErrIdempotencyConflict,
// ErrDivergent, ErrUnknownOutcome, ErrAbandoned, ErrUnverifiable. After any other
// error the register may or may not be there.
func (l *Ledger) Register(ctx context.Context, tool object.Hash, key []byte, requestHash object.Hash, p Policy) (Decision, error) {
	return l.RegisterWith(ctx, tool, key, requestHash, p, nil)
}

// RegisterWith is Register with riders: with says, given the state before it, what
// shares the update of a register; it may be called several times. A rider's error is
// returned as it is, and nothing was registered then. Where nothing is registered
// (Replay, an effect without a key, any error) nothing rides.
func (l *Ledger) RegisterWith(ctx context.Context, tool object.Hash, key []byte, requestHash object.Hash, p Policy, with func(State) []Rider) (Decision, error) {
	d := Decision{IdemID: IdemID(tool, key), Tool: tool, Key: key, RequestHash: requestHash}
	if p.Lease <= 0 && len(key) > 0 {
		return d, fmt.Errorf("ledger: a lease of %v", p.Lease)
	}
	ev := Event{Attempt: &Attempt{Owner: l.self.agent, RequestHash: requestHash, Keyless: len(key) == 0}}
	for {
		s := State{IdemID: d.IdemID}
		if !ev.Attempt.Keyless {
			var err error
			if s, err = l.Read(ctx, d.IdemID); err != nil {
				return d, err
			}
		}
		now := l.now()
		v := Decide(s, ev, now, p)
		d.Action = v.Action
		switch {
		case v.Action == Replay:
			d.Receipt, d.Commit = s.Receipt, s.Commit
			return d, nil
		case v.Action == Invoke && !v.Append:
			return d, nil
		case v.Action == Invoke:
			if ok, err := l.begin(ctx, s, &d, p, now, with); err != nil || ok {
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

// begin registers an attempt; false means that the history has changed.
func (l *Ledger) begin(ctx context.Context, s State, d *Decision, p Policy, now object.Time, with func(State) []Rider) (bool, error) {
	d.Fence = s.Fence + 1
	r := EffectRegister{
		IdemID: d.IdemID, ToolID: d.Tool, RequestHash: d.RequestHash, IdempotencyKey: d.Key, Owner: l.self.agent,
		LeaseExpiresAt: now.Add(p.Lease), TimeObserved: now, Fence: &d.Fence,
	}
	if s.Register != nil { // a takeover has a later lease
		r.LeaseExpiresAt = max(r.LeaseExpiresAt, s.Register.LeaseExpiresAt+1)
	}
	if !l.activate(d.IdemID, d.Fence) {
		return false, &BusyError{d.IdemID, l.self.agent, r.LeaseExpiresAt}
	}
	raw, err := l.self.sealEntry(RegisterRule, &r, &r.Signature)
	if err != nil {
		l.Release(*d)
		return false, err
	}
	e := Entry{Kind: EntryRegister, Raw: raw, Register: &r}
	riders := l.noteTool(d.Tool)
	if with != nil {
		riders = append(riders, with(s)...)
	}
	ok, err := l.extend(ctx, &s, Verdict{}, d.Tool, now, true, riders, e)
	if err != nil || !ok {
		l.Release(*d)
		return false, err
	}
	l.noted.Store(d.Tool, true)
	s.add(e) // s is ours alone: Read made it
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active[d.IdemID] = attempt{d.Fence, s}
	return true, nil
}

// activate notes that this process is about to run an effect; false means that it
// does already. Another process is told apart by the lease alone.
func (l *Ledger) activate(idem object.Hash, fence uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, running := l.active[idem]; running {
		return false
	}
	l.active[idem] = attempt{fence: fence}
	return true
}

// Release ends an attempt that will not be committed: the tool could not be
// invoked, or nobody knows what it did. The register stays, and its lease runs.
// Releasing an attempt that is over is harmless.
func (l *Ledger) Release(d Decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active[d.IdemID].fence == d.Fence {
		delete(l.active, d.IdemID)
	}
}

// started is the state that d's register left behind, if this Ledger made it.
func (l *Ledger) started(d Decision) (State, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.active[d.IdemID]
	return a.state, ok && a.fence == d.Fence && len(a.state.History) > 0
}

// extend appends entries to a history, and the mark that the verdict calls for, if
// nobody else appended since s was read. With fresh, receipts among them are taken
// to be new: one that the log has already gives false. Of s, only where the history is
// stored changes.
func (l *Ledger) extend(ctx context.Context, s *State, v Verdict, tool object.Hash, now object.Time, fresh bool, riders []Rider, entries ...Entry) (bool, error) {
	if v.Reason != 0 {
		m := DivergenceMark{IdemID: s.IdemID, ToolID: tool, Reason: v.Reason, Evidence: v.Evidence, TimeObserved: now}
		raw, err := l.self.sealEntry(DivergenceRule, &m, &m.Signature)
		if err != nil {
			return false, err
		}
		entries = append(entries, Entry{Kind: EntryDivergence, Raw: raw, Mark: &m})
	}
	a := &appending{riders: riders, postings: []posting{{key: historyKey(s.IdemID), to: len(entries), before: s.places}}}
	for i, e := range entries {
		a.leaves = append(a.leaves, leaf(e.Kind, e.Raw))
		if e.Receipt == nil {
			continue
		}
		p := posting{key: receiptKey(e.Receipt.ReceiptID), from: i, to: i + 1}
		found := false
		if !fresh {
			var err error
			if _, found, err = l.kv.Get(ctx, p.key); err != nil {
				return false, err
			}
		}
		if !found {
			a.postings = append(a.postings, p)
		}
	}
	ok, err := l.log.append(ctx, a)
	if ok && err == nil {
		s.places = a.postings[0].after
		for _, e := range entries {
			l.memo.add(leafDigest(e.Kind, e.Raw))
		}
	}
	return ok, err
}
