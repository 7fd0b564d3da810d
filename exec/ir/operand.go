package ir

import "github.com/mythos-project/mythos/object"

// Reg is the operand of a register.
func Reg(n uint8) Operand {
	u := uint64(n)
	return Operand{Kind: OperandReg, U64: &u}
}

// ConstRef is the operand of a position in the const pool.
func ConstRef(i uint32) Operand { return Operand{Kind: OperandConstRef, ConstRef: &i} }

// NodeRef is the operand of a position in the node pool.
func NodeRef(i uint32) Operand { return Operand{Kind: OperandNodeRef, NodeRef: &i} }

// U64Operand is an inline unsigned number, a label, a field or a count.
func U64Operand(n uint64) Operand { return Operand{Kind: OperandU64, U64: &n} }

// I64Operand is an inline signed number.
func I64Operand(n int64) Operand { return Operand{Kind: OperandI64, I64: &n} }

// HashOperand is an inline hash.
func HashOperand(h object.Hash) Operand { return Operand{Kind: OperandHash, Hash: &h} }
