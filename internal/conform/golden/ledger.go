package golden

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mythos-project/mythos/internal/conform/golden/input"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/ledger/kvledger"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store/memory"
)

type bytesIn struct {
	Bytes input.Hex `json:"bytes"`
}

// receiptOf opens a receipt: fields, id and signature.
func receiptOf(in json.RawMessage) (any, error) {
	var v bytesIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	r, id, err := ledger.OpenReceipt(v.Bytes)
	if err != nil {
		return refused(err)
	}
	return struct {
		ID     object.Hash  `json:"id"`
		Signer string       `json:"signer_key"`
		IdemID *object.Hash `json:"idem_id,omitempty"` // of an effect with a key
	}{id, r.Signer.KeyHex(), idemOf(r)}, nil
}

func idemOf(r *ledger.Receipt) *object.Hash {
	if len(r.IdempotencyKey) == 0 {
		return nil
	}
	id := ledger.IdemID(r.ToolID, r.IdempotencyKey)
	return &id
}

// scriptIn is a sequence of executors' actions on one effect. Each step is by a process of its own that signs with a
// golden key, at a time in microseconds.
type scriptIn struct {
	Tool  object.Hash `json:"tool_id"`
	Key   input.Hex   `json:"key"`
	Retry string      `json:"retry"` // block, retry or probe
	Lease int64       `json:"lease_us"`
	Steps []stepIn    `json:"steps"`
}

type stepIn struct {
	As       string      `json:"as"`
	At       int64       `json:"at_us"`
	Instance input.Hex   `json:"instance,omitempty"` // of the process; absent: it writes none
	Gone     bool        `json:"gone,omitempty"`     // the process knows that the latest attempt's process has ended
	Register *registerIn `json:"register,omitempty"`
	Commit   *commitIn   `json:"commit,omitempty"`
	Withdraw *withdrawIn `json:"withdraw,omitempty"`
	Resolve  *resolveIn  `json:"resolve,omitempty"`
}

type registerIn struct {
	Request object.Hash `json:"request_hash"`
	Again   bool        `json:"again,omitempty"` // try a recorded failure again
}

// withdrawIn ends the attempt that a register step began, without an outcome.
type withdrawIn struct {
	Step     int   `json:"step"`
	Decision uint8 `json:"decision"` // 4 it did not start, 5 it was stopped
}

// commitIn ends the attempt that a register step began.
type commitIn struct {
	Step     int          `json:"step"`
	Response object.Hash  `json:"response_hash"`
	Status   uint16       `json:"status"`
	Request  *object.Hash `json:"request_hash,omitempty"` // if it differs from that of the attempt
}

type resolveIn struct {
	Decision uint8         `json:"decision"`
	About    uint64        `json:"about"` // the attempt that it is about
	Evidence []object.Hash `json:"evidence"`
}

type scriptOut struct {
	Steps   []any       `json:"steps"`
	Status  string      `json:"status"`  // after the last step
	History []input.Hex `json:"history"` // the signed entries, in order
}

type stepOut struct {
	Action  string       `json:"action,omitempty"`
	Fence   uint64       `json:"fence,omitempty"`
	Receipt *object.Hash `json:"receipt_id,omitempty"`
}

// script is a run of one script.
type script struct {
	ctx       context.Context
	in        scriptIn
	now       object.Time
	db        *memory.DB
	decisions []ledger.Decision
}

func ledgerOf(in json.RawMessage) (any, error) {
	var v scriptIn
	if err := input.Decode(in, &v); err != nil {
		return nil, err
	}
	return v.run(context.Background(), memory.New())
}

func (v scriptIn) run(ctx context.Context, db *memory.DB) (any, error) {
	s := &script{ctx: ctx, in: v, db: db}
	out := scriptOut{Steps: []any{}, History: []input.Hex{}}
	for i, step := range s.in.Steps {
		got, err := s.step(step)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		out.Steps = append(out.Steps, got)
	}
	l := s.ledger("reader")
	state, err := l.Read(s.ctx, ledger.IdemID(s.in.Tool, s.in.Key))
	if err != nil {
		return nil, err
	}
	out.Status = state.At(s.now).String()
	for _, e := range state.History {
		out.History = append(out.History, input.Hex(e.Raw))
	}
	return out, nil
}

// ledger opens the ledger as an agent without memory: each step is by a process of its own.
func (s *script) ledger(name string) *kvledger.Ledger {
	l := kvledger.Open(s.db, input.Key(name), func() object.Time { return s.now })
	l.Instance = nil
	return l
}

// gone are Holders that report every attempt's process as ended.
type gone struct{}

func (gone) Hold(object.Hash) (kvledger.Hold, error)            { return gone{}, nil }
func (gone) Look(object.Hash) (ledger.Presence, error)          { return ledger.Gone, nil }
func (gone) Await(context.Context, object.Hash) ([]byte, error) { return nil, nil }
func (gone) File() *os.File                                     { return nil }
func (gone) Awaited() bool                                      { return false }
func (gone) Leave([]byte) error                                 { return nil }
func (gone) Drop(bool)                                          {}

func (s *script) policy() (ledger.Policy, error) {
	p := ledger.Policy{Lease: time.Duration(s.in.Lease) * time.Microsecond}
	switch s.in.Retry {
	case "block":
	case "retry":
		p.Retry = ledger.Retry
	case "probe":
		p.Retry = ledger.Probe
	default:
		return p, fmt.Errorf("retry policy %q is not known", s.in.Retry)
	}
	return p, nil
}

func (s *script) step(step stepIn) (any, error) {
	s.now = object.Time(step.At)
	l := s.ledger(step.As)
	if step.Instance != nil {
		l.Instance = step.Instance
	}
	if step.Gone {
		l.Holders = gone{}
	}
	s.decisions = append(s.decisions, ledger.Decision{})
	switch {
	case step.Register != nil:
		return s.register(l, *step.Register)
	case step.Commit != nil:
		return s.commit(l, *step.Commit)
	case step.Withdraw != nil:
		return s.withdraw(l, *step.Withdraw)
	case step.Resolve != nil:
		r := step.Resolve
		if err := l.Resolve(s.ctx, ledger.IdemID(s.in.Tool, s.in.Key), r.Decision, r.About, r.Evidence, ""); err != nil {
			return refused(err)
		}
		return stepOut{Action: "recorded"}, nil
	}
	return nil, errors.New("it does nothing")
}

func (s *script) register(l *kvledger.Ledger, in registerIn) (any, error) {
	p, err := s.policy()
	if err != nil {
		return nil, err
	}
	p.Again = in.Again
	d, err := l.Register(s.ctx, s.in.Tool, s.in.Key, in.Request, p)
	s.decisions[len(s.decisions)-1] = d
	switch {
	case err != nil:
		return refused(err)
	case d.Action == ledger.Replay:
		return stepOut{Action: "replay", Receipt: &d.Commit.ReceiptID}, nil
	}
	return stepOut{Action: "invoke", Fence: d.Fence}, nil
}

func (s *script) commit(l *kvledger.Ledger, c commitIn) (any, error) {
	if c.Step < 0 || c.Step >= len(s.decisions) {
		return nil, fmt.Errorf("there is no step %d", c.Step)
	}
	d := s.decisions[c.Step]
	request := d.RequestHash
	if c.Request != nil {
		request = *c.Request
	}
	id, raw, err := l.NewReceipt(ledger.Receipt{ToolID: s.in.Tool, IdempotencyKey: s.in.Key, RequestHash: request,
		ResponseHash: c.Response, Status: c.Status, TimeObserved: s.now})
	if err != nil {
		return nil, err
	}
	if err := l.Commit(s.ctx, d, raw); err != nil {
		return refused(err)
	}
	return stepOut{Action: "recorded", Receipt: &id}, nil
}

func (s *script) withdraw(l *kvledger.Ledger, in withdrawIn) (any, error) {
	if in.Step < 0 || in.Step >= len(s.decisions) {
		return nil, fmt.Errorf("there is no step %d", in.Step)
	}
	status := uint16(503)
	if in.Decision == ledger.ResolveStop {
		status = 504
	}
	d := s.decisions[in.Step]
	id, raw, err := l.NewReceipt(ledger.Receipt{ToolID: s.in.Tool, IdempotencyKey: s.in.Key, RequestHash: d.RequestHash,
		ResponseHash: object.Sum(nil), Status: status, TimeObserved: s.now})
	if err != nil {
		return nil, err
	}
	if err := l.Withdraw(s.ctx, d, in.Decision, raw); err != nil {
		return refused(err)
	}
	return stepOut{Action: "recorded", Receipt: &id}, nil
}
