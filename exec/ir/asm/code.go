package asm

import (
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
)

// op reads an op after its name.
func (a *assembler) op(t token) error {
	oc, ok := ir.OpcodeNamed(t.text)
	if !ok {
		return t.fail("there is no op %q", t.text)
	}
	op := ir.Op{Opcode: oc.Code, Operands: []ir.Operand{}}
	for k := a.peek().kind; k != tokNewline && k != tokEOF; k = a.peek().kind {
		if len(op.Operands) > 0 {
			if err := a.expect(","); err != nil {
				return err
			}
		}
		list, err := a.operandOrArgs()
		if err != nil {
			return err
		}
		op.Operands = append(op.Operands, list...)
	}
	a.b.Ops.Ops = append(a.b.Ops.Ops, op)
	a.opAt = append(a.opAt, t)
	return nil
}

// operandOrArgs reads one operand, or a call's arguments in parentheses, which it precedes with their count.
func (a *assembler) operandOrArgs() ([]ir.Operand, error) {
	if a.peek().text != "(" || a.peek().kind != tokPunct {
		o, err := a.operand()
		return []ir.Operand{o}, err
	}
	args, err := a.operandList("(", ")")
	return append([]ir.Operand{ir.U64Operand(uint64(len(args)))}, args...), err
}

func (a *assembler) operandList(open, end string) ([]ir.Operand, error) {
	list := []ir.Operand{}
	err := a.list(open, end, func() error {
		o, err := a.operand()
		list = append(list, o)
		return err
	})
	return list, err
}

// operand reads a register, $const, &node, @label, number, signed number or hash.
func (a *assembler) operand() (ir.Operand, error) {
	t := a.peek()
	switch t.kind {
	case tokNumber:
		a.take()
		n, err := t.number(64)
		return ir.U64Operand(n), err
	case tokSigned:
		a.take()
		n, err := t.signed()
		return ir.I64Operand(n), err
	case tokConst:
		a.take()
		n := new(uint32)
		a.position(a.consts, t, func(i int) { *n = uint32(i) })
		return ir.Operand{Kind: ir.OperandConstRef, ConstRef: n}, nil
	case tokNode:
		a.take()
		n := new(uint32)
		a.position(a.nodes, t, func(i int) { *n = uint32(i) })
		return ir.Operand{Kind: ir.OperandNodeRef, NodeRef: n}, nil
	case tokLabel:
		a.take()
		n := new(uint64)
		a.position(a.labels, t, func(i int) { *n = uint64(i) })
		return ir.Operand{Kind: ir.OperandU64, U64: n}, nil
	case tokWord:
		if n, ok := register(t.text); ok {
			a.take()
			return ir.Reg(n), nil
		}
	}
	r, err := a.ref()
	if err != nil {
		return ir.Operand{}, t.fail("expected an operand, found %s", t)
	}
	h, err := a.hashRef(r)
	return ir.Operand{Kind: ir.OperandHash, Hash: h}, err
}

// register reads r0 to r255.
func register(s string) (uint8, bool) {
	digits, ok := strings.CutPrefix(s, "r")
	if !ok || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 8)
	return uint8(n), err == nil
}

// constant reads: NAME KIND VALUE.
func (a *assembler) constant() error {
	t, err := a.want(tokWord)
	if err != nil {
		return err
	}
	i := len(a.b.ConstPool.Consts)
	a.at[part("consts", i)] = t
	if err := a.define(a.consts, t, i); err != nil {
		return err
	}
	c, err := a.constValue()
	a.b.ConstPool.Consts = append(a.b.ConstPool.Consts, c)
	return err
}

func (a *assembler) constValue() (ir.Const, error) {
	kind, err := a.want(tokWord)
	if err != nil {
		return ir.Const{}, err
	}
	switch kind.text {
	case "i64":
		t := a.take()
		n, err := t.signed()
		if t.kind != tokNumber && t.kind != tokSigned {
			err = t.fail("expected a number, found %s", t)
		}
		return ir.Const{Kind: ir.KindI64, I64: &n}, err
	case "u64":
		n, err := a.number(64)
		return ir.Const{Kind: ir.KindU64, U64: &n}, err
	case "bytes":
		b, err := a.want(tokBytes)
		return ir.Const{Kind: ir.KindBytes, Bytes: []byte(b.text)}, err
	case "text":
		s, err := a.want(tokString)
		return ir.Const{Kind: ir.KindText, Text: &s.text}, err
	case "hash":
		r, err := a.ref()
		if err != nil {
			return ir.Const{}, err
		}
		h, err := a.hashRef(r)
		return ir.Const{Kind: ir.KindHash, Hash: h}, err
	}
	return ir.Const{}, kind.fail("a constant is i64, u64, bytes, text or hash, not %q", kind.text)
}

// node reads: NAME TYPE { 1: OPERAND, ... } or NAME TYPE [ OPERAND, ... ].
func (a *assembler) node() error {
	t, err := a.want(tokWord)
	if err != nil {
		return err
	}
	i := len(a.b.NodePool.Nodes)
	a.at[part("nodes", i)] = t
	if err := a.define(a.nodes, t, i); err != nil {
		return err
	}
	typ, err := a.typeRef()
	if err != nil {
		return err
	}
	n := ir.Node{Kind: ir.NodeRecord}
	if a.peek().text == "[" {
		n.Kind = ir.NodeList
		n.Items, err = a.operandList("[", "]")
	} else {
		n.Fields, err = a.nodeFields()
	}
	a.b.NodePool.Nodes = append(a.b.NodePool.Nodes, n)
	a.fix(phaseHash, func() (err error) {
		a.b.NodePool.Nodes[i].TypeID, err = a.hashOf(typ)
		return err
	})
	return err
}

func (a *assembler) nodeFields() (map[uint32]ir.Operand, error) {
	fields := map[uint32]ir.Operand{}
	err := a.list("{", "}", func() error {
		t := a.peek()
		id, err := a.number(32)
		if err != nil {
			return err
		}
		if _, ok := fields[uint32(id)]; ok {
			return t.fail("field %d is there twice", id)
		}
		if err := a.expect(":"); err != nil {
			return err
		}
		fields[uint32(id)], err = a.operand()
		return err
	})
	return fields, err
}
