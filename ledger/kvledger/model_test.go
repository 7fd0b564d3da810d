package kvledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/ledger/mlog"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/memory"
)

var errCrash = errors.New("the machine went down")

// crashKV is a store that goes down on command: before an update, or after it is durable but before the caller learns
// of it.
type crashKV struct {
	*memory.DB
	before, after bool
}

func (c *crashKV) Update(ctx context.Context, check, put map[string][]byte) (bool, error) {
	if c.before {
		return false, errCrash
	}
	ok, err := c.DB.Update(ctx, check, put)
	if c.after {
		return false, errCrash
	}
	return ok, err
}

// node is one executor: its ledger, which a crash replaces, and the attempts that it believes are running.
type node struct {
	key     *sign.Key
	kv      *crashKV
	ledger  *kvledger.Ledger
	running map[object.Hash]ledger.Decision
}

// machine drives several executors over one store. It keeps a model that is independent of the state machine: what it
// saw of each effect.
type machine struct {
	t     *testing.T
	db    *memory.DB
	now   object.Time
	nodes []*node
	seen  map[object.Hash]*effect
	root  mlog.Checkpoint // an earlier checkpoint
}

type effect struct {
	key     string
	history [][]byte
	owner   object.AgentID // who registered last, even if a crash hid the result
	until   object.Time    // for how long nobody else may register
	fence   uint64
	done    bool // committed and not reopened
	marked  bool
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, db: memory.New(), now: 1_000_000_000, seen: map[object.Hash]*effect{}}
	for _, key := range []*sign.Key{testKey, otherKey, thirdKey} {
		n := &node{key: key}
		m.nodes = append(m.nodes, n)
		m.start(n)
	}
	return m
}

func (m *machine) start(n *node) {
	n.kv = &crashKV{DB: m.db}
	n.ledger = kvledger.Open(n.kv, n.key, func() object.Time { return m.now })
	n.ledger.Known = []object.AgentID{testKey.Agent(), otherKey.Agent(), thirdKey.Agent()}
	n.running = map[object.Hash]ledger.Decision{}
}

func (m *machine) node(rt *rapid.T) *node { return rapid.SampledFrom(m.nodes).Draw(rt, "executor") }

func (m *machine) effect(rt *rapid.T) (object.Hash, *effect) {
	key := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "key")
	id := ledger.IdemID(tool, []byte(key))
	if m.seen[id] == nil {
		m.seen[id] = &effect{key: key}
	}
	return id, m.seen[id]
}

// register asks for an effect and compares the answer with the model.
func (m *machine) register(rt *rapid.T) {
	n := m.node(rt)
	id, x := m.effect(rt)
	request := "q"
	if rapid.IntRange(0, 19).Draw(rt, "mistake") == 0 {
		request = "x"
	}
	p := ledger.Policy{Lease: time.Duration(rapid.IntRange(1, 60).Draw(rt, "lease")) * time.Second,
		Retry: rapid.SampledFrom([]ledger.RetryMode{ledger.Block, ledger.Retry, ledger.Retry, ledger.Probe}).Draw(rt, "retry")}
	d, err := n.ledger.Register(context.Background(), tool, []byte(x.key), object.SumText(request), p)
	if err != nil {
		return
	}
	if d.Action == ledger.Replay {
		if !x.done || x.marked || d.Commit == nil || len(d.Receipt) == 0 {
			rt.Fatalf("replayed what is not committed: %+v", x)
		}
		return
	}
	if x.done || x.marked {
		rt.Fatalf("invoked after the commit, or in spite of a mark: %+v", x)
	}
	if d.Fence <= x.fence {
		rt.Fatalf("fence %d after %d", d.Fence, x.fence)
	}
	if _, twice := n.running[id]; twice {
		rt.Fatalf("one process runs it twice")
	}
	n.running[id] = d
}

// commit ends an attempt. It picks from few responses, so that conflicts are common.
func (m *machine) commit(rt *rapid.T) {
	n := m.node(rt)
	id, x := m.effect(rt)
	d, ok := n.running[id]
	if !ok {
		return
	}
	response := rapid.SampledFrom([]string{"r", "r", "r", "other"}).Draw(rt, "response")
	status := rapid.SampledFrom([]uint16{200, 500}).Draw(rt, "status")
	_ = n.ledger.Commit(context.Background(), d, receipt(m.t, n.key, x.key, "q", response, status))
	delete(n.running, id)
}

func (m *machine) release(rt *rapid.T) {
	n := m.node(rt)
	id, _ := m.effect(rt)
	if d, ok := n.running[id]; ok {
		n.ledger.Release(d)
		delete(n.running, id)
	}
}

// crash stops a node in the middle of an operation.
func (m *machine) crash(rt *rapid.T) {
	n := m.node(rt)
	if rapid.Bool().Draw(rt, "durable") {
		n.kv.after = true
	} else {
		n.kv.before = true
	}
	id, x := m.effect(rt)
	if d, ok := n.running[id]; ok {
		_ = n.ledger.Commit(context.Background(), d, receipt(m.t, n.key, x.key, "q", "r", 200))
	} else {
		_, _ = n.ledger.Register(context.Background(), tool, []byte(x.key), object.SumText("q"), ledger.Policy{Lease: time.Minute, Retry: ledger.Retry})
	}
	m.start(n)
}

func (m *machine) clock(rt *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(-30, 90).Draw(rt, "jump")) * time.Second)
}

func (m *machine) resolve(rt *rapid.T) {
	id, x := m.effect(rt)
	n := m.node(rt)
	s, err := n.ledger.Read(context.Background(), id)
	if err != nil {
		rt.Fatal(err)
	}
	decision := rapid.SampledFrom([]uint8{ledger.ResolveRetry, ledger.ResolveRetry, ledger.ResolveAccept}).Draw(rt, "decision")
	evidence := []object.Hash{tool}
	for _, e := range s.History {
		if e.Commit != nil && decision == ledger.ResolveAccept {
			evidence = []object.Hash{e.Commit.ReceiptID}
		}
	}
	if n.ledger.Resolve(context.Background(), id, decision, latest(n.ledger, id), evidence, "") != nil {
		return
	}
	x.marked, x.done = false, decision == ledger.ResolveAccept
	x.until = 0 // the operator states that nobody is running it
}

// check compares every history with what was seen before.
func (m *machine) check(rt *rapid.T) {
	for id, x := range m.seen {
		s, err := m.nodes[0].ledger.Read(context.Background(), id)
		if err != nil {
			rt.Fatal(err)
		}
		if len(s.History) < len(x.history) {
			rt.Fatalf("the history shrank from %d to %d entries", len(x.history), len(s.History))
		}
		for i, e := range s.History {
			if i < len(x.history) {
				if !bytes.Equal(e.Raw, x.history[i]) {
					rt.Fatalf("entry %d of the history changed", i)
				}
				continue
			}
			m.observe(rt, x, e)
			x.history = append(x.history, e.Raw)
		}
		if status := s.At(m.now); x.marked != (status == ledger.StatusDivergent) || (x.done && !x.marked) != (status == ledger.StatusCommitted) {
			rt.Fatalf("it is %s, seen %+v", status, x)
		}
	}
}

// observe adds a new entry to the model.
func (m *machine) observe(rt *rapid.T, x *effect, e ledger.Entry) {
	switch {
	case e.Register != nil:
		r := e.Register
		if x.done || x.marked {
			rt.Fatalf("a register after the commit, or in spite of a mark")
		}
		if *r.Fence != x.fence+1 {
			rt.Fatalf("fence %d after %d", *r.Fence, x.fence)
		}
		if r.TimeObserved < x.until && !r.Owner.Same(x.owner) {
			rt.Fatalf("two live owners: %s until %s, %s from %s", x.owner, x.until, r.Owner, r.TimeObserved)
		}
		x.fence, x.owner, x.until = *r.Fence, r.Owner, r.LeaseExpiresAt
	case e.Commit != nil:
		x.done = true
	case e.Mark != nil:
		x.marked = true
	}
}

// audit verifies the whole ledger, and that its beginning is unchanged.
func (m *machine) audit(rt *rapid.T) {
	l := m.nodes[1].ledger
	if _, err := l.Verify(context.Background()); err != nil {
		rt.Fatal(err)
	}
	if err := l.CheckConsistent(context.Background(), m.root); m.root.Size > 0 && err != nil {
		rt.Fatal(err)
	}
	text, err := l.Checkpoint(context.Background())
	if err != nil {
		rt.Fatal(err)
	}
	if m.root, err = mlog.OpenCheckpoint(text, otherKey.Agent()); err != nil {
		rt.Fatal(err)
	}
}

// TestModel drives several executors through random interleavings with clock jumps
// and crashes, and checks after every step: at most one live owner, no invocation
// after a commit, divergence is final, the history never shrinks or changes.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newMachine(t)
		rt.Repeat(map[string]func(*rapid.T){
			"register":  m.register,
			"register2": m.register,
			"commit":    m.commit,
			"release":   m.release,
			"crash":     m.crash,
			"clock":     m.clock,
			"resolve":   m.resolve,
			"audit":     m.audit,
			"":          m.check,
		})
		m.audit(rt)
	})
}

// TestManyAtOnce: several processes, each with many callers, ask for few effects. Each effect is invoked once, whoever
// asks, and everybody gets the same answer.
func TestManyAtOnce(t *testing.T) {
	const processes, callers, effects = 3, 16, 24
	ctx := context.Background()
	db := memory.New()
	var invoked [effects]chan struct{}
	for i := range invoked {
		invoked[i] = make(chan struct{}, processes*callers)
	}
	failures := make(chan error, processes*callers)
	for p := range processes {
		key := []*sign.Key{testKey, otherKey, thirdKey}[p]
		l := kvledger.Open(db, key, func() object.Time { return 1 })
		for c := range callers {
			go func() {
				failures <- func() error {
					for i := range effects {
						i = (i + c) % effects
						if err := once(ctx, t, l, key, fmt.Sprint("k", i), invoked[i]); err != nil {
							return err
						}
					}
					return nil
				}()
			}()
		}
	}
	for range processes * callers {
		if err := <-failures; err != nil {
			t.Fatal(err)
		}
	}
	for i := range invoked {
		if len(invoked[i]) != 1 {
			t.Errorf("effect %d was invoked %d times", i, len(invoked[i]))
		}
	}
	if rep, err := kvledger.Open(db, testKey, func() object.Time { return 1 }).Verify(ctx); err != nil || rep.Entries != 3*effects || rep.Divergent != 0 {
		t.Errorf("%+v %v", rep, err)
	}
}

// once registers until it may invoke or replay.
func once(ctx context.Context, t *testing.T, l *kvledger.Ledger, key *sign.Key, idemKey string, invoked chan<- struct{}) error {
	for {
		d, err := l.Register(ctx, tool, []byte(idemKey), object.SumText("q"), minute)
		switch {
		case errors.Is(err, ledger.ErrBusy):
			time.Sleep(time.Millisecond)
			continue
		case err != nil:
			return err
		case d.Action == ledger.Replay:
			if d.Commit.ResponseHash != object.SumText("r") {
				return errors.New("another answer is replayed")
			}
			return nil
		}
		invoked <- struct{}{}
		return l.Commit(ctx, d, receipt(t, key, idemKey, "q", "r", 200))
	}
}
