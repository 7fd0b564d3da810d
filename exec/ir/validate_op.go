package ir

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
)

func (v *validator) ops() {
	if n := len(v.b.Ops.Ops); n > MaxOps {
		v.report("ops", "%d ops, a bundle has at most %d", n, MaxOps)
		return
	}
	for i := range v.b.Ops.Ops {
		v.op(i, v.b.Ops.Ops[i])
	}
}

func (v *validator) op(i int, op Op) {
	oc, ok := OpcodeOf(op.Opcode)
	if !ok {
		v.add(i, at("ops", i), fmt.Sprintf("opcode %#02x is not known", op.Opcode))
		return
	}
	roles, err := oc.Roles(op)
	if err != nil {
		v.add(i, at("ops", i), err.Error())
		return
	}
	for j, o := range op.Operands {
		if reason := v.operand(roles[j], o); reason != "" {
			v.add(i, fmt.Sprintf("%s.operands[%d]", at("ops", i), j), reason)
		}
	}
	if op.Opcode == OpCall {
		v.call(i, op)
	}
}

// operand returns the fault of an operand in its role; empty: none.
func (v *validator) operand(role Role, o Operand) string {
	if err := o.Check(); err != nil {
		return err.Error()
	}
	if err := checkHash(o.Hash); err != nil {
		return err.Error()
	}
	if !role.Takes(o.Kind) {
		return fmt.Sprintf("an operand of kind %s stands where one of %s is expected", operandNames[o.Kind], role.kinds())
	}
	if reason := v.dangling(o); reason != "" {
		return reason
	}
	return v.meaning(role, o)
}

// meaning checks the target of an operand beyond its kind.
func (v *validator) meaning(role Role, o Operand) string {
	consts := v.b.ConstPool.Consts
	switch role {
	case RoleLabel:
		if *o.U64 >= uint64(len(v.b.Ops.Ops)) {
			return fmt.Sprintf("label %d is past the last of %d ops", *o.U64, len(v.b.Ops.Ops))
		}
	case RoleField:
		if *o.U64 > 1<<32-1 {
			return fmt.Sprintf("field %d exceeds 32 bits", *o.U64)
		}
	case RoleShape:
		if t := v.types; o.Kind == OperandHash && (t[*o.Hash] == nil || t[*o.Hash].Kind != TypeRecord) {
			return "it is not a record type of the table"
		}
	case RoleTool:
		if s, ok := o.Scalar(consts); !ok || s.kind != KindHash || !v.tools[s.Hash()] {
			return "it is not a tool of the table"
		}
	case RoleContract:
		if !v.contracts[*o.Hash] {
			return "it is not a contract of the table"
		}
	case RoleCap, RoleBlob:
		if s, ok := o.Scalar(consts); ok && s.kind != KindHash {
			return fmt.Sprintf("a %s constant stands where a hash is expected", kindNames[s.kind])
		}
	case RoleKey:
		if s, ok := o.Scalar(consts); ok && s.kind != KindBytes && s.kind != KindText {
			return fmt.Sprintf("a %s constant cannot be an idempotency key, bytes or a text can", kindNames[s.kind])
		}
	case RoleIndex:
		if o.Kind == OperandU64 && *o.U64 > 1<<32-1 {
			return fmt.Sprintf("index %d exceeds 32 bits", *o.U64)
		}
	}
	return ""
}

// call checks a call against its symbol's signature.
func (v *validator) call(i int, op Op) {
	where := at("ops", i)
	o := op.Operands[0]
	if o.Kind != OperandHash || o.Hash == nil {
		return // reported with the operand
	}
	s := v.symbols[*o.Hash]
	if s == nil {
		v.add(i, where+".operands[0]", "it is not a symbol of the table")
		return
	}
	args := op.Operands[2 : len(op.Operands)-1]
	v.arguments(i, where, args, s)
}

func (v *validator) arguments(i int, where string, args []Operand, s *SymbolSig) {
	if len(args) != len(s.ArgTypeIDs) {
		v.add(i, where, fmt.Sprintf("%d arguments, the symbol takes %d", len(args), len(s.ArgTypeIDs)))
		return
	}
	for j, o := range args {
		v.fits(i, fmt.Sprintf("%s: argument %d", where, j), o, s.ArgTypeIDs[j])
	}
}

func (v *validator) tasks() {
	seen := make(map[object.Hash]bool)
	for i := range v.b.Tasks.Tasks {
		t, where := &v.b.Tasks.Tasks[i], at("tasks", i)
		v.check(where, t)
		if seen[t.TaskID] {
			v.report(where, "the task %s is there twice", t.TaskID.Short())
		}
		seen[t.TaskID] = true
		if len(v.b.Ops.Ops) == 0 {
			v.report(where, "there is no op to start at")
		}
		if len(t.Args) > MaxArgs {
			v.report(where, "%d arguments, at most %d are allowed", len(t.Args), MaxArgs)
		}
		for j, o := range t.Args {
			v.taskArg(fmt.Sprintf("%s.args[%d]", where, j), o)
		}
		if s := v.symbols[t.EntrySymbol]; s != nil {
			v.arguments(-1, where, t.Args, s)
		}
	}
}

func (v *validator) taskArg(where string, o Operand) {
	switch {
	case o.Kind == OperandReg:
		v.report(where, "a task has no registers to read")
	case v.reference(where, o) && o.Kind == OperandNodeRef && v.nodes.template[*o.NodeRef]:
		v.report(where, "node %d has registers, which a task cannot fill", *o.NodeRef)
	}
}
