package exec

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// TypeReceipt is the type of what an effect leaves in its receipt register: a
// record of those fields of the Receipt that are the same on every executor, by
// the Receipt's own numbers: {2 tool_id, 3 request_hash, 4 response_hash,
// 5 idempotency_key bytes, 8 status u64}. Receipt ids are in Result.Receipts [ir-40].
var TypeReceipt = object.SumText("type:mythos.Receipt")

// requireCap is REQUIRE_CAP.
func (m *machine) requireCap(ctx context.Context, id Value) error {
	if id.kind != ValHash {
		return m.halt(HaltOperand, nil)
	}
	chain, err := m.world.activate(ctx, id.Hash())
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

// failed is the halt that an error of the world leads to, or the error itself
// when the run did not finish.
func (m *machine) failed(err error) error {
	if code := haltCode(err); code != 0 {
		return m.halt(code, err)
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

// requestBytes are a value's bytes as a tool gets them: bytes as they are, text
// as UTF-8, anything else in its canonical encoding [ir-43].
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

// perform spends the budget for one effect and lets it happen.
func (m *machine) perform(ctx context.Context, kind uint8, e Effect) (Outcome, error) {
	e.Caps = m.top.active
	op := m.prog.code[m.top.pc].op
	before := ir.CostExtra(op, 0, uint64(len(e.Request)))
	code := m.meter.charge(before)
	if code == 0 {
		code = m.meter.effect(m.world.builtin(e.Tool))
	}
	if code == 0 {
		code = m.eventful()
	}
	if code == 0 && m.meter.deadline != 0 {
		left := m.meter.deadline - m.world.now()
		if left <= 0 {
			code = HaltDeadline
		}
		e.Timeout = time.Duration(min(left, object.Time(1<<62/time.Microsecond))) * time.Microsecond
	}
	if code != 0 {
		err := m.world.refuse(ctx, e, StatusBudget, code.reason())
		if haltCode(err) == 0 {
			return Outcome{}, m.failed(err)
		}
		m.happened(kind, e, Outcome{Status: StatusBudget}, code, err)
		return Outcome{}, m.halt(code, err)
	}
	out, err := m.world.do(ctx, e)
	if m.meter.deadline != 0 { // a task's time is its own: what others took does not count
		m.meter.deadline = m.meter.deadline.Add(out.Waited)
	}
	if err != nil {
		if code := haltCode(err); code != 0 {
			m.happened(kind, e, out, code, err)
		}
		return Outcome{}, m.failed(err)
	}
	m.happened(kind, e, out, 0, nil)
	after := ir.CostExtra(op, 0, uint64(len(e.Request)+len(out.Body)))
	if code := m.meter.charge(after - before); code != 0 {
		return Outcome{}, m.halt(code, nil)
	}
	return out, m.answered(out)
}

// answered halts a task that its effect has taken beyond its budget.
func (m *machine) answered(out Outcome) error {
	code := m.meter.answered(out)
	if code == 0 && m.meter.deadline != 0 && !out.Replayed && m.world.now() > m.meter.deadline {
		code = HaltDeadline
	}
	if code != 0 {
		return m.halt(code, nil)
	}
	return nil
}

// eventful says whether the run may leave one more event.
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
	if err := m.world.contract(ctx, check); err != nil {
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

// TypeContractPass is the type of what ASSERT leaves in its register: a record
// {1 contract_id, 2 hash of the arguments} [ir-41].
var TypeContractPass = object.SumText("type:mythos.ContractPass")

// ContractCheck is a contract that held, for a ContractPass attestation.
type ContractCheck struct {
	Contract object.Hash
	Args     object.Hash   // of the canonical encoding of the arguments
	Result   uint16        // 0: pass
	Evidence []object.Hash // the receipts of the run so far, in order
}

// liveWorld lets effects happen.
type liveWorld struct {
	gate       *Gate
	held       []caps.Chain
	onContract func(context.Context, ContractCheck) error
	onEffect   func(Effect, Outcome)
	manner     Manner
	refusing   *Effect // what a REQUIRE_CAP is for; nil: the program does not say
	brought    *brought
}

func (w *liveWorld) now() object.Time { return w.gate.Now() }

// activate finds the held chain whose leaf is id or, failing that, one that was
// derived from it: so one bundle can name a capability that several executors
// hold an attenuation of, each its own. A refusal leaves its receipt, as that of any
// effect does: of the call that the capability was for or, in other programs, of
// ToolRequireCap.
func (w *liveWorld) activate(ctx context.Context, id object.Hash) (caps.Chain, error) {
	var failed error = &caps.DeniedError{Check: "held", Cap: id, Reason: "it is not among the task's capabilities"}
	for _, exact := range []bool{true, false} {
		for _, chain := range w.held {
			if !names(chain, id, exact) {
				continue
			}
			err := w.gate.Verifier.Verify(chain, w.gate.Signer.Agent(), w.gate.Now())
			if err == nil {
				return chain, nil
			}
			failed = err
		}
	}
	e := Effect{Tool: ToolRequireCap, Request: id.Sum[:]}
	if w.refusing != nil {
		e = *w.refusing
	}
	return nil, w.gate.Refuse(ctx, e, StatusDenied, failed)
}

// ToolRequireCap is the tool of the receipts of capabilities that a program required and
// could not use. Its request is the 32 bytes of the capability's id.
var ToolRequireCap = ir.BuiltinTool("cap.require")

// names reports whether id is the chain's leaf or, unless exact, one above it.
func names(chain caps.Chain, id object.Hash, exact bool) bool {
	for i := range chain {
		if chain[i].ID == id && (i == 0) == exact {
			return true
		}
	}
	return false
}

func (w *liveWorld) do(ctx context.Context, e Effect) (Outcome, error) {
	if out, ok := w.brought.answer(e); ok {
		return out, nil
	}
	e.Manner = w.manner
	out, err := w.gate.Do(ctx, e)
	if err == nil && w.onEffect != nil {
		w.onEffect(e, out)
	}
	return out, err
}

func (w *liveWorld) refuse(ctx context.Context, e Effect, status uint16, reason error) error {
	return w.gate.Refuse(ctx, e, status, reason)
}

func (w *liveWorld) builtin(id object.Hash) (writes, spawns bool) {
	b := w.gate.builtins[id]
	return b.Writes, b.Spawns
}

func (w *liveWorld) contract(ctx context.Context, c ContractCheck) error {
	if w.onContract == nil {
		return nil
	}
	return w.onContract(ctx, c)
}
