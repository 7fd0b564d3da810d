package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// ErrNotFound means that the ledger has no such receipt or effect.
var ErrNotFound = errors.New("not in the ledger")

// Ledger applies the state machine over a store, signing what it writes as one
// executor. It is safe for concurrent use, and several processes may have one
// over the same store. Leases compare against now, which is one source of time
// for all executors of a ledger.
type Ledger struct {
	kv     KV
	signer sign.Signer
	now    func() object.Time
	log    *log

	// Known are agents whose marks and commits can be verified though no entry
	// names them; set it before first use.
	Known []object.AgentID

	mu     sync.Mutex
	active map[object.Hash]bool // effects that this Ledger has registered and not yet committed
}

// Open returns the ledger in kv.
func Open(kv KV, signer sign.Signer, now func() object.Time) *Ledger {
	return &Ledger{kv: kv, signer: signer, now: now, log: &log{kv: kv}, active: map[object.Hash]bool{}}
}

// Decision is the answer to Register.
type Decision struct {
	Action      Action // Invoke or Replay
	IdemID      object.Hash
	Tool        object.Hash
	Key         []byte
	RequestHash object.Hash
	Fence       uint64        // number of this register; a tool can tell a late owner by it
	Receipt     []byte        // on Replay: the committed receipt
	Commit      *EffectCommit // on Replay
}

// Register asks to run the effect of tool with this key and request. With Invoke,
// the register is durable and the tool may be invoked until the lease ends; Commit
// or Release must follow. With Replay, the effect was committed before. Errors are
// those of the state machine: ErrBusy, ErrIdempotencyConflict, ErrDivergent,
// ErrUnknownOutcome, ErrAbandoned.
func (l *Ledger) Register(ctx context.Context, tool object.Hash, key []byte, requestHash object.Hash, p Policy) (Decision, error) {
	d := Decision{IdemID: IdemID(tool, key), Tool: tool, Key: key, RequestHash: requestHash}
	if len(key) == 0 {
		return d, errors.New("ledger: an effect without a key is not registered")
	}
	for {
		s, err := l.Read(ctx, d.IdemID)
		if err != nil {
			return d, err
		}
		now := l.now()
		v := Decide(s, Request{Owner: l.signer.Agent(), RequestHash: requestHash, Policy: p, Now: now})
		switch v.Action {
		case Replay:
			d.Action, d.Receipt, d.Commit = Replay, s.Receipt, s.Commit
			return d, nil
		case Refuse:
			return d, v.Err
		case Mark:
			if ok, err := l.mark(ctx, s, tool, v, nil, now); err != nil || ok {
				return d, errors.Join(err, v.Err)
			}
			continue
		}
		if !l.activate(d.IdemID) {
			return d, &BusyError{d.IdemID, l.signer.Agent(), now.Add(p.Lease)}
		}
		ok, err := l.register(ctx, s, &d, p, now)
		if err != nil || !ok {
			l.Release(d)
		}
		if err != nil || ok {
			return d, err
		}
	}
}

// activate notes that this process is about to run an effect; false means that it
// does already. Another process is told apart by the lease alone.
func (l *Ledger) activate(idem object.Hash) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active[idem] {
		return false
	}
	l.active[idem] = true
	return true
}

// Release ends an attempt that will not be committed: the tool could not be
// invoked, or nobody knows what it did. The register stays, and its lease runs.
func (l *Ledger) Release(d Decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.active, d.IdemID)
}

func (l *Ledger) register(ctx context.Context, s State, d *Decision, p Policy, now object.Time) (bool, error) {
	d.Action, d.Fence = Invoke, s.Fence+1
	r := EffectRegister{
		IdemID: d.IdemID, ToolID: d.Tool, RequestHash: d.RequestHash, IdempotencyKey: d.Key, Owner: l.signer.Agent(),
		LeaseExpiresAt: now.Add(p.Lease), TimeObserved: now, Fence: &d.Fence,
	}
	if s.Register != nil && r.LeaseExpiresAt <= s.Register.LeaseExpiresAt { // a takeover has a later lease
		r.LeaseExpiresAt = s.Register.LeaseExpiresAt + 1
	}
	raw, err := signed(l.signer, RegisterRule, &r, &r.Signature)
	if err != nil {
		return false, err
	}
	return l.extend(ctx, s, leaf(EntryRegister, raw))
}

// signed fills in the signature of v, which sig points into, and encodes it.
func signed(s sign.Signer, rule object.Rule, v any, sig *object.Signature) ([]byte, error) {
	id, err := rule.IDOf(v)
	if err != nil {
		return nil, err
	}
	if *sig, err = sign.ID(s, id); err != nil {
		return nil, err
	}
	return can.Marshal(v)
}

func historyKey(idem object.Hash, n int) string { return fmt.Sprintf("%s%s/%08x", indexKeys, idem, n) }

// extend appends leaves to a history, if nobody else did since s was read.
func (l *Ledger) extend(ctx context.Context, s State, leaves ...[]byte) (bool, error) {
	a := &appending{leaves: leaves, absent: map[string]int{}}
	for i, data := range leaves {
		a.absent[historyKey(s.IdemID, len(s.History)+i)] = i
		if data[0] != EntryReceipt {
			continue
		}
		id, err := ReceiptRule.ID(data[1:])
		if err != nil {
			return false, err
		}
		if _, found, err := l.kv.Get(ctx, byReceipt+id.String()); err != nil {
			return false, err
		} else if !found {
			a.absent[byReceipt+id.String()] = i
		}
	}
	return l.log.append(ctx, a)
}

// mark appends a divergence mark after the given leaves.
func (l *Ledger) mark(ctx context.Context, s State, tool object.Hash, v Verdict, leaves [][]byte, now object.Time) (bool, error) {
	m := DivergenceMark{IdemID: s.IdemID, ToolID: tool, Reason: v.Reason, Evidence: v.Evidence, TimeObserved: now}
	raw, err := signed(l.signer, DivergenceRule, &m, &m.Signature)
	if err != nil {
		return false, err
	}
	return l.extend(ctx, s, append(leaves, leaf(EntryDivergence, raw))...)
}

// MarkDivergent appends a divergence mark for a conflict that was found elsewhere,
// such as two ledgers that committed different responses.
func (l *Ledger) MarkDivergent(ctx context.Context, tool, idem object.Hash, reason uint8, evidence []object.Hash) error {
	evidence = slices.Clone(evidence)
	slices.SortFunc(evidence, object.Hash.Compare)
	for {
		s, err := l.Read(ctx, idem)
		if err != nil || s.Mark != nil {
			return err
		}
		ok, err := l.mark(ctx, s, tool, Verdict{Reason: reason, Evidence: slices.Compact(evidence)}, nil, l.now())
		if err != nil || ok {
			return err
		}
	}
}

// Commit ends the effect of d with a receipt: receipt and commit are durable when
// it returns. A commit that conflicts with an earlier one is recorded and the
// history marked; the error then wraps ErrNonDeterministic, ErrDivergent or
// ErrIdempotencyConflict.
func (l *Ledger) Commit(ctx context.Context, d Decision, receiptRaw []byte) error {
	defer l.Release(d)
	r, id, err := OpenReceipt(receiptRaw)
	if err != nil {
		return err
	}
	if IdemID(r.ToolID, r.IdempotencyKey) != d.IdemID {
		return fmt.Errorf("commit: receipt %s is of another effect", id.Short())
	}
	c := EffectCommit{IdemID: d.IdemID, ToolID: r.ToolID, RequestHash: r.RequestHash, ResponseHash: r.ResponseHash,
		ReceiptID: id, Status: r.Status, TimeObserved: l.now()}
	raw, err := signed(l.signer, CommitRule, &c, &c.Signature)
	if err != nil {
		return err
	}
	leaves := [][]byte{leaf(EntryReceipt, receiptRaw), leaf(EntryCommit, raw)}
	for {
		s, err := l.Read(ctx, d.IdemID)
		if err != nil {
			return err
		}
		v := Judge(s, c)
		ok := true
		switch v.Action {
		case Replay:
		case Invoke:
			ok, err = l.extend(ctx, s, leaves...)
		case Mark:
			ok, err = l.mark(ctx, s, c.ToolID, v, slices.Clone(leaves), c.TimeObserved)
		case Refuse:
			if s.First != nil {
				ok, err = l.extend(ctx, s, leaves...) // the commit of a divergent effect is history, too
			}
		}
		if err != nil || ok {
			return errors.Join(err, v.Err)
		}
	}
}

// Record keeps the receipt of an effect without a key, or of one that was refused.
// A receipt that is there already is no error.
func (l *Ledger) Record(ctx context.Context, receiptRaw []byte) error {
	_, id, err := OpenReceipt(receiptRaw)
	if err != nil {
		return err
	}
	a := &appending{leaves: [][]byte{leaf(EntryReceipt, receiptRaw)}, absent: map[string]int{byReceipt + id.String(): 0}}
	_, err = l.log.append(ctx, a)
	return err
}

// Resolve appends an operator's decision on an effect whose outcome is unknown or
// whose history is divergent.
func (l *Ledger) Resolve(ctx context.Context, idem object.Hash, decision uint8, evidence []object.Hash, notes string) error {
	for {
		s, err := l.Read(ctx, idem)
		if err != nil {
			return err
		}
		if status := s.At(l.now()); status != StatusUnknown && status != StatusDivergent {
			return fmt.Errorf("effect %s is %s: only an unknown outcome or a divergent history is resolved", idem.Short(), status)
		}
		r := Resolution{IdemID: idem, Decision: decision, Evidence: evidence, Signer: l.signer.Agent(), TimeObserved: l.now()}
		if r.Evidence == nil {
			r.Evidence = []object.Hash{}
		}
		if notes != "" {
			r.Notes = &notes
		}
		raw, err := signed(l.signer, ResolutionRule, &r, &r.Signature)
		if err != nil {
			return err
		}
		if ok, err := l.extend(ctx, s, leaf(EntryResolution, raw)); err != nil || ok {
			return err
		}
	}
}
