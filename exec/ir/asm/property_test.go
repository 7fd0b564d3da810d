package asm

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// draw makes valid bundles with every unusual but valid feature.
type draw struct {
	*rapid.T
	b ir.Bundle

	records, enums []object.Hash
	symbols        []object.Hash
	templates      []bool // of each node: whether it has registers
}

// oddNames are words of the assembler, and names that might confuse a lexer.
var oddNames = []string{
	"", "as", "unnamed", "id", "module", "entry", "record", "enum", "list", "any", "r1", "L0", "c0", "n0", "t0", "budget", "trace", "x", "a-", "a->b",
	"->", "-", "a.b", ".a", "#", "\"", "\\", "\\n", "\n", "\t;", "; no comment", "\x00", "\u2028", "\ufeff", "é", "😀", "true", "0", "a b", "$x", "type:x",
}

func (d *draw) name(label string) *string {
	switch rapid.IntRange(0, 3).Draw(d.T, label) {
	case 0:
		return nil
	case 1:
		s := rapid.String().Draw(d.T, label)
		return &s
	}
	s := rapid.SampledFrom(oddNames).Draw(d.T, label)
	return &s
}

func (d *draw) n(label string, most int) int { return rapid.IntRange(0, most).Draw(d.T, label) }

func (d *draw) bool(label string) bool { return rapid.Bool().Draw(d.T, label) }

func (d *draw) hash() object.Hash {
	return object.Sum(rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(d.T, "hash"))
}

// number favours the ends of the range.
func (d *draw) number(bits int) uint64 {
	most := uint64(math.MaxUint64) >> (64 - bits)
	return rapid.OneOf(rapid.SampledFrom([]uint64{0, 1, most, most - 1, most/2 + 1}), rapid.Uint64Range(0, most)).Draw(d.T, "number")
}

func (d *draw) signed() int64 {
	return rapid.OneOf(rapid.SampledFrom([]int64{0, -1, math.MinInt64, math.MaxInt64}), rapid.Int64()).Draw(d.T, "signed")
}

func optional[N any](d *draw, f func() N) *N {
	if d.bool("absent") {
		return nil
	}
	v := f()
	return &v
}

func (d *draw) u32() uint32 { return uint32(d.number(32)) }
func (d *draw) u16() uint16 { return uint16(d.number(16)) }
func (d *draw) u64() uint64 { return d.number(64) }

func (d *draw) bytes(most int) []byte {
	return append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, most).Draw(d.T, "bytes")...)
}

func (d *draw) meta() {
	m := &d.b.Meta
	m.Spec = rapid.OneOf(rapid.Just(ir.SpecName), rapid.String()).Draw(d.T, "spec")
	m.CreatedAt = optional(d, func() object.Time { return object.Time(d.signed()) })
	m.Author.Key = d.hash().Sum
	m.Author.Hint = rapid.OneOf(rapid.Just(""), rapid.String()).Draw(d.T, "hint")
	m.Notes = d.name("notes")
	if d.bool("extensions") {
		m.Extensions = map[string][]byte{}
		for range d.n("extensions", 3) {
			m.Extensions[rapid.OneOf(rapid.SampledFrom(oddNames), rapid.String()).Draw(d.T, "key")] = d.bytes(20)
		}
	}
	for range d.n("signatures", 2) {
		m.Signatures = append(m.Signatures, object.Signature{Alg: object.Ed25519, KeyID: optional(d, d.hash), Sig: [64]byte{1: 5, 63: 255}})
	}
}

func (d *draw) consts() {
	for range d.n("consts", 5) {
		c := ir.Const{Kind: uint8(1 + d.n("kind", 4))}
		switch c.Kind {
		case ir.KindI64:
			v := d.signed()
			c.I64 = &v
		case ir.KindU64:
			v := d.u64()
			c.U64 = &v
		case ir.KindBytes:
			c.Bytes = d.bytes(40)
			if d.bool("huge") {
				c.Bytes = make([]byte, ir.MaxInline)
			}
		case ir.KindText:
			v := rapid.OneOf(rapid.SampledFrom(oddNames), rapid.String()).Draw(d.T, "text")
			c.Text = &v
		case ir.KindHash:
			v := d.hash()
			c.Hash = &v
		}
		d.b.ConstPool.Consts = append(d.b.ConstPool.Consts, c)
	}
}

// typeID draws a type for fields, symbols and tools.
func (d *draw) typeID() object.Hash {
	all := append([]object.Hash{ir.TypeAny, ir.TypeNull, ir.TypeBool, ir.TypeU64, ir.TypeI64, ir.TypeBytes, ir.TypeText, ir.TypeHash, ir.TypeList}, append(d.records, d.enums...)...)
	return rapid.SampledFrom(all).Draw(d.T, "type")
}

func (d *draw) types() {
	for range d.n("types", 4) {
		t := ir.TypeDef{Kind: ir.TypeRecord, Name: d.name("type name"), Fields: []ir.FieldDef{}}
		if d.bool("enum") {
			t = ir.TypeDef{Kind: ir.TypeEnum, Name: t.Name, EnumTags: rapid.SliceOfNDistinct(rapid.OneOf(rapid.SampledFrom(oddNames), rapid.String()), 0, 4, rapid.ID).Draw(d.T, "tags")}
			if t.EnumTags == nil {
				t.EnumTags = []string{}
			}
		} else {
			for _, id := range rapid.SliceOfNDistinct(rapid.Uint32(), 0, 4, rapid.ID).Draw(d.T, "ids") {
				// Records are checked against these; every operand fits any.
				t.Fields = append(t.Fields, ir.FieldDef{FieldID: id, Name: d.name("field name"), FieldTypeID: ir.TypeAny})
			}
			if n := len(t.Fields); n > 0 && d.bool("other type") {
				t.Fields[n-1].FieldTypeID = d.typeID()
			}
		}
		id, err := ir.TypeID(t)
		if err != nil {
			d.Fatal(err)
		}
		t.TypeID = id
		if contains(d.records, id) || contains(d.enums, id) {
			continue
		}
		if t.Kind == ir.TypeEnum {
			d.enums = append(d.enums, id)
		} else {
			d.records = append(d.records, id)
		}
		d.b.Types.Types = append(d.b.Types.Types, t)
	}
}

func contains(list []object.Hash, h object.Hash) bool {
	for _, have := range list {
		if have == h {
			return true
		}
	}
	return false
}

func (d *draw) nodes() {
	for i := range d.n("nodes", 4) {
		n := ir.Node{TypeID: ir.TypeList, Kind: ir.NodeList, Items: []ir.Operand{}}
		template := false
		operand := func() ir.Operand {
			o := d.operand(maskReg|maskNode|maskScalar, i)
			template = template || o.Kind == ir.OperandReg || o.Kind == ir.OperandNodeRef && d.templates[*o.NodeRef]
			return o
		}
		if len(d.records) > 0 && d.bool("record") {
			t := d.typeOf(rapid.SampledFrom(d.records).Draw(d.T, "record type"))
			n = ir.Node{TypeID: t.TypeID, Kind: ir.NodeRecord, Fields: map[uint32]ir.Operand{}}
			for _, f := range t.Fields {
				if f.FieldTypeID == ir.TypeAny && d.bool("field") {
					n.Fields[f.FieldID] = operand()
				}
			}
		} else {
			for range d.n("items", 4) {
				n.Items = append(n.Items, operand())
			}
		}
		d.b.NodePool.Nodes = append(d.b.NodePool.Nodes, n)
		d.templates = append(d.templates, template)
	}
}

func (d *draw) typeOf(id object.Hash) *ir.TypeDef {
	for i := range d.b.Types.Types {
		if d.b.Types.Types[i].TypeID == id {
			return &d.b.Types.Types[i]
		}
	}
	return nil
}

// Sets of operand kinds.
const (
	maskReg    = 1 << ir.OperandReg
	maskConst  = 1 << ir.OperandConstRef
	maskNode   = 1 << ir.OperandNodeRef
	maskScalar = maskConst | 1<<ir.OperandU64 | 1<<ir.OperandI64 | 1<<ir.OperandHash
)

// kindsOf is the set of kinds that a role takes.
func kindsOf(role ir.Role) (set uint8) {
	for k := ir.OperandReg; k <= ir.OperandHash; k++ {
		if role.Takes(k) {
			set |= 1 << k
		}
	}
	return set
}

// operand draws an operand of one of the kinds; it refers only to the first nodes.
func (d *draw) operand(kinds uint8, nodes int) ir.Operand {
	if len(d.b.ConstPool.Consts) == 0 {
		kinds &^= maskConst
	}
	if nodes == 0 {
		kinds &^= maskNode
	}
	var list []uint8
	for k := ir.OperandReg; k <= ir.OperandHash; k++ {
		if kinds&(1<<k) != 0 {
			list = append(list, k)
		}
	}
	switch rapid.SampledFrom(list).Draw(d.T, "operand") {
	case ir.OperandReg:
		return ir.Reg(uint8(d.number(8)))
	case ir.OperandConstRef:
		return ir.ConstRef(uint32(d.n("const", len(d.b.ConstPool.Consts)-1)))
	case ir.OperandNodeRef:
		return ir.NodeRef(uint32(d.n("node", nodes-1)))
	case ir.OperandI64:
		return ir.I64Operand(d.signed())
	case ir.OperandHash:
		return ir.HashOperand(d.hash())
	}
	return ir.U64Operand(d.u64())
}

func (d *draw) tools() {
	for range d.n("tools", 3) {
		t := ir.ToolDef{ToolID: d.hash(), Name: d.name("tool name"), RequestTypeID: d.typeID(), ResponseTypeID: d.typeID(), Module: optional(d, d.hash)}
		if t.Module != nil {
			var err error
			if t.ToolID, err = ir.ToolID(t); err != nil {
				d.Fatal(err)
			}
		}
		if (&ir.Bundle{Tools: d.b.Tools}).Tool(t.ToolID) == nil {
			d.b.Tools.Tools = append(d.b.Tools.Tools, t)
		}
	}
}

func (d *draw) expr(depth int) ir.Expr {
	ops := []uint8{ir.ExprTrue, ir.ExprFalse, ir.ExprEQ, ir.ExprNE, ir.ExprLT, ir.ExprLE, ir.ExprGT, ir.ExprGE, ir.ExprInSet, ir.ExprHasTool, ir.ExprHasStatus, ir.ExprFailed}
	if depth > 0 {
		ops = append(ops, ir.ExprAnd, ir.ExprOr, ir.ExprNot)
	}
	e := ir.Expr{Op: rapid.SampledFrom(ops).Draw(d.T, "expr")}
	path := func() {
		e.Path = &ir.Path{Root: uint8(1 + d.n("root", 1)), Segments: rapid.SliceOfN(rapid.Uint32(), 1, ir.MaxPath).Draw(d.T, "path")}
	}
	switch e.Op {
	case ir.ExprTrue, ir.ExprFalse, ir.ExprFailed:
	case ir.ExprAnd, ir.ExprOr:
		for range 1 + d.n("args", 2) {
			e.Args = append(e.Args, d.expr(depth-1))
		}
	case ir.ExprNot:
		e.Args = []ir.Expr{d.expr(depth - 1)}
	case ir.ExprInSet:
		path()
		e.Set = []ir.Operand{}
		for range d.n("set", 3) {
			e.Set = append(e.Set, d.operand(maskScalar, 0))
		}
	case ir.ExprHasTool:
		o := ir.HashOperand(d.hash())
		if n := len(d.b.Tools.Tools); n > 0 && d.bool("of the table") {
			o = ir.HashOperand(d.b.Tools.Tools[d.n("tool", n-1)].ToolID)
		}
		e.Lit = &o
	case ir.ExprHasStatus:
		o := ir.U64Operand(d.u64())
		e.Lit = &o
	default:
		path()
		o := d.operand(maskScalar, 0)
		e.Lit = &o
	}
	return e
}

func (d *draw) contracts() {
	for range d.n("contracts", 2) {
		c := ir.ContractDef{Name: d.name("contract name"), Requires: d.expr(3), Ensures: d.expr(1), Invariant: optional(d, func() ir.Expr { return d.expr(1) })}
		id, err := ir.ContractID(c)
		if err != nil {
			d.Fatal(err)
		}
		if c.ContractID = id; (&ir.Bundle{Contracts: d.b.Contracts}).Contract(id) == nil {
			d.b.Contracts.Contracts = append(d.b.Contracts.Contracts, c)
		}
	}
}

func (d *draw) symbolTable(ops int) {
	for range d.n("symbols", 3) {
		s := ir.SymbolSig{ModuleID: d.hash(), Name: d.name("symbol name"), ArgTypeIDs: []object.Hash{}, ReturnTypeID: d.typeID()}
		for range d.n("args", 3) {
			s.ArgTypeIDs = append(s.ArgTypeIDs, ir.TypeAny)
		}
		if ops > 0 {
			s.Entry = optional(d, func() uint32 { return uint32(d.n("entry", ops-1)) })
		}
		id, err := ir.SymbolID(s)
		if err != nil {
			d.Fatal(err)
		}
		if !contains(d.symbols, id) {
			d.symbols = append(d.symbols, id)
			d.b.Symbols.Symbols = append(d.b.Symbols.Symbols, s)
		}
	}
}

// ops draws n ops; it leaves out ops that need an empty table.
func (d *draw) ops(n int) {
	for len(d.b.Ops.Ops) < n {
		oc := rapid.SampledFrom(ir.Opcodes()).Draw(d.T, "opcode")
		op := ir.Op{Opcode: oc.Code, Operands: []ir.Operand{}}
		switch {
		case oc.Code == ir.OpCall && len(d.symbols) > 0:
			i := d.n("symbol", len(d.symbols)-1)
			args := len(d.b.Symbols.Symbols[i].ArgTypeIDs)
			op.Operands = append(op.Operands, ir.HashOperand(d.symbols[i]), ir.U64Operand(uint64(args)))
			for range args {
				op.Operands = append(op.Operands, d.operand(kindsOf(ir.RoleArg), 0))
			}
			op.Operands = append(op.Operands, ir.Reg(0))
		case oc.Code == ir.OpCall, oc.Code == ir.OpEffect && len(d.b.Tools.Tools) == 0, oc.Code == ir.OpAssert && len(d.b.Contracts.Contracts) == 0,
			oc.Code == ir.OpMake && len(d.records) == 0:
			continue
		default:
			roles := append([]ir.Role{}, oc.Params...)
			if oc.Optional != 0 && d.bool("optional") {
				roles = append(roles, oc.Optional)
			}
			for range d.n("items", 3) {
				if oc.Rest == ir.RoleItem {
					roles = append(roles, ir.RoleItem)
				}
			}
			for _, role := range roles {
				op.Operands = append(op.Operands, d.inRole(role, n))
			}
		}
		d.b.Ops.Ops = append(d.b.Ops.Ops, op)
	}
}

func (d *draw) inRole(role ir.Role, ops int) ir.Operand {
	switch role {
	case ir.RoleLabel:
		return ir.U64Operand(uint64(d.n("label", ops-1)))
	case ir.RoleField, ir.RoleIndex:
		return ir.U64Operand(d.number(32))
	case ir.RoleShape:
		return ir.HashOperand(rapid.SampledFrom(d.records).Draw(d.T, "shape"))
	case ir.RoleTool:
		return ir.HashOperand(d.b.Tools.Tools[d.n("tool", len(d.b.Tools.Tools)-1)].ToolID)
	case ir.RoleContract:
		return ir.HashOperand(d.b.Contracts.Contracts[d.n("contract", len(d.b.Contracts.Contracts)-1)].ContractID)
	case ir.RoleCap, ir.RoleBlob:
		return d.operand(kindsOf(role)&^maskConst, 0)
	case ir.RoleKey:
		return ir.Reg(uint8(d.number(8)))
	}
	return d.operand(kindsOf(role), len(d.b.NodePool.Nodes))
}

func (d *draw) tasks() {
	if len(d.b.Ops.Ops) == 0 {
		return
	}
	for range d.n("tasks", 2) {
		t := ir.TaskDef{EntrySymbol: d.hash(), Args: []ir.Operand{}, EmitTrace: d.bool("trace"), EmitAttestation: d.bool("attest")}
		args := d.n("args", 3)
		if n := len(d.symbols); n > 0 && d.bool("of the table") {
			i := d.n("symbol", n-1)
			t.EntrySymbol, args = d.symbols[i], len(d.b.Symbols.Symbols[i].ArgTypeIDs)
		}
		for range args {
			o := d.operand(maskScalar|maskNode, len(d.b.NodePool.Nodes))
			if o.Kind == ir.OperandNodeRef && d.templates[*o.NodeRef] {
				o = ir.U64Operand(1)
			}
			t.Args = append(t.Args, o)
		}
		t.Budget = ir.Budget{
			CPUus: d.u64(), Tokens: optional(d, d.u64), IOCount: d.u32(), StateWrites: d.u32(), DeadlineUs: optional(d, d.u64),
			MaxDepth: optional(d, d.u16), MaxSpawn: optional(d, d.u16),
		}
		var err error
		if t.TaskID, err = ir.TaskID(t); err != nil || d.bool("opaque id") {
			t.TaskID = d.hash()
		}
		if (&ir.Bundle{Tasks: d.b.Tasks}).Task(t.TaskID) == nil {
			d.b.Tasks.Tasks = append(d.b.Tasks.Tasks, t)
		}
	}
}

// TestEveryBundleHasAText: the text of any valid bundle gives the same bytes, whatever its names, texts, numbers and
// ids are, and whatever is absent.
func TestEveryBundleHasAText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &draw{T: rt, b: ir.Empty()}
		d.meta()
		d.consts()
		d.types()
		d.nodes()
		d.tools()
		d.contracts()
		n := d.n("ops", 6)
		d.symbolTable(n)
		d.ops(n)
		d.tasks()
		raw, err := can.Marshal(&d.b)
		if err != nil {
			rt.Fatal(err)
		}
		if d.bool("artifact id") {
			if raw, err = ir.SetArtifactID(raw); err != nil {
				rt.Fatal(err)
			}
		}
		if _, findings, err := ir.Validate(raw); err != nil {
			rt.Fatalf("the generator is wrong: %v", findings)
		}
		text, err := Disassemble(raw)
		if err != nil {
			rt.Fatal(err)
		}
		again, err := Assemble(text)
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		if string(again) != string(raw) {
			rt.Fatalf("other bytes:\n%x\n%x\n%s", raw, again, text)
		}
	})
}
