package vm

import (
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// program is a validated bundle with its operands resolved.
type program struct {
	id        object.Hash // artifact id
	code      []instr
	nodes     []template
	contracts map[object.Hash]*ir.ContractDef
	consts    []ir.Const
	asserts   map[object.Hash]uint64 // cost of an ASSERT of each contract in addition to its base
}

// instr is one op.
type instr struct {
	op   uint8
	cost uint64 // microseconds, the part that does not depend on values
	args []arg
}

// arg is an operand: a register, a node of the pool, or a value.
type arg struct {
	kind uint8 // ir.OperandReg, ir.OperandNodeRef, ir.OperandHash, or 0 for any other value
	n    int   // register or node number; a U64 operand's number if it fits; for a CALL's symbol its entry
	val  Value
}

// template is a node of the pool, whose operands may be registers.
type template struct {
	typeID object.Hash
	shape  uint8
	ids    []uint32
	args   []arg
}

// compile resolves everything that the ops of a valid bundle refer to.
func compile(b *ir.Bundle, id object.Hash) *program {
	p := &program{
		id: id, code: make([]instr, len(b.Ops.Ops)), nodes: make([]template, len(b.NodePool.Nodes)),
		contracts: make(map[object.Hash]*ir.ContractDef), asserts: make(map[object.Hash]uint64),
		consts: b.ConstPool.Consts,
	}
	for i := range b.Contracts.Contracts {
		c := &b.Contracts.Contracts[i]
		p.contracts[c.ContractID] = c
		p.asserts[c.ContractID] = ir.CostExtra(ir.OpAssert, contractParts(c), 0)
	}
	for i, n := range b.NodePool.Nodes {
		p.nodes[i] = compileNode(n, b.ConstPool.Consts)
	}
	for i, op := range b.Ops.Ops {
		in := instr{op: op.Opcode, args: make([]arg, len(op.Operands))}
		for j, o := range op.Operands {
			in.args[j] = compileOperand(o, b.ConstPool.Consts)
		}
		if op.Opcode == ir.OpCall {
			in.args[0].n = b.Entry(*op.Operands[0].Hash)
		}
		in.cost = ir.Cost(op.Opcode) + p.staticExtra(in)
		p.code[i] = in
	}
	return p
}

// staticExtra is the charge for an op's parts (spec/ir.md#costs) that do not depend on values.
func (p *program) staticExtra(in instr) uint64 {
	switch in.op {
	case ir.OpCall:
		return ir.CostExtra(in.op, uint64(len(in.args)-3), 0)
	case ir.OpNewList:
		return ir.CostExtra(in.op, uint64(len(in.args)-1), 0)
	case ir.OpAssert:
		return p.asserts[in.args[0].val.Hash()]
	}
	return 0
}

func contractParts(c *ir.ContractDef) uint64 {
	parts := exprParts(&c.Requires) + exprParts(&c.Ensures)
	if c.Invariant != nil {
		parts += exprParts(c.Invariant)
	}
	return parts
}

// exprParts is the number of expressions and members of their sets.
func exprParts(e *ir.Expr) uint64 {
	n := 1 + uint64(len(e.Set))
	for i := range e.Args {
		n += exprParts(&e.Args[i])
	}
	return n
}

func compileOperand(o ir.Operand, consts []ir.Const) arg {
	switch o.Kind {
	case ir.OperandReg:
		return arg{kind: ir.OperandReg, n: int(*o.U64)}
	case ir.OperandNodeRef:
		return arg{kind: ir.OperandNodeRef, n: int(*o.NodeRef)}
	case ir.OperandConstRef:
		return arg{val: constValue(consts[*o.ConstRef])}
	case ir.OperandI64:
		return arg{val: I64Value(*o.I64)}
	case ir.OperandHash:
		return arg{kind: ir.OperandHash, val: HashValue(*o.Hash)}
	}
	return arg{n: int(min(*o.U64, 1<<32)), val: U64Value(*o.U64)}
}

func compileNode(n ir.Node, consts []ir.Const) template {
	t := template{typeID: n.TypeID, shape: n.Kind}
	if n.Kind == ir.NodeList {
		for _, o := range n.Items {
			t.args = append(t.args, compileOperand(o, consts))
		}
		return t
	}
	t.ids = sortedKeys(n.Fields)
	for _, id := range t.ids {
		t.args = append(t.args, compileOperand(n.Fields[id], consts))
	}
	return t
}

// constValue is the value of a constant.
func constValue(c ir.Const) Value {
	switch c.Kind {
	case ir.KindI64:
		return I64Value(*c.I64)
	case ir.KindU64:
		return U64Value(*c.U64)
	case ir.KindBytes:
		return BytesValue(c.Bytes)
	case ir.KindText:
		return TextValue(*c.Text)
	}
	return HashValue(*c.Hash)
}

// Pure reports whether the task's result depends only on its bundle and arguments.
func (t *Task) Pure() bool { return t.prog.pure(t.entry, t.Def.EmitAttestation) }

// pure reports whether every op reachable from entry is pure; with attest, also if attestations are emitted. The result
// of such a task depends only on its bundle and arguments. An unknown op is impure.
func (p *program) pure(entry int, attest bool) bool {
	return p.all(entry, func(oc *ir.Opcode, _ *instr) bool { return oc.IsPure(attest) })
}

// Repeatable reports whether running the task again does nothing twice: every reachable effect has a key. Putting a
// blob again gives the same blob.
func (t *Task) Repeatable() bool {
	return t.prog.all(t.entry, func(oc *ir.Opcode, in *instr) bool {
		return in.op != ir.OpEffect || len(in.args) > len(oc.Params)
	})
}

// all reports whether ok holds for every op reachable from entry. It does not hold for an unknown op.
func (p *program) all(entry int, ok func(*ir.Opcode, *instr) bool) bool {
	seen := make([]bool, len(p.code))
	todo := []int{entry}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if pc >= len(p.code) || seen[pc] {
			continue
		}
		seen[pc] = true
		in := &p.code[pc]
		oc, known := ir.OpcodeOf(in.op)
		if !known || !ok(oc, in) {
			return false
		}
		if oc.Flow == ir.Next {
			todo = append(todo, pc+1)
		}
		if oc.Flow != ir.Stop {
			for _, at := range oc.Targets() {
				todo = append(todo, in.args[at].n)
			}
		}
	}
	return true
}
