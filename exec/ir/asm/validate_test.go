package asm

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

func u32(n uint32) *uint32 { return &n }

// TestValidateRefuses changes one thing of a valid bundle at a time.
func TestValidateRefuses(t *testing.T) {
	raw, err := Assemble([]byte(allOps()))
	if err != nil {
		t.Fatal(err)
	}
	first := func(b *ir.Bundle, code uint8) *ir.Op {
		for i := range b.Ops.Ops {
			if b.Ops.Ops[i].Opcode == code {
				return &b.Ops.Ops[i]
			}
		}
		t.Fatalf("no op %#x", code)
		return nil
	}
	for _, c := range []struct {
		name   string
		change func(b *ir.Bundle)
		where  string
		op     bool
	}{
		{"version", func(b *ir.Bundle) { b.Meta.Version = 3 }, "meta.version", false},
		{"author scheme", func(b *ir.Bundle) { b.Meta.Author.Scheme = 2 }, "meta", false},
		{"const kind", func(b *ir.Bundle) { b.ConstPool.Consts[0].Kind = 6 }, "consts[0]", false},
		{"const without value", func(b *ir.Bundle) { b.ConstPool.Consts[0].I64 = nil }, "consts[0]", false},
		{"const with two values", func(b *ir.Bundle) { b.ConstPool.Consts[0].Bytes = []byte{} }, "consts[0]", false},
		{"const too long", func(b *ir.Bundle) { b.ConstPool.Consts[2].Bytes = make([]byte, ir.MaxInline+1) }, "consts[2]", false},
		{"const hash", func(b *ir.Bundle) { b.ConstPool.Consts[4].Hash.Alg = 2 }, "consts[4]", false},
		{"node kind", func(b *ir.Bundle) { b.NodePool.Nodes[0].Kind = 2 }, "nodes[0]", false},
		{"node type", func(b *ir.Bundle) { b.NodePool.Nodes[0].TypeID = object.SumText("?") }, "nodes[0]", false},
		{"node of an enum", func(b *ir.Bundle) { b.NodePool.Nodes[0].TypeID = b.Types.Types[1].TypeID }, "nodes[0]", false},
		{"node without a required field", func(b *ir.Bundle) { delete(b.NodePool.Nodes[0].Fields, 1) }, "nodes[0]", false},
		{"node with an unknown field", func(b *ir.Bundle) { b.NodePool.Nodes[0].Fields[7] = ir.Reg(0) }, "nodes[0]", false},
		{"node with a wrong field", func(b *ir.Bundle) { b.NodePool.Nodes[0].Fields[1] = ir.U64Operand(1) }, "nodes[0].fields[1]", false},
		{"node with a list for a number", func(b *ir.Bundle) { b.NodePool.Nodes[0].Fields[1] = ir.NodeRef(1) }, "nodes[0].fields[1]", false},
		{"node with an unknown tag", func(b *ir.Bundle) { b.NodePool.Nodes[0].Fields[129] = ir.U64Operand(2) }, "nodes[0].fields[129]", false},
		{"node with a lost const", func(b *ir.Bundle) { b.NodePool.Nodes[1].Items[1] = ir.ConstRef(99) }, "nodes[1].items[1]", false},
		{"node with a lost node", func(b *ir.Bundle) { b.NodePool.Nodes[1].Items[1] = ir.NodeRef(99) }, "nodes[1].items[1]", false},
		{"node cycle", func(b *ir.Bundle) { b.NodePool.Nodes[1].Items[0] = ir.NodeRef(1) }, "nodes[1].items[0]", false},
		{"list of something else", func(b *ir.Bundle) { b.NodePool.Nodes[2].Items[0] = ir.U64Operand(1) }, "nodes[2].items[0]", false},
		{"type id", func(b *ir.Bundle) { b.Types.Types[0].Fields[0].FieldID = 9 }, "types[0]", false},
		{"type of a field", func(b *ir.Bundle) { b.Types.Types[0].Fields[0].FieldTypeID = object.SumText("?") }, "types[0].fields[0]", false},
		{"type twice", func(b *ir.Bundle) { b.Types.Types = append(b.Types.Types, b.Types.Types[0]) }, "types[3]", false},
		{"field twice", func(b *ir.Bundle) { b.Types.Types[0].Fields[1].FieldID = 1 }, "types[0]", false},
		{"tag twice", func(b *ir.Bundle) { b.Types.Types[1].EnumTags[1] = "red" }, "types[1]", false},
		{"type kind", func(b *ir.Bundle) { b.Types.Types[1].Kind = 1 }, "types[1]", false},
		{"symbol entry", func(b *ir.Bundle) { b.Symbols.Symbols[1].Entry = u32(999) }, "symbols[1]", false},
		{"symbol type", func(b *ir.Bundle) { b.Symbols.Symbols[1].ReturnTypeID = object.SumText("?") }, "symbols[1]", false},
		{"symbol twice", func(b *ir.Bundle) { b.Symbols.Symbols = append(b.Symbols.Symbols, b.Symbols.Symbols[0]) }, "symbols[2]", false},
		{"contract id", func(b *ir.Bundle) { b.Contracts.Contracts[0].Requires = ir.Expr{Op: ir.ExprTrue} }, "contracts[0]", false},
		{"contract expression", func(b *ir.Bundle) { b.Contracts.Contracts[0].Ensures.Args = nil }, "contracts[0].ensures", false},
		{"tool id", func(b *ir.Bundle) { b.Tools.Tools[0].ResponseTypeID = ir.TypeText }, "tools[0]", false},
		{"tool twice", func(b *ir.Bundle) { b.Tools.Tools[1].ToolID = b.Tools.Tools[0].ToolID }, "tools[1]", false},
		{"opcode", func(b *ir.Bundle) { b.Ops.Ops[0].Opcode = 3 }, "ops[0]", true},
		{"too few operands", func(b *ir.Bundle) { first(b, ir.OpGet).Operands = nil }, "ops[", true},
		{"too many operands", func(b *ir.Bundle) { first(b, ir.OpRet).Operands = []ir.Operand{ir.Reg(0), ir.Reg(1)} }, "ops[", true},
		{"operand kind", func(b *ir.Bundle) { first(b, ir.OpRet).Operands[0] = ir.U64Operand(0) }, "operands[0]", true},
		{"operand kind 0", func(b *ir.Bundle) { first(b, ir.OpRet).Operands[0].Kind = 0 }, "operands[0]", true},
		{"operand kind 200", func(b *ir.Bundle) { first(b, ir.OpRet).Operands[0].Kind = 200 }, "operands[0]", true},
		{"operand with two values", func(b *ir.Bundle) { first(b, ir.OpRet).Operands[0].ConstRef = u32(0) }, "operands[0]", true},
		{"register", func(b *ir.Bundle) { *first(b, ir.OpRet).Operands[0].U64 = 256 }, "operands[0]", true},
		{"label", func(b *ir.Bundle) { *first(b, ir.OpJmp).Operands[0].U64 = uint64(len(b.Ops.Ops)) }, "operands[0]", true},
		{"lost const", func(b *ir.Bundle) { first(b, ir.OpConst).Operands[1] = ir.ConstRef(5) }, "operands[1]", true},
		{"lost node", func(b *ir.Bundle) { first(b, ir.OpMake).Operands[1] = ir.NodeRef(4) }, "operands[1]", true},
		{"make of an enum", func(b *ir.Bundle) { first(b, ir.OpMake).Operands[1] = ir.HashOperand(b.Types.Types[1].TypeID) }, "operands[1]", true},
		{"field", func(b *ir.Bundle) { *first(b, ir.OpGet).Operands[2].U64 = 1 << 32 }, "operands[2]", true},
		{"call of nothing", func(b *ir.Bundle) { first(b, ir.OpCall).Operands[0] = ir.HashOperand(object.SumText("?")) }, "operands[0]", true},
		{"call with a wrong count", func(b *ir.Bundle) { *first(b, ir.OpCall).Operands[1].U64 = 3 }, "ops[", true},
		{"call with another count", func(b *ir.Bundle) {
			o := first(b, ir.OpCall)
			o.Operands = append(o.Operands, ir.Reg(1))
			*o.Operands[1].U64 = 3
		}, "ops[", true},
		{"call with a wrong type", func(b *ir.Bundle) { first(b, ir.OpCall).Operands[2] = ir.U64Operand(1) }, "argument 0", true},
		{"unknown tool", func(b *ir.Bundle) { first(b, ir.OpEffect).Operands[0] = ir.HashOperand(object.SumText("?")) }, "operands[0]", true},
		{"tool by text", func(b *ir.Bundle) { first(b, ir.OpEffect).Operands[0] = ir.ConstRef(3) }, "operands[0]", true},
		{"key by number", func(b *ir.Bundle) { o := first(b, ir.OpEffect); o.Operands = append(o.Operands, ir.ConstRef(0)) }, "operands[4]", true},
		{"cap by text", func(b *ir.Bundle) { first(b, ir.OpRequireCap).Operands[0] = ir.ConstRef(3) }, "operands[0]", true},
		{"unknown contract", func(b *ir.Bundle) { first(b, ir.OpAssert).Operands[0] = ir.HashOperand(object.SumText("?")) }, "operands[0]", true},
		{"task argument", func(b *ir.Bundle) { b.Tasks.Tasks[0].Args[1] = ir.Reg(0) }, "tasks[0].args[1]", false},
		{"task template", func(b *ir.Bundle) { b.Tasks.Tasks[0].Args[0] = ir.NodeRef(0) }, "tasks[0].args[0]", false},
		{"task argument count", func(b *ir.Bundle) { b.Tasks.Tasks[0].Args = b.Tasks.Tasks[0].Args[:1] }, "tasks[0]", false},
		{"task twice", func(b *ir.Bundle) { b.Tasks.Tasks[1].TaskID = b.Tasks.Tasks[0].TaskID }, "tasks[1]", false},
		{"task without ops", func(b *ir.Bundle) { b.Ops.Ops = []ir.Op{} }, "tasks[0]", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := new(ir.Bundle)
			err := can.UnmarshalUnchecked(raw, b)
			if err != nil {
				t.Fatal(err)
			}
			c.change(b)
			changed, err := can.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			got, findings, err := ir.Validate(changed)
			var invalid *ir.InvalidError
			if !errors.As(err, &invalid) || !errors.Is(err, ir.ErrInvalid) || got != nil || len(findings) == 0 {
				t.Fatalf("%v, %v", err, findings)
			}
			for _, f := range findings {
				if strings.Contains(f.Where, c.where) && (f.Op >= 0) == c.op && f.Reason != "" {
					return
				}
			}
			t.Errorf("no finding at %q: %v", c.where, findings)
		})
	}
}

func TestValidateBytes(t *testing.T) {
	raw, err := Assemble([]byte(allOps()))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, {0}, raw[:len(raw)-1], append(bytes.Clone(raw), 0), make([]byte, ir.MaxBundle+1)} {
		if _, findings, err := ir.Validate(bad); !errors.Is(err, ir.ErrInvalid) || len(findings) != 1 {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	for field := uint64(1); field <= 9; field++ {
		cut, err := can.Without(raw, can.Mask{field: nil})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := ir.Validate(cut); !errors.Is(err, can.ErrMissing) {
			t.Errorf("without section %d: %v", field, err)
		}
	}
	if raw, err = Assemble([]byte(".task #\"t\" () budget { cpu 1 } trace\nret r0\n")); err != nil {
		t.Fatal(err)
	}
	cut, err := can.Without(raw, can.Mask{9: {1: {4: nil}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ir.Validate(cut); !errors.Is(err, can.ErrMissing) && !errors.Is(err, can.ErrLength) {
		t.Errorf("without budgets: %v", err)
	}
}

// TestNodeBounds: nodes that are small in the pool may be large when expanded.
func TestNodeBounds(t *testing.T) {
	pool := func(n int, items func(i int) []ir.Operand) error {
		b := ir.NewBuilder(object.AgentID{Scheme: object.Ed25519})
		for i := range n {
			b.Node(ir.Node{TypeID: ir.TypeList, Kind: ir.NodeList, Items: items(i)})
		}
		_, err := b.Build()
		return err
	}
	chain := func(i int) []ir.Operand {
		if i == 0 {
			return []ir.Operand{}
		}
		return []ir.Operand{ir.NodeRef(uint32(i - 1))}
	}
	const maxDepth = 30 // nesting depth of nodes (spec/ir.md)
	if err := pool(maxDepth, chain); err != nil {
		t.Error(err)
	}
	if err := pool(maxDepth+1, chain); !errors.Is(err, ir.ErrInvalid) {
		t.Errorf("a deep node: %v", err)
	}
	double := func(i int) []ir.Operand { return append(chain(i), chain(i)...) }
	if err := pool(15, double); err != nil {
		t.Error(err)
	}
	if err := pool(20, double); !errors.Is(err, ir.ErrInvalid) {
		t.Errorf("a node of 2^20 parts: %v", err)
	}
	forward := func(i int) []ir.Operand { return []ir.Operand{ir.NodeRef(uint32((i + 1) % 5000))} }
	if err := pool(5000, forward); !errors.Is(err, ir.ErrInvalid) {
		t.Errorf("a long cycle: %v", err)
	}
}

func TestIDs(t *testing.T) {
	name := "n"
	typ := ir.TypeDef{Kind: ir.TypeRecord, Fields: []ir.FieldDef{{FieldID: 1, FieldTypeID: ir.TypeAny}}}
	a, _ := ir.TypeID(typ)
	typ.Name, typ.TypeID = &name, a
	typ.Fields[0].Name = &name
	if b, _ := ir.TypeID(typ); a != b {
		t.Error("names change a type's id")
	}
	typ.Fields[0].Required = true
	if b, _ := ir.TypeID(typ); a == b {
		t.Error("required is no part of a type's id")
	}
	enum := ir.TypeDef{Kind: ir.TypeEnum, EnumTags: []string{"a"}}
	a, _ = ir.TypeID(enum)
	enum.EnumTags[0] = "b"
	if b, _ := ir.TypeID(enum); a == b {
		t.Error("tags are no part of a type's id")
	}
	sym := ir.SymbolSig{ArgTypeIDs: []object.Hash{}}
	a, _ = ir.SymbolID(sym)
	sym.Name = &name
	if b, _ := ir.SymbolID(sym); a != b {
		t.Error("the name changes a symbol's id")
	}
	sym.Entry = u32(1)
	if b, _ := ir.SymbolID(sym); a == b {
		t.Error("the entry is no part of a symbol's id")
	}
	tool := ir.ToolDef{}
	a, _ = ir.ToolID(tool)
	module := object.SumText("m")
	tool.Module = &module
	if b, _ := ir.ToolID(tool); a == b {
		t.Error("the module is no part of a tool's id")
	}
	for _, s := range ir.Structs {
		if s.Name == "" || s.Type() == nil {
			t.Errorf("%v", s)
		}
	}
}

func seeds(f *testing.F) {
	raw, err := Assemble([]byte(allOps()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	files, _ := filepath.Glob("../../../examples/ir/*.mir")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if raw, err = Assemble(text); err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}

// FuzzValidate: every valid bundle has a text that gives the same bytes.
func FuzzValidate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, findings, err := ir.Validate(raw)
		if (err == nil) != (b != nil) || (err == nil) != (len(findings) == 0) {
			t.Fatal("bundle, findings and error disagree")
		}
		if err == nil {
			roundTrip(t, raw)
		}
	})
}

// FuzzAssemble: any text gives an error or a valid bundle.
func FuzzAssemble(f *testing.F) {
	f.Add(allOps())
	files, _ := filepath.Glob("../../../examples/ir/*.mir")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := Assemble([]byte(text))
		if err != nil {
			return
		}
		roundTrip(t, raw)
	})
}

// TestMutatedBundles runs the fuzz target on every single-byte change of a bundle.
func TestMutatedBundles(t *testing.T) {
	raw, err := Assemble([]byte(allOps()))
	if err != nil {
		t.Fatal(err)
	}
	valid := 0
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1 << (i % 8)
		if _, _, err := ir.Validate(changed); err == nil {
			valid++
			roundTrip(t, changed)
		}
	}
	if valid == 0 {
		t.Error("no change gave a valid bundle: the test tests nothing")
	}
}

// collect returns every value inside v, v included.
func collect(v *can.Value, out []*can.Value) []*can.Value {
	out = append(out, v)
	for i := range v.List {
		out = collect(&v.List[i], out)
	}
	for i := range v.Pairs {
		out = collect(&v.Pairs[i].Value, out)
	}
	return out
}

// mutate changes one value of a bundle and keeps it canonical. New values come from a copy, so that no value contains
// itself.
func mutate(rng *rand.Rand, root *can.Value, donors []*can.Value) {
	all := collect(root, nil)
	v := all[rng.IntN(len(all))]
	switch rng.IntN(6) {
	case 0: // another number nearby, or a small one
		v.Uint, v.Int = (v.Uint+rng.Uint64N(3))^rng.Uint64N(2), v.Int-1
	case 1: // another value of the same kind from elsewhere
		if w := donors[rng.IntN(len(donors))]; w.Tag == v.Tag {
			*v = *w
		}
	case 2: // an element again
		if n := len(v.List); n > 0 {
			v.List = append(v.List[:n:n], v.List[rng.IntN(n)])
		}
	case 3: // one element less
		if n := len(v.List); n > 0 {
			v.List = append(v.List[:0:0], v.List[:rng.IntN(n)]...)
		}
	case 4: // one field less
		if n := len(v.Pairs); n > 0 {
			i := rng.IntN(n)
			v.Pairs = append(v.Pairs[:i:i], v.Pairs[i+1:]...)
		}
	case 5: // one field more
		v.Pairs = append(v.Pairs[:len(v.Pairs):len(v.Pairs)], can.Pair{Key: can.Value{Tag: can.TagUint, Uint: rng.Uint64N(12)}, Value: *donors[rng.IntN(len(donors))]})
	}
}

// TestStructuralMutations: changes that keep the encoding canonical never make the validator panic, and every bundle
// that stays valid has a text.
func TestStructuralMutations(t *testing.T) {
	raw, err := Assemble([]byte(allOps()))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 3000 {
		v, err := can.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		copied, err := can.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		mutate(rng, &v, collect(&copied, nil))
		changed, err := v.Append(nil)
		if err != nil || bytes.Equal(changed, raw) {
			continue // a field twice
		}
		if _, _, err := ir.Validate(changed); err == nil {
			valid++
			roundTrip(t, changed)
		}
	}
	if valid < 50 {
		t.Errorf("only %d changes gave a valid bundle", valid)
	}
}

func BenchmarkValidate(b *testing.B) {
	raw, err := Assemble([]byte(allOps()))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, _, err := ir.Validate(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// TestManyNodesOfALargeType: a node costs its own content, not that of its type; nodes times fields would be half a
// billion here.
func TestManyNodesOfALargeType(t *testing.T) {
	const n = 22_000
	b := ir.NewBuilder(object.AgentID{Scheme: object.Ed25519})
	def := ir.TypeDef{Kind: ir.TypeRecord, Fields: make([]ir.FieldDef, n)}
	for i := range def.Fields {
		def.Fields[i] = ir.FieldDef{FieldID: uint32(i), FieldTypeID: ir.TypeAny, Required: i == n-1}
	}
	id := b.Type(def)
	for i := range n {
		b.Node(ir.Node{TypeID: id, Kind: ir.NodeRecord, Fields: map[uint32]ir.Operand{n - 1: ir.U64Operand(uint64(i))}})
	}
	if _, err := b.Build(); err != nil {
		t.Fatal(err)
	}
	for range n {
		b.Node(ir.Node{TypeID: id, Kind: ir.NodeRecord, Fields: map[uint32]ir.Operand{}})
	}
	raw, err := b.Build()
	if _, findings, _ := ir.Validate(raw); !errors.Is(err, ir.ErrInvalid) || len(findings) != 100 || !strings.Contains(findings[0].Reason, "required field 21999") {
		t.Errorf("%v, %d findings", err, len(findings))
	}
}
