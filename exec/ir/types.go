package ir

import "github.com/mythos-project/mythos/object"

// Bundle is a program with everything that its ops refer to. It has the fields of the IRBundle in spec/ir.md. Every
// section is present; an empty section holds an empty list.
type Bundle struct {
	Meta      object.Meta   `can:"1,meta"`
	ConstPool ConstPool     `can:"2,const_pool"`
	NodePool  NodePool      `can:"3,node_pool"`
	Types     TypeTable     `can:"4,types"`
	Symbols   SymbolTable   `can:"5,symbols"`
	Contracts ContractTable `can:"6,contracts"`
	Tools     ToolTable     `can:"7,tools"`
	Ops       OpList        `can:"8,ops"`
	Tasks     TaskList      `can:"9,tasks"`

	index index // filled in by Validate
}

// ConstPool is section 2.
type ConstPool struct {
	Consts []Const `can:"1,consts"`
}

// NodePool is section 3.
type NodePool struct {
	Nodes []Node `can:"1,nodes"`
}

// TypeTable is section 4.
type TypeTable struct {
	Types []TypeDef `can:"1,types"`
}

// SymbolTable is section 5.
type SymbolTable struct {
	Symbols []SymbolSig `can:"1,symbols"`
}

// ContractTable is section 6.
type ContractTable struct {
	Contracts []ContractDef `can:"1,contracts"`
}

// ToolTable is section 7.
type ToolTable struct {
	Tools []ToolDef `can:"1,tools"`
}

// OpList is section 8.
type OpList struct {
	Ops []Op `can:"1,ops"`
}

// TaskList is section 9.
type TaskList struct {
	Tasks []TaskDef `can:"1,tasks"`
}

// Kinds of a Const, and of a Signal's value. KindBool is our addition and appears only in [Scalar], never in a Const.
const (
	KindI64   uint8 = 1
	KindU64   uint8 = 2
	KindBytes uint8 = 3
	KindText  uint8 = 4
	KindHash  uint8 = 5
	KindBool  uint8 = 6
)

// Const is one constant; exactly the field of its kind is present.
type Const struct {
	Kind  uint8        `can:"1,kind"` // 1 i64, 2 u64, 3 bytes, 4 text, 5 hash
	I64   *int64       `can:"2,i64"`
	U64   *uint64      `can:"3,u64"`
	Bytes []byte       `can:"4,bytes,optional"` // at most 8192 bytes
	Text  *string      `can:"5,text"`           // at most 8192 bytes
	Hash  *object.Hash `can:"6,hash"`
}

// Kinds of a Node.
const (
	NodeRecord uint8 = 1
	NodeList   uint8 = 2
)

// Node is one immutable record or list of the node pool. Operands of kind Reg
// make it a template: MAKE and MATCH fill them from the running frame.
type Node struct {
	TypeID object.Hash        `can:"1,type_id"`
	Kind   uint8              `can:"2,kind"`            // 1 record, 2 list
	Fields map[uint32]Operand `can:"3,fields,optional"` // of a record, by field id
	Items  []Operand          `can:"4,items,optional"`  // of a list
}

// Kinds of a TypeDef.
const (
	TypeRecord uint8 = 1
	TypeEnum   uint8 = 2
)

// TypeDef defines a record type, or an enum type whose values are the U64
// positions of its tags.
type TypeDef struct {
	TypeID   object.Hash `can:"1,type_id"`
	Kind     uint8       `can:"2,kind"` // 1 record, 2 enumeration
	Name     *string     `can:"3,name"`
	Fields   []FieldDef  `can:"4,fields,optional"`    // of a record, each id once
	EnumTags []string    `can:"5,enum_tags,optional"` // of an enum
}

// FieldDef is one field of a record type.
type FieldDef struct {
	FieldID     uint32      `can:"1,field_id"`
	Name        *string     `can:"2,name"`
	FieldTypeID object.Hash `can:"3,field_type_id"` // a type of the table, or one of the built-in types
	Required    bool        `can:"4,required"`
}

// SymbolSig is a callable piece of the op stream. CALL and TaskDef name it by its
// SymbolID, the hash of everything but its name.
type SymbolSig struct {
	ModuleID     object.Hash   `can:"1,module_id"`
	Name         *string       `can:"2,name"`
	ArgTypeIDs   []object.Hash `can:"3,arg_type_ids"`
	ReturnTypeID object.Hash   `can:"4,return_type_id"`
	Entry        *uint32       `can:"5,entry"` // op index; absent: op 0
}

// ContractDef is what ASSERT evaluates over a record of arguments.
type ContractDef struct {
	ContractID object.Hash `can:"1,contract_id"`
	Name       *string     `can:"2,name"`
	Requires   Expr        `can:"3,requires"`
	Ensures    Expr        `can:"4,ensures"`
	Invariant  *Expr       `can:"5,invariant"`
}

// ToolDef declares a tool that EFFECT calls. Module, our addition, is the hash of the implementation and pins it in the
// id. Without a module the id is opaque and is not checked.
type ToolDef struct {
	ToolID         object.Hash  `can:"1,tool_id"`
	Name           *string      `can:"2,name"`
	RequestTypeID  object.Hash  `can:"3,request_type_id"`
	ResponseTypeID object.Hash  `can:"4,response_type_id"`
	Module         *object.Hash `can:"5,module"`
}

// Op is one instruction. [Signature] says which operands each opcode takes.
type Op struct {
	Opcode   uint8     `can:"1,opcode"`
	Operands []Operand `can:"2,operands"`
}

// Kinds of an Operand.
const (
	OperandReg      uint8 = 1 // register, in U64
	OperandConstRef uint8 = 2 // position in the const pool, in ConstRef
	OperandNodeRef  uint8 = 3 // position in the node pool, in NodeRef
	OperandU64      uint8 = 4 // inline number, label or count, in U64
	OperandI64      uint8 = 5 // inline number, in I64
	OperandHash     uint8 = 6 // inline hash, in Hash
)

// Operand is a register, a reference into a pool or an inline scalar; exactly
// the field of its kind is present.
type Operand struct {
	Kind     uint8        `can:"1,kind"`
	U64      *uint64      `can:"2,u64"`
	I64      *int64       `can:"3,i64"`
	Hash     *object.Hash `can:"4,hash"`
	NodeRef  *uint32      `can:"5,node_ref"`
	ConstRef *uint32      `can:"6,const_ref"`
}

// TaskDef is one run of a symbol with arguments and a budget.
type TaskDef struct {
	TaskID          object.Hash `can:"1,task_id"` // hash of the definition, or an opaque label of the sender
	EntrySymbol     object.Hash `can:"2,entry_symbol"`
	Args            []Operand   `can:"3,args"` // r0, r1, ...; no registers
	Budget          Budget      `can:"4,budget"`
	EmitTrace       bool        `can:"5,emit_trace"`
	EmitAttestation bool        `can:"6,emit_attestation"`
}

// Budget bounds a task. An absent field has the default of spec/ir.md#budgets.
type Budget struct {
	CPUus       uint64  `can:"1,cpu_us"`       // microseconds by the cost table, not by a clock
	Tokens      *uint64 `can:"2,tokens"`       // language-model tokens, as tools report them; absent: no bound
	IOCount     uint32  `can:"3,io_count"`     // effects and blob ops
	StateWrites uint32  `can:"4,state_writes"` // effects and blob ops that write state
	DeadlineUs  *uint64 `can:"5,deadline_us"`  // wall-clock microseconds from the start; absent: no bound
	MaxDepth    *uint16 `can:"6,max_depth"`    // frames above the task's own; absent: 64
	MaxSpawn    *uint16 `can:"7,max_spawn"`    // workers; absent: none
}

// DefaultMaxDepth is the call depth if a budget sets none.
const DefaultMaxDepth uint16 = 64

// Roots of a Path.
const (
	RootEpisode uint8 = 1 // in a contract: its record of arguments
	RootSignal  uint8 = 2
)

// Path names a field by its field numbers, from a root downwards.
type Path struct {
	Root     uint8    `can:"1,root"` // 1 episode, 2 signal
	Segments []uint32 `can:"2,segments"`
}

// Expr is a predicate over an episode and its signals, or over a contract's
// arguments. Which fields are present depends on the op: see [CheckExpr].
type Expr struct {
	Op   uint8     `can:"1,op"`
	Args []Expr    `can:"2,args,optional"`
	Path *Path     `can:"3,path"`
	Lit  *Operand  `can:"4,lit"`
	Set  []Operand `can:"5,set,optional"`
}

// Ops of an Expr.
const (
	ExprTrue      uint8 = 1
	ExprFalse     uint8 = 2
	ExprEQ        uint8 = 10
	ExprNE        uint8 = 11
	ExprLT        uint8 = 12
	ExprLE        uint8 = 13
	ExprGT        uint8 = 14
	ExprGE        uint8 = 15
	ExprAnd       uint8 = 20
	ExprOr        uint8 = 21
	ExprNot       uint8 = 22
	ExprInSet     uint8 = 30
	ExprHasTool   uint8 = 40
	ExprHasStatus uint8 = 41
	ExprFailed    uint8 = 42 // our addition: a receipt has a status of FailedFrom or more
)
