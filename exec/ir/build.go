package ir

import (
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Builder makes a bundle in Go. The zero Builder has no author; make one with
// [NewBuilder]. Its methods remember the first error, which Build returns.
type Builder struct {
	b      Bundle
	consts map[Scalar]uint32
	tools  map[object.Hash]bool
	err    error
}

// NewBuilder starts an empty bundle of an author.
func NewBuilder(author object.AgentID) *Builder {
	b := &Builder{b: Empty(), consts: make(map[Scalar]uint32), tools: make(map[object.Hash]bool)}
	b.b.Meta.Author = author
	return b
}

// Meta is the bundle's head, for setting notes, extensions or a time of creation.
func (b *Builder) Meta() *object.Meta { return &b.b.Meta }

// Const adds a number, bytes, text or hash to the pool, unless it is there, and refers to it.
func (b *Builder) Const(s Scalar) Operand {
	if i, ok := b.consts[s]; ok {
		return ConstRef(i)
	}
	c := Const{Kind: s.kind}
	switch s.kind {
	case KindI64:
		n := s.Int()
		c.I64 = &n
	case KindU64:
		n := s.Uint()
		c.U64 = &n
	case KindBytes:
		c.Bytes = []byte(s.data)
	case KindText:
		c.Text = &s.data
	case KindHash:
		h := s.Hash()
		c.Hash = &h
	default:
		b.fail(fmt.Errorf("%w: %s is not a constant", ErrInvalid, s))
	}
	i := uint32(len(b.b.ConstPool.Consts))
	b.b.ConstPool.Consts = append(b.b.ConstPool.Consts, c)
	b.consts[s] = i
	return ConstRef(i)
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Node adds a node to the pool and refers to it.
func (b *Builder) Node(n Node) Operand {
	b.b.NodePool.Nodes = append(b.b.NodePool.Nodes, n)
	return NodeRef(uint32(len(b.b.NodePool.Nodes) - 1))
}

// Type adds a type and returns its id.
func (b *Builder) Type(t TypeDef) object.Hash {
	id, err := TypeID(t)
	if err != nil {
		b.fail(err)
	}
	t.TypeID = id
	b.b.Types.Types = append(b.b.Types.Types, t)
	return id
}

// Symbol adds a symbol and returns its id.
func (b *Builder) Symbol(s SymbolSig) object.Hash {
	id, err := SymbolID(s)
	if err != nil {
		b.fail(err)
	}
	b.b.Symbols.Symbols = append(b.b.Symbols.Symbols, s)
	return id
}

// Contract adds a contract and returns its id.
func (b *Builder) Contract(c ContractDef) object.Hash {
	id, err := ContractID(c)
	if err != nil {
		b.fail(err)
	}
	c.ContractID = id
	b.b.Contracts.Contracts = append(b.b.Contracts.Contracts, c)
	return id
}

// Tool declares a tool, unless it is declared. It computes the id if the tool has a module, and otherwise keeps the
// given one.
func (b *Builder) Tool(t ToolDef) object.Hash {
	if t.Module != nil {
		id, err := ToolID(t)
		if err != nil {
			b.fail(err)
		}
		t.ToolID = id
	}
	if !b.tools[t.ToolID] {
		b.tools[t.ToolID] = true
		b.b.Tools.Tools = append(b.b.Tools.Tools, t)
	}
	return t.ToolID
}

// OpaqueTool declares a tool by an opaque id, such as a built-in one: it takes bytes and gives bytes.
func (b *Builder) OpaqueTool(id object.Hash, name string) object.Hash {
	return b.Tool(ToolDef{ToolID: id, Name: &name, RequestTypeID: TypeBytes, ResponseTypeID: TypeBytes})
}

// Op appends an op and returns its index.
func (b *Builder) Op(code uint8, operands ...Operand) int {
	if operands == nil {
		operands = []Operand{}
	}
	b.b.Ops.Ops = append(b.b.Ops.Ops, Op{Opcode: code, Operands: operands})
	return len(b.b.Ops.Ops) - 1
}

// Task adds a task and returns its id, which it computes.
func (b *Builder) Task(t TaskDef) object.Hash {
	if t.Args == nil {
		t.Args = []Operand{}
	}
	id, err := TaskID(t)
	if err != nil {
		b.fail(err)
	}
	t.TaskID = id
	b.b.Tasks.Tasks = append(b.b.Tasks.Tasks, t)
	return id
}

// Build gives the bundle's bytes, with its artifact id and without signatures,
// and validates them.
func (b *Builder) Build() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	raw, err := can.Marshal(&b.b)
	if err != nil {
		return nil, err
	}
	if raw, err = SetArtifactID(raw); err != nil {
		return nil, err
	}
	_, _, err = Validate(raw)
	return raw, err
}

// EntryMain is the entry symbol of programs that need only one. No table holds it, so it starts at op 0.
var EntryMain = object.SumText("sym:main")

// Empty is a bundle with every section empty, and without an author.
func Empty() Bundle {
	return Bundle{
		Meta: object.Meta{
			Spec: SpecName, Version: Version, Author: object.AgentID{Scheme: object.Ed25519},
			ArtifactID: object.Hash{Alg: object.SHA256}, Signatures: []object.Signature{},
		},
		ConstPool: ConstPool{[]Const{}}, NodePool: NodePool{[]Node{}}, Types: TypeTable{[]TypeDef{}},
		Symbols: SymbolTable{[]SymbolSig{}}, Contracts: ContractTable{[]ContractDef{}}, Tools: ToolTable{[]ToolDef{}},
		Ops: OpList{[]Op{}}, Tasks: TaskList{[]TaskDef{}},
	}
}

// SpecName is the Meta.spec of the bundles that this package makes.
const SpecName = "mythos"

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
