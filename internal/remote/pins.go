package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/store/kv"
)

// ErrOther means that a ledger does not go on from the checkpoint that was last seen of it.
var ErrOther = errors.New("is not the one seen before")

// Forget forgets the last checkpoint of the ledger at a URL, as its client writes it, but not who signs it. False: nothing
// is known of it.
func Forget(ctx context.Context, db kv.KV, url string) (known bool, err error) {
	raw, known, err := db.Get(ctx, kv.FarLedgers+url)
	if err != nil || !known {
		return false, err
	}
	pin, err := object.Decode[Pin](raw)
	if err != nil {
		return true, fmt.Errorf("what is known of %s: %w", url, err)
	}
	pin.Checkpoint = nil
	now, err := can.Marshal(pin)
	if err != nil {
		return true, err
	}
	ok, err := db.Update(ctx, map[string][]byte{kv.FarLedgers + url: raw}, map[string][]byte{kv.FarLedgers + url: now})
	if err == nil && !ok {
		err = fmt.Errorf("the ledger at %s: %w", url, ledger.ErrBusy)
	}
	return true, err
}

// Pin is what is known of a ledger elsewhere: its signer, and how far it has grown. It is stored under the ledger's
// URL.
type Pin struct {
	Agent      object.AgentID `can:"1,agent"`
	Checkpoint []byte         `can:"2,checkpoint,optional"` // the last one seen; absent: none yet
}

// pins holds the checkpoint that a ledger is held to: the next one must extend it. It grows step by step, so that two
// answers cannot come from two logs. One proof is requested at a time; entries that arrive meanwhile are proven
// together.
type pins struct {
	l     *Ledger
	key   string
	agent object.AgentID
	turn  chan struct{} // holds one item while somebody requests a proof
	asks  atomic.Int32  // requests under way about entries

	mu    sync.Mutex
	seen  mlog.Checkpoint // of size 0: none
	text  []byte
	saved uint64
	queue []*waiting
}

// entry is an entry to be proven.
type entry struct {
	seq  uint64
	kind byte
	raw  []byte
}

type waiting struct {
	entry
	done chan struct{}
	err  error
}

func openPins(ctx context.Context, l *Ledger) (*pins, error) {
	p := &pins{l: l, key: kv.FarLedgers + l.Client.URL, turn: make(chan struct{}, 1)}
	raw, err := kv.GetOrNil(ctx, l.KV, p.key)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return p, p.meet(ctx)
	}
	pin, err := object.Decode[Pin](raw)
	if err != nil {
		return nil, fmt.Errorf("what is known of %s: %w", l.Client.URL, err)
	}
	if l.Client.Key != nil && !l.Client.Key.Same(pin.Agent) {
		return nil, fmt.Errorf("%w: the ledger at %s belongs to %s, not to the expected %s", mlog.ErrCheckpoint, l.Client.URL, pin.Agent, l.Client.Key)
	}
	p.agent, l.Client.Key = pin.Agent, &pin.Agent
	if pin.Checkpoint == nil {
		return p, nil
	}
	p.text = pin.Checkpoint
	p.seen, err = mlog.OpenCheckpoint(p.text, p.agent)
	p.saved = p.seen.Size
	return p, err
}

// meet accepts the agent that answers as the ledger's agent, from now on.
func (p *pins) meet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.l.Try)
	defer cancel()
	agent, err := p.l.Client.Peer(ctx)
	if err != nil {
		return err
	}
	p.agent, p.l.Client.Key = agent, &agent
	p.l.Notef("pinned on first use: the ledger at %s is signed by key %s; compare with what `mythos key export` prints there", p.l.Client.URL, agent.KeyHex())
	raw, err := can.Marshal(&Pin{Agent: agent})
	if err != nil {
		return err
	}
	_, err = p.l.KV.Update(ctx, map[string][]byte{p.key: nil}, map[string][]byte{p.key: raw})
	return err
}

func (p *pins) size() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Size
}

// lead takes the turn to request a proof, together with a request about an entry, if nobody else has it: since is the
// size to prove from; nil: others have the turn, and their entries are proven together by a separate request that waits
// for no update. done gives the turn back, and may be called again.
func (p *pins) lead() (since *uint64, done func()) {
	alone := p.asks.Add(1) == 1
	over := func() { p.asks.Add(-1) }
	if alone {
		select {
		case p.turn <- struct{}{}:
			n := p.size()
			return &n, sync.OnceFunc(func() { <-p.turn; over() })
		default:
		}
	}
	return nil, sync.OnceFunc(over)
}

// take checks a proof and holds the ledger to its checkpoint from then on. The caller has the turn.
func (p *pins) take(_ context.Context, proof *wire.Proof, entries ...entry) error {
	c, err := mlog.OpenCheckpoint(proof.Checkpoint, p.agent)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text != nil {
		if err := mlog.CheckConsistency(p.seen, c, proof.Consistency); err != nil {
			return fmt.Errorf("the ledger at %s %w: %w", p.l.Client.URL, ErrOther, err)
		}
	}
	if len(proof.Places) != len(entries) {
		return fmt.Errorf("%w: %d proofs, not the requested %d", ErrAnswer, len(proof.Places), len(entries))
	}
	for i, e := range entries {
		if proof.Places[i].Seq != e.seq {
			return fmt.Errorf("%w: it proves entry %d, not the requested %d", ErrAnswer, proof.Places[i].Seq, e.seq)
		}
		if err := mlog.CheckInclusion(c, e.seq, ledger.Leaf(e.kind, e.raw), proof.Places[i].Hashes); err != nil {
			return err
		}
	}
	p.seen, p.text = c, proof.Checkpoint
	return nil
}

// prove proves an entry, together with those that others want proven.
func (p *pins) prove(ctx context.Context, chain caps.Chain, e entry) error {
	mine := &waiting{entry: e, done: make(chan struct{})}
	p.mu.Lock()
	p.queue = append(p.queue, mine)
	p.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case p.turn <- struct{}{}:
	}
	defer func() { <-p.turn }()
	select {
	case <-mine.done: // by the previous holder of the turn
		return mine.err
	default:
	}
	for {
		p.mu.Lock()
		batch := p.queue[:min(len(p.queue), wire.MaxSeqs)]
		p.queue = p.queue[len(batch):]
		p.mu.Unlock()
		entries := make([]entry, len(batch))
		for i, w := range batch {
			entries[i] = w.entry
		}
		err := p.fetch(ctx, chain, entries...)
		for _, w := range batch {
			w.err = err
			close(w.done)
		}
		select {
		case <-mine.done:
			return mine.err
		default: // others came before
		}
	}
}

// fetch requests a proof of entries and takes it. The caller has the turn.
func (p *pins) fetch(ctx context.Context, chain caps.Chain, entries ...entry) error {
	q := wire.Prove{Since: p.size(), Seqs: []uint64{}}
	for _, e := range entries {
		q.Seqs = append(q.Seqs, e.seq)
	}
	body, err := can.Marshal(&q)
	if err != nil {
		return err
	}
	a, err := p.l.answered(context.WithoutCancel(ctx), "/v1/log/proofs", chain, body, persistence{most: p.l.Patience, ahead: true})
	if err != nil {
		return err
	}
	if a.Proof == nil {
		return fmt.Errorf("%w: it has no proof", ErrAnswer)
	}
	return p.take(ctx, a.Proof, entries...)
}

// save stores the checkpoint. Another process of this folder may have stored a later one: the next use of the folder
// holds the ledger to that.
func (p *pins) save(ctx context.Context) error {
	p.mu.Lock()
	text, size, saved := p.text, p.seen.Size, p.saved
	p.mu.Unlock()
	if size == saved || text == nil {
		return nil
	}
	raw, err := can.Marshal(&Pin{p.agent, text})
	if err != nil {
		return err
	}
	for {
		before, err := kv.GetOrNil(ctx, p.l.KV, p.key)
		if err != nil || bytes.Equal(before, raw) {
			return err
		}
		if before != nil {
			pin, err := object.Decode[Pin](before)
			if err != nil {
				return err
			}
			if pin.Checkpoint != nil {
				c, err := mlog.OpenCheckpoint(pin.Checkpoint, p.agent)
				if err != nil {
					return err
				}
				if c.Size == size && !bytes.Equal(c.Root[:], p.seen.Root[:]) {
					return fmt.Errorf("%w: another process of this folder saw another log of %d entries at %s", mlog.ErrCheckpoint, size, p.l.Client.URL)
				}
				if c.Size >= size {
					return nil
				}
			}
		}
		ok, err := p.l.KV.Update(ctx, map[string][]byte{p.key: before}, map[string][]byte{p.key: raw})
		if err != nil || ok {
			return err
		}
	}
}
