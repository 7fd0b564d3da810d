package ir

import (
	"fmt"
	"strings"
)

// The opcodes of MYTHOS v0.2. The package documentation says what each does.
const (
	OpNop          uint8 = 0x01
	OpHalt         uint8 = 0x02
	OpJmp          uint8 = 0x10
	OpJz           uint8 = 0x11
	OpCall         uint8 = 0x12
	OpRet          uint8 = 0x13
	OpConst        uint8 = 0x20
	OpMake         uint8 = 0x21
	OpGet          uint8 = 0x22
	OpSet          uint8 = 0x23
	OpNewList      uint8 = 0x24
	OpMatch        uint8 = 0x25
	OpRequireCap   uint8 = 0x30
	OpEffect       uint8 = 0x31
	OpAssert       uint8 = 0x32
	OpBlobPut      uint8 = 0x40
	OpBlobGet      uint8 = 0x41
	OpBlobChunkGet uint8 = 0x42
)

// Role is the purpose of an operand.
type Role uint8

// The roles of operands.
const (
	RoleOut      Role = iota + 1 // register to write
	RoleReg                      // register to read
	RoleValue                    // value: register, constant or inline scalar
	RoleScalar                   // constant or inline scalar
	RoleLabel                    // op index, U64
	RoleField                    // field number of a record or position in a list, U64
	RoleArgc                     // number of RoleArg operands that follow, U64
	RoleArg                      // value; as many as RoleArgc says
	RoleItem                     // value; any number
	RoleShape                    // shape for MAKE: NodeRef of the pool, or the Hash of a record type
	RolePattern                  // test for MATCH: Hash a type, NodeRef fields, a scalar equality
	RoleSymbol                   // Hash of a symbol of the table
	RoleTool                     // Hash of a tool of the table or of a built-in, or ConstRef of one
	RoleContract                 // Hash of a contract of the table
	RoleCap                      // capability id: Hash, ConstRef of one, or register
	RoleKey                      // idempotency key: register, or ConstRef of bytes or text
	RoleNode                     // register or NodeRef
	RoleBlob                     // blob: register, Hash, or ConstRef of a hash
	RoleIndex                    // register or U64
)

const (
	bitReg    = 1 << OperandReg
	bitConst  = 1 << OperandConstRef
	bitNode   = 1 << OperandNodeRef
	bitU64    = 1 << OperandU64
	bitI64    = 1 << OperandI64
	bitHash   = 1 << OperandHash
	bitScalar = bitConst | bitU64 | bitI64 | bitHash
)

var roleKinds = [...]uint8{
	RoleOut:      bitReg,
	RoleReg:      bitReg,
	RoleValue:    bitReg | bitScalar,
	RoleScalar:   bitScalar,
	RoleLabel:    bitU64,
	RoleField:    bitU64,
	RoleArgc:     bitU64,
	RoleArg:      bitReg | bitScalar,
	RoleItem:     bitReg | bitScalar,
	RoleShape:    bitNode | bitHash,
	RolePattern:  bitNode | bitScalar,
	RoleSymbol:   bitHash,
	RoleTool:     bitHash | bitConst,
	RoleContract: bitHash,
	RoleCap:      bitHash | bitConst | bitReg,
	RoleKey:      bitReg | bitConst,
	RoleNode:     bitReg | bitNode,
	RoleBlob:     bitReg | bitHash | bitConst,
	RoleIndex:    bitReg | bitU64,
}

// Takes reports whether an operand of the kind may have the role.
func (r Role) Takes(kind uint8) bool {
	return kind <= OperandHash && roleKinds[r]&(1<<kind) != 0
}

// kinds names the operand kinds that the role takes, for messages.
func (r Role) kinds() string {
	var names []string
	for k := OperandReg; k <= OperandHash; k++ {
		if r.Takes(k) {
			names = append(names, operandNames[k])
		}
	}
	return strings.Join(names, ", ")
}

var operandNames = [...]string{
	OperandReg: "Reg", OperandConstRef: "ConstRef", OperandNodeRef: "NodeRef",
	OperandU64: "U64", OperandI64: "I64", OperandHash: "Hash",
}

// Purity says whether the result of an op depends only on its operands. An unmarked opcode is impure: results of a task
// with such an op are never reused.
type Purity uint8

// The degrees of purity.
const (
	Impure Purity = iota // asks for a capability, causes an effect or reads the store
	Attest               // pure if the task emits no attestations
	Pure
)

// Flow says where control goes after an op.
type Flow uint8

// The flows. A target is an operand of RoleLabel or RoleSymbol.
const (
	Next Flow = iota // to the op below, or to a target
	Jump             // to a target
	Stop             // back to the caller, or nowhere
)

// Opcode describes one opcode: its assembler name, its operands in order, its purity and its control flow.
type Opcode struct {
	Code     uint8
	Name     string // lower case, as the assembler has it
	Params   []Role // operands of every op with the code
	Optional Role   // one optional further operand; 0: none
	Rest     Role   // RoleArg, before the last of Params, or RoleItem, after them; 0: none
	Purity   Purity
	Flow     Flow
}

var opcodes = []Opcode{
	{OpNop, "nop", nil, 0, 0, Pure, Next},
	{OpHalt, "halt", nil, 0, 0, Pure, Stop},
	{OpJmp, "jmp", []Role{RoleLabel}, 0, 0, Pure, Jump},
	{OpJz, "jz", []Role{RoleReg, RoleLabel}, 0, 0, Pure, Next},
	{OpCall, "call", []Role{RoleSymbol, RoleArgc, RoleOut}, 0, RoleArg, Pure, Next},
	{OpRet, "ret", []Role{RoleReg}, 0, 0, Pure, Stop},
	{OpConst, "const", []Role{RoleOut, RoleScalar}, 0, 0, Pure, Next},
	{OpMake, "make", []Role{RoleOut, RoleShape}, 0, 0, Pure, Next},
	{OpGet, "get", []Role{RoleOut, RoleReg, RoleField}, 0, 0, Pure, Next},
	{OpSet, "set", []Role{RoleOut, RoleReg, RoleField, RoleValue}, 0, 0, Pure, Next},
	{OpNewList, "list", []Role{RoleOut}, 0, RoleItem, Pure, Next},
	{OpMatch, "match", []Role{RoleReg, RolePattern, RoleLabel}, 0, 0, Pure, Next},
	{OpRequireCap, "require_cap", []Role{RoleCap}, 0, 0, Impure, Next},
	{OpEffect, "effect", []Role{RoleTool, RoleValue, RoleOut, RoleOut}, RoleKey, 0, Impure, Next},
	{OpAssert, "assert", []Role{RoleContract, RoleReg}, RoleOut, 0, Attest, Next},
	{OpBlobPut, "blob_put", []Role{RoleValue, RoleNode, RoleOut, RoleOut}, 0, 0, Impure, Next},
	{OpBlobGet, "blob_get", []Role{RoleBlob, RoleNode, RoleOut, RoleOut}, 0, 0, Impure, Next},
	{OpBlobChunkGet, "blob_chunk_get", []Role{RoleBlob, RoleIndex, RoleOut, RoleOut}, 0, 0, Impure, Next},
}

// Opcodes returns the descriptions of all 18 opcodes, ascending by code.
func Opcodes() []Opcode { return append([]Opcode(nil), opcodes...) }

// OpcodeOf finds the description of a code.
func OpcodeOf(code uint8) (*Opcode, bool) {
	for i := range opcodes {
		if opcodes[i].Code == code {
			return &opcodes[i], true
		}
	}
	return nil, false
}

// OpcodeNamed finds an opcode by its name.
func OpcodeNamed(name string) (*Opcode, bool) {
	for i := range opcodes {
		if opcodes[i].Name == name {
			return &opcodes[i], true
		}
	}
	return nil, false
}

// OpName is the assembler name of an opcode.
func OpName(code uint8) string {
	if oc, ok := OpcodeOf(code); ok {
		return oc.Name
	}
	return fmt.Sprintf("opcode %#02x", code)
}

// IsPure reports whether an op of the code is pure in a task that does, or does not, emit
// attestations.
func (oc *Opcode) IsPure(attest bool) bool {
	return oc.Purity == Pure || oc.Purity == Attest && !attest
}

// Targets returns the positions of the operands to which control may go.
func (oc *Opcode) Targets() (at []int) {
	for i, r := range oc.Params {
		if r == RoleLabel || r == RoleSymbol {
			at = append(at, i)
		}
	}
	return at
}

// Roles returns the role of each operand of op. It is an error if op has too few or too many.
func (oc *Opcode) Roles(op Op) ([]Role, error) {
	n, least := len(op.Operands), len(oc.Params)
	switch {
	case oc.Rest == RoleArg:
		return oc.callRoles(op)
	case oc.Rest == RoleItem && n >= least:
		roles := append([]Role(nil), oc.Params...)
		for len(roles) < n {
			roles = append(roles, oc.Rest)
		}
		return roles, nil
	case n == least:
		return oc.Params, nil
	case n == least+1 && oc.Optional != 0:
		return append(append([]Role(nil), oc.Params...), oc.Optional), nil
	}
	return nil, fmt.Errorf("%s takes %s operands, not %d", oc.Name, oc.arity(), n)
}

func (oc *Opcode) arity() string {
	switch {
	case oc.Rest != 0:
		return fmt.Sprintf("at least %d", len(oc.Params))
	case oc.Optional != 0:
		return fmt.Sprintf("%d or %d", len(oc.Params), len(oc.Params)+1)
	}
	return fmt.Sprint(len(oc.Params))
}

// callRoles lays out symbol, argc, argc arguments, out.
func (oc *Opcode) callRoles(op Op) ([]Role, error) {
	n := len(op.Operands)
	if n < len(oc.Params) {
		return nil, fmt.Errorf("%s takes %s operands, not %d", oc.Name, oc.arity(), n)
	}
	argc := op.Operands[1]
	if argc.Kind != OperandU64 || argc.U64 == nil || *argc.U64 != uint64(n-3) {
		return nil, fmt.Errorf("%s: the second operand is not a U64 that counts the %d arguments", oc.Name, n-3)
	}
	roles := []Role{RoleSymbol, RoleArgc}
	for range n - 3 {
		roles = append(roles, RoleArg)
	}
	return append(roles, RoleOut), nil
}
