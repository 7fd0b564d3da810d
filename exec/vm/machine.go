package vm

import (
	"context"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// frame is the registers of one call and the destination of its result.
type frame struct {
	regs   [ir.MaxRegister + 1]Value
	active []caps.Chain // activated by REQUIRE_CAP in this frame
	pc     int          // of the current op, or of the calling one
}

// machine executes one task. It is used once, by one goroutine.
type machine struct {
	prog   *program
	world  World
	meter  meter
	attest bool // emit_attestation
	trace  []TraceEvent
	log    []Recorded
	// scalars caches the constants that contracts compared with, by position.
	scalars map[uint32]ir.Scalar
	// activated are the ids that REQUIRE_CAP has activated, each once.
	activated []object.Hash

	stack []*frame
	free  []*frame // frames for reuse
	top   *frame
}

// sliceOps is how many ops run between two checks of the context.
const sliceOps = 1 << 14

// run executes the task from entry to its result. A *HaltError gives the
// canonical error object; any other error means that the run did not finish.
func (m *machine) run(ctx context.Context, entry int, args []arg) (_ Value, err error) {
	m.push()
	made := &filler{m: m, nodes: make(map[int]Value)} // a node that is passed several times is made once
	for i, a := range args {
		if m.top.regs[i], err = made.operand(a); err != nil {
			return Value{}, err
		}
	}
	m.top.pc = entry
	for n := 1; ; n++ {
		if n%sliceOps == 0 && ctx.Err() != nil {
			return Value{}, ctx.Err()
		}
		if m.top.pc >= len(m.prog.code) {
			return Value{}, nil // past the last op is HALT
		}
		in := &m.prog.code[m.top.pc]
		if code := m.meter.charge(in.cost); code != 0 {
			return Value{}, m.halt(code, nil)
		}
		result, done, err := m.step(ctx, in)
		if err != nil || done {
			return result, err
		}
	}
}

// halt is the error object of the op that cannot continue.
func (m *machine) halt(code HaltCode, err error) error {
	return &HaltError{Code: code, Op: uint32(m.top.pc), Err: err}
}

// charge charges the budget for an op, by the parts and bytes that it worked on.
func (m *machine) charge(op uint8, parts, size int) error {
	if code := m.meter.charge(ir.CostExtra(op, uint64(parts), uint64(size))); code != 0 {
		return m.halt(code, nil)
	}
	return nil
}

func (m *machine) push() {
	f := &frame{}
	if n := len(m.free); n > 0 {
		f, m.free = m.free[n-1], m.free[:n-1]
		*f = frame{}
	}
	m.stack = append(m.stack, f)
	m.top = f
}

// pop leaves the top frame; the machine has at least two.
func (m *machine) pop() {
	n := len(m.stack) - 1
	m.free = append(m.free, m.stack[n])
	m.stack = m.stack[:n]
	m.top = m.stack[n-1]
}

// step executes one op. The switch is long because the instruction set is; each case implements one rule of
// spec/ir.md#ops.
func (m *machine) step(ctx context.Context, in *instr) (result Value, done bool, err error) {
	f, a, next := m.top, in.args, m.top.pc+1
	switch in.op {
	case ir.OpNop:
	case ir.OpHalt:
		return Value{}, true, nil
	case ir.OpJmp:
		next = a[0].n
	case ir.OpJz:
		if f.regs[a[0].n].Falsy() {
			next = a[1].n
		}
	case ir.OpCall:
		return Value{}, false, m.call(a)
	case ir.OpRet:
		v := f.regs[a[0].n]
		if len(m.stack) == 1 {
			return v, true, nil
		}
		m.ret(v)
		return Value{}, false, nil
	case ir.OpConst:
		f.regs[a[0].n] = a[1].val
	case ir.OpMake:
		f.regs[a[0].n], err = m.makeNode(a[1])
	case ir.OpGet:
		f.regs[a[0].n], err = m.get(f.regs[a[1].n], a[2])
	case ir.OpSet:
		f.regs[a[0].n], err = m.set(f.regs[a[1].n], a[2], m.value(a[3]))
	case ir.OpNewList:
		f.regs[a[0].n], err = m.list(a[1:])
	case ir.OpMatch:
		var matched bool
		if matched, err = m.matches(f.regs[a[0].n], a[1]); matched {
			next = a[2].n
		}
	case ir.OpRequireCap:
		err = m.requireCap(ctx, m.value(a[0]))
	case ir.OpEffect:
		err = m.effect(ctx, a)
	case ir.OpAssert:
		err = m.assert(ctx, a)
	case ir.OpBlobPut:
		err = m.blobPut(ctx, a)
	case ir.OpBlobGet:
		err = m.blobGet(ctx, a)
	case ir.OpBlobChunkGet:
		err = m.blobChunkGet(ctx, a)
	default:
		err = m.halt(HaltOperand, nil) // the validator admits no other op
	}
	f.pc = next
	return Value{}, false, err
}

// value reads an operand that is a register or a value.
func (m *machine) value(a arg) Value {
	if a.kind == ir.OperandReg {
		return m.top.regs[a.n]
	}
	return a.val
}

// call enters a symbol: symbol, argc, arguments, out.
func (m *machine) call(a []arg) error {
	if code := m.meter.enter(len(m.stack)); code != 0 {
		return m.halt(code, nil)
	}
	caller := m.top
	m.push()
	for i, arg := range a[2 : len(a)-1] {
		if arg.kind == ir.OperandReg {
			m.top.regs[i] = caller.regs[arg.n]
		} else {
			m.top.regs[i] = arg.val
		}
	}
	m.top.pc = a[0].n
	return nil
}

// ret passes v to the calling op in the frame below.
func (m *machine) ret(v Value) {
	m.pop()
	a := m.prog.code[m.top.pc].args
	m.top.regs[a[len(a)-1].n] = v
	m.top.pc++
}
