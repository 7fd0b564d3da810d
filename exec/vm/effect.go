package vm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// TypeReceipt is the type of the value in an effect's receipt register: a record of those fields of the Receipt that
// are the same on every executor, by the Receipt's own numbers: {2 tool_id, 3 request_hash, 4 response_hash, 5
// idempotency_key bytes, 8 status u64}. Receipt ids are in Result.Receipts [ir-40].
var TypeReceipt = object.SumText("type:mythos.Receipt")

// World is everything outside the machine: the gate, or a recorded run. An error that is a [*Refusal] halts the task.
// Any other error means that the run cannot continue now, but may later.
type World interface {
	Now() object.Time
	// Activate finds a capability of the task by its id, or by the id of an ancestor.
	Activate(ctx context.Context, id object.Hash) (caps.Chain, error)
	// Do runs an effect.
	Do(ctx context.Context, e Effect) (Outcome, error)
	// OverBudget refuses an effect that the task's budget does not cover.
	OverBudget(ctx context.Context, e Effect, reason error) error
	// Builtin returns what a call of a tool is charged in addition to io_count.
	Builtin(tool object.Hash) (writes, spawns bool)
	// Contract is called for each contract that held, if the task emits attestations. Its error ends the run.
	Contract(ctx context.Context, c ContractCheck) error
}

// Effect is an action that a program asks for.
type Effect struct {
	Tool    object.Hash
	Request []byte
	Key     []byte        // idempotency key; empty: none
	Caps    []caps.Chain  // capabilities active at the request
	Timeout time.Duration // rest of the task's time; 0: no limit
}

// Outcome is the result of an effect.
type Outcome struct {
	Body         []byte
	Status       uint16
	RequestHash  object.Hash
	ResponseHash object.Hash
	ReceiptID    object.Hash // zero: no receipt
	Replayed     bool        // it had happened before
	Waited       time.Duration
	Tokens       uint64
}

// Refusal is an error of the world that halts the task.
type Refusal struct {
	Code      HaltCode
	Status    uint16       // of the receipt
	ReceiptID *object.Hash // nil: the ledger's own refusals leave none
	Err       error        // why
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap gives the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// requireCap is REQUIRE_CAP.
func (m *machine) requireCap(ctx context.Context, id Value) error {
	if id.kind != ValHash {
		return m.halt(HaltOperand, nil)
	}
	chain, err := m.world.Activate(ctx, id.Hash())
	if err != nil {
		return m.failed(err)
	}
	if !slices.Contains(m.activated, id.Hash()) {
		m.activated = append(m.activated, id.Hash())
	}
	if !slices.ContainsFunc(m.top.active, func(have caps.Chain) bool { return have[0].ID == chain[0].ID }) {
		m.top.active = append(m.top.active, chain)
	}
	return nil
}

// failed turns an error of the world into the halt that it causes, or returns the error itself if the run did not
// finish.
func (m *machine) failed(err error) error {
	var refused *Refusal
	if errors.As(err, &refused) {
		return m.halt(refused.Code, refused.Err)
	}
	return fmt.Errorf("op %d: %w", m.top.pc, err)
}

// effect is EFFECT: tool, request, out, receipt, key.
func (m *machine) effect(ctx context.Context, a []arg) error {
	e := Effect{Tool: a[0].val.Hash(), Request: requestBytes(m.value(a[1]))}
	if len(a) == 5 {
		if key := m.value(a[4]); key.kind != ValNull {
			e.Key = requestBytes(key)
		}
	}
	out, err := m.perform(ctx, EventEffect, e)
	if err != nil {
		return err
	}
	return m.deliver(a[2], a[3], BytesValue(out.Body), e, out)
}

// requestBytes are the bytes that a tool gets for a value: bytes unchanged, text as UTF-8, anything else in its
// canonical encoding [ir-43].
func requestBytes(v Value) []byte {
	if v.kind == ValBytes || v.kind == ValText {
		return v.data
	}
	return v.Encode()
}

// deliver writes an effect's response and its receipt record.
func (m *machine) deliver(outReg, receiptReg arg, response Value, e Effect, out Outcome) error {
	receipt, err := m.bounded(newRecord(TypeReceipt, []field{
		{2, HashValue(e.Tool)}, {3, HashValue(out.RequestHash)}, {4, HashValue(out.ResponseHash)},
		{5, BytesValue(e.Key)}, {8, U64Value(uint64(out.Status))},
	}))
	if err != nil {
		return err
	}
	m.top.regs[outReg.n], m.top.regs[receiptReg.n] = response, receipt
	return nil
}

// perform charges the budget for one effect and runs it.
func (m *machine) perform(ctx context.Context, kind uint8, e Effect) (Outcome, error) {
	e.Caps = m.top.active
	op := m.prog.code[m.top.pc].op
	before := ir.CostExtra(op, 0, uint64(len(e.Request)))
	code := m.meter.charge(before)
	if code == 0 {
		code = m.meter.effect(m.world.Builtin(e.Tool))
	}
	if code == 0 {
		code = m.eventful()
	}
	if code == 0 && m.meter.deadline != 0 {
		left := m.meter.deadline - m.world.Now()
		if left <= 0 {
			code = HaltDeadline
		}
		e.Timeout = time.Duration(min(left, object.Time(1<<62/time.Microsecond))) * time.Microsecond
	}
	if code != 0 {
		err := m.world.OverBudget(ctx, e, code.reason())
		var refused *Refusal
		if !errors.As(err, &refused) {
			return Outcome{}, m.failed(err)
		}
		m.happened(kind, e, Outcome{}, &Refusal{code, refused.Status, refused.ReceiptID, refused.Err})
		return Outcome{}, m.halt(code, refused.Err)
	}
	out, err := m.world.Do(ctx, e)
	if m.meter.deadline != 0 { // time that others took does not count against the task
		m.meter.deadline = m.meter.deadline.Add(out.Waited)
	}
	if err != nil {
		var refused *Refusal
		if errors.As(err, &refused) {
			m.happened(kind, e, out, refused)
		}
		return Outcome{}, m.failed(err)
	}
	m.happened(kind, e, out, nil)
	after := ir.CostExtra(op, 0, uint64(len(e.Request)+len(out.Body)))
	if code := m.meter.charge(after - before); code != 0 {
		return Outcome{}, m.halt(code, nil)
	}
	return out, m.answered(out)
}

// answered halts a task if its effect has exceeded the budget.
func (m *machine) answered(out Outcome) error {
	code := m.meter.answered(out)
	if code == 0 && m.meter.deadline != 0 && !out.Replayed && m.world.Now() > m.meter.deadline {
		code = HaltDeadline
	}
	if code != 0 {
		return m.halt(code, nil)
	}
	return nil
}

// eventful reports whether the run may have one more event.
func (m *machine) eventful() HaltCode {
	if len(m.trace) >= MaxEvents {
		return HaltEvents
	}
	return 0
}

// assert is ASSERT: contract, arguments, and a register for its outcome.
func (m *machine) assert(ctx context.Context, a []arg) error {
	if code := m.eventful(); code != 0 {
		return m.halt(code, nil)
	}
	def, args := m.prog.contracts[a[0].val.Hash()], m.value(a[1])
	code, err := m.judge(def, args)
	if err != nil {
		return m.halt(HaltOperand, err)
	}
	m.trace = append(m.trace, TraceEvent{
		Op: uint32(m.top.pc), Kind: EventAssert, Subject: def.ContractID, Status: uint16(code), CPUus: m.meter.cpu,
	})
	if code != 0 {
		return m.halt(code, nil)
	}
	if len(a) == 3 {
		outcome, err := m.bounded(newRecord(TypeContractPass, []field{{1, HashValue(def.ContractID)}, {2, HashValue(args.Digest())}}))
		if err != nil {
			return err
		}
		m.top.regs[a[2].n] = outcome
	}
	if !m.attest {
		return nil
	}
	check := ContractCheck{Contract: def.ContractID, Args: args.Digest(), Evidence: slices.Clone(m.receipts())}
	if err := m.world.Contract(ctx, check); err != nil {
		return fmt.Errorf("op %d: attest the contract: %w", m.top.pc, err)
	}
	return nil
}

// receipts are the ids of the receipts so far, in order.
func (m *machine) receipts() []object.Hash {
	var ids []object.Hash
	for _, r := range m.log {
		if r.ReceiptID != nil {
			ids = append(ids, *r.ReceiptID)
		}
	}
	return ids
}

// TypeContractPass is the type of ASSERT's result: a record {1 contract_id, 2 hash of the arguments} [ir-41].
var TypeContractPass = object.SumText("type:mythos.ContractPass")

// ContractCheck is a contract that held, for a ContractPass attestation.
type ContractCheck struct {
	Contract object.Hash
	Args     object.Hash   // of the canonical encoding of the arguments
	Result   uint16        // 0: pass
	Evidence []object.Hash // the receipts of the run so far, in order
}
