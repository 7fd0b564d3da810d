package kvledger_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store/badger"
)

// call is one operation of a recorded history; answer is its result.
type call struct {
	Op       string // register, commit, read
	Key      string
	Client   int
	Request  string
	Response string // commit
	Retry    bool   // register: the tool is safe to repeat
}

type answer struct {
	Result string
	Fence  uint64
	At     int64 // the clock as the decision saw it
	Until  int64 // register: when the lease ends
}

// event is an operation with its begin and end.
type event struct {
	Call       call
	Answer     answer
	Begin, End int64
}

// effectState is one key in the reference: a few variables, no history.
type effectState struct {
	request, response string
	owner             int
	fence             uint64
	until             int64
	commits           string // the recorded receipts, concatenated
	divergent         bool
}

// step is the reference: the possible answers of an operation on one key, one at a time.
func (s effectState) step(c call, a answer) (effectState, string) {
	switch c.Op {
	case "register":
		return s.register(c, a)
	case "commit":
		return s.commit(c)
	}
	return s, s.status(a.At)
}

func (s effectState) status(at int64) string {
	switch {
	case s.divergent:
		return "divergent"
	case s.response != "":
		return "committed " + s.response
	case s.request == "":
		return "none"
	case at < s.until:
		return "pending"
	}
	return "unknown"
}

func (s effectState) register(c call, a answer) (effectState, string) {
	if s.request != "" && s.request != c.Request {
		s.divergent = true
		return s, "conflict"
	}
	switch st := s.status(a.At); {
	case s.divergent, s.response != "":
		return s, st
	case st == "pending" && (!c.Retry || s.owner != c.Client):
		return s, "busy"
	case st == "unknown" && !c.Retry:
		return s, st
	case a.Fence != s.fence+1 || a.Until <= a.At:
		return s, "a rising fence and a lease that lives"
	}
	s.request, s.owner, s.fence, s.until = c.Request, c.Client, a.Fence, a.Until
	return s, "invoke"
}

func (s effectState) commit(c call) (effectState, string) {
	receipt := fmt.Sprintf("|%d %s %s|", c.Client, c.Request, c.Response)
	switch {
	case bytes.Contains([]byte(s.commits), []byte(receipt)):
	case s.request != c.Request:
		s.commits, s.divergent = s.commits+receipt, true
		return s, "conflict"
	case s.response == "":
		s.commits, s.response = s.commits+receipt, c.Response
	case s.response != c.Response:
		s.commits, s.divergent = s.commits+receipt, true
		return s, "nondeterministic"
	default:
		s.commits, s.divergent = s.commits+receipt, true
	}
	if s.divergent {
		return s, "divergent"
	}
	return s, "recorded"
}

// linearizable checks a history: there must be an order of its operations, each at some moment between its begin and
// end, in which the reference gives the same answers.
func linearizable(t *testing.T, events []event) {
	t.Helper()
	history := make([]porcupine.Operation, len(events))
	for i, e := range events {
		history[i] = porcupine.Operation{ClientId: e.Call.Client, Input: e.Call, Output: e.Answer, Call: e.Begin, Return: e.End}
	}
	model := porcupine.Model{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			parts := map[string][]porcupine.Operation{}
			for _, op := range all {
				key := op.Input.(call).Key
				parts[key] = append(parts[key], op)
			}
			var list [][]porcupine.Operation
			for _, part := range parts {
				list = append(list, part)
			}
			return list
		},
		Init: func() any { return effectState{} },
		Step: func(state, in, out any) (bool, any) {
			a := out.(answer)
			next, want := state.(effectState).step(in.(call), a)
			return want == a.Result, next
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
	}
	if res, info := porcupine.CheckOperationsVerbose(model, history, time.Minute); res != porcupine.Ok {
		file := filepath.Join(os.TempDir(), "mythos-ledger-history.html")
		t.Fatalf("the history of %d operations is not linearizable (%v): see %s, %v", len(events), res, file, porcupine.VisualizePath(model, info, file))
	}
	results := map[string]int{}
	for _, e := range events {
		results[e.Call.Op+" "+e.Answer.Result]++
	}
	t.Logf("%d operations: %v", len(events), results)
}

// client is one executor that records what it does.
type client struct {
	id     int
	l      *kvledger.Ledger
	rng    *rand.Rand
	clock  func() int64 // the clock for leases
	now    func() int64 // when operations begin and end
	at     int64        // the last reading of clock
	keys   int
	lease  time.Duration
	open   map[string]ledger.Decision
	events []event
}

func newClient(id int, kv kvledger.KV, keys int, lease time.Duration, clock, now func() int64) *client {
	c := &client{id: id, rng: rand.New(rand.NewPCG(uint64(id), 7)), clock: clock, now: now, keys: keys, lease: lease, open: map[string]ledger.Decision{}}
	c.l = kvledger.Open(kv, sign.FromSeed([32]byte{byte(id + 1)}, fmt.Sprint("client ", id)), func() object.Time {
		c.at = c.clock()
		return object.Time(c.at)
	})
	return c
}

func (c *client) step(ctx context.Context) error {
	in := call{Client: c.id, Key: fmt.Sprint("key-", c.rng.IntN(c.keys)), Request: "q"}
	if c.rng.IntN(20) == 0 {
		in.Request = "another"
	}
	d, running := c.open[in.Key]
	switch n := c.rng.IntN(10); {
	case running && n < 1: // it crashes
		c.l.Release(d)
		delete(c.open, in.Key)
		return nil
	case running && n < 8:
		in.Op, in.Response = "commit", "r"
		if c.rng.IntN(8) == 0 {
			in.Response = "another"
		}
		in.Request = "q"
	case running || n < 2: // it does not try its own running attempt a second time
		in.Op = "read"
	default:
		in.Op, in.Retry = "register", c.rng.IntN(3) > 0
	}
	begin := c.now()
	a, err := c.do(ctx, in)
	if err != nil {
		return err
	}
	a.At = c.at
	c.events = append(c.events, event{in, a, begin, c.now()})
	return nil
}

func (c *client) do(ctx context.Context, in call) (a answer, err error) {
	idem := ledger.IdemID(tool, []byte(in.Key))
	switch in.Op {
	case "register":
		p := ledger.Policy{Lease: c.lease}
		if in.Retry {
			p.Retry = ledger.Retry
		}
		d, err := c.l.Register(ctx, tool, []byte(in.Key), object.SumText(in.Request), p)
		return c.registered(ctx, in, d, err)
	case "commit":
		d := c.open[in.Key]
		delete(c.open, in.Key)
		_, raw, err := c.l.NewReceipt(ledger.Receipt{ToolID: tool, IdempotencyKey: []byte(in.Key),
			RequestHash: object.SumText(in.Request), ResponseHash: object.SumText(in.Response), Status: 200})
		if err == nil {
			err = c.l.Commit(ctx, d, raw)
		}
		a.Result, err = resultOf(err, "recorded")
		return a, err
	}
	s, err := c.l.Read(ctx, idem)
	if err != nil {
		return a, err
	}
	c.at = c.clock()
	a.Result = s.At(object.Time(c.at)).String()
	if s.Mark == nil && s.Commit != nil {
		a.Result += " " + responseOf(s.Commit.ResponseHash)
	}
	return a, nil
}

func (c *client) registered(ctx context.Context, in call, d ledger.Decision, err error) (a answer, _ error) {
	at := c.at
	if a.Result, err = resultOf(err, "invoke"); err != nil {
		return a, err
	}
	if a.Result == "invoke" && d.Action == ledger.Replay {
		a.Result = "committed " + responseOf(d.Commit.ResponseHash)
	}
	if a.Result == "invoke" {
		a.Fence, c.open[in.Key] = d.Fence, d
		s, err := c.l.Read(ctx, d.IdemID) // history never shrinks, so the register is there
		if err != nil {
			return a, err
		}
		for _, e := range s.History {
			if e.Register != nil && *e.Register.Fence == d.Fence {
				a.Until = int64(e.Register.LeaseExpiresAt)
			}
		}
	}
	c.at = at
	return a, nil
}

func responseOf(h object.Hash) string {
	if h == object.SumText("r") {
		return "r"
	}
	return "another"
}

func resultOf(err error, ok string) (string, error) {
	for result, known := range map[string]error{"conflict": ledger.ErrIdempotencyConflict, "nondeterministic": ledger.ErrNonDeterministic,
		"divergent": ledger.ErrDivergent, "busy": ledger.ErrBusy, "unknown": ledger.ErrUnknownOutcome} {
		if errors.Is(err, known) {
			return result, nil
		}
	}
	return ok, err
}

// TestLinearizable: executors that share a store use the same keys at once. There is an order in which a simple
// register of effects gives the same answers.
func TestLinearizable(t *testing.T) {
	w := newWorld(t)
	var clock, ticks atomic.Int64
	clients := make([]*client, 6)
	var wg sync.WaitGroup
	for i := range clients {
		c := newClient(i, w.db, 40, 40*time.Microsecond, func() int64 { return clock.Add(1) }, func() int64 { return ticks.Add(1) })
		clients[i] = c
		wg.Go(func() {
			for range 250 {
				if err := c.step(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	var events []event
	for _, c := range clients {
		events = append(events, c.events...)
	}
	linearizable(t, events)
	if _, err := w.ledger(testKey).Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

const linearChild = "MYTHOS_TEST_LINEAR_CHILD"

// TestLinearizableProcesses does the same with several processes over one database on disk, which they use in turns.
func TestLinearizableProcesses(t *testing.T) {
	if text := os.Getenv(linearChild); text != "" {
		child(t, text)
		return
	}
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	outs := make([]bytes.Buffer, 3)
	var wg sync.WaitGroup
	for i := range outs {
		wg.Go(func() {
			cmd := osexec.CommandContext(t.Context(), self, "-test.run", "^TestLinearizableProcesses$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", linearChild, i, dir))
			cmd.Stdout, cmd.Stderr = &outs[i], os.Stderr
			if err := cmd.Run(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, outs[i].Bytes())
			}
		})
	}
	wg.Wait()
	var events []event
	for i := range outs {
		lines := bufio.NewScanner(&outs[i])
		for lines.Scan() {
			var e event
			if bytes.HasPrefix(lines.Bytes(), []byte("{")) {
				if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
					t.Fatal(err)
				}
				events = append(events, e)
			}
		}
	}
	if len(events) < 100 {
		t.Fatalf("%d operations were recorded", len(events))
	}
	linearizable(t, events)
}

// child is one of the processes; it prints what it did.
func child(t *testing.T, text string) {
	var id int
	var dir string
	if _, err := fmt.Sscanf(text, "%d %s", &id, &dir); err != nil {
		t.Fatal(err)
	}
	db, err := badger.Open(dir, badger.Options{Wait: time.Minute, Idle: time.Millisecond, Hold: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	micros := func() int64 { return time.Now().UnixMicro() }
	c := newClient(id, db, 12, 100*time.Millisecond, micros, func() int64 { return time.Now().UnixNano() })
	for range 60 {
		if err := c.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	enc := json.NewEncoder(os.Stdout)
	for _, e := range c.events {
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
}
