package asm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// packBundle is the payload of the public pack's packet WIRE_001, whose text constant is in field 4, the field for
// bytes.
const packBundle = "" +
	"080903010805030106066d7974686f73030203020304080303010301030205208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801" +
	"b40f6f5c03030604637476700305080203010301030205206aee2547b1597e74bdc3580ce8aaca28b0a20bc19b9f5f0836606df2f05e397703060700" +
	"03020801030107010802030103040304060568656c6c6f03030801030107000304080103010700030508010301070003060801030107000307080103" +
	"010700030808010301070208020301032003020702080203010301030203000802030103020306030008020301031303020701080203010301030203" +
	"00030908010301070108060301080203010301030205203ff4abb6f82bf2ad9f62935db676a2acb63bebfe879a6c06a6d77c8a8c4f63e40302080203" +
	"0103010302052073113b2009186b667c71a25c755425349ef61fbfa5ebd9fcbb17a3b3dd2409b50303070003040803030103d086030303030a030403" +
	"0a030501030601"

func packPayload(t *testing.T) []byte {
	t.Helper()
	raw, err := hex.DecodeString(packBundle)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestPackBundle(t *testing.T) {
	raw := packPayload(t)
	if err := can.Validate(raw); err != nil {
		t.Fatalf("the constant is broken: %v", err)
	}
	if _, _, err := ir.Validate(raw); !errors.Is(err, can.ErrType) {
		t.Errorf("a text in a constant's field 4: %v", err)
	}
	// With the text in field 5 it is a valid program.
	fixed := bytes.Replace(raw, []byte{3, 4, 6, 5, 'h'}, []byte{3, 5, 6, 5, 'h'}, 1)
	b, findings, err := ir.Validate(fixed)
	if err != nil {
		t.Fatal(err, findings)
	}
	if task := b.Tasks.Tasks[0]; b.Entry(task.EntrySymbol) != 0 || task.EntrySymbol != ir.EntryMain {
		t.Errorf("entry %v", task.EntrySymbol)
	}
	roundTrip(t, fixed)
}

// roundTrip checks that the text of a bundle gives the same bundle.
func roundTrip(t *testing.T, raw []byte) {
	t.Helper()
	text, err := Disassemble(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Assemble(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if !bytes.Equal(again, raw) {
		t.Fatalf("other bytes:\n%x\n%x\n%s", raw, again, text)
	}
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../../examples/ir/*.mir")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := Assemble(text)
			if err != nil {
				t.Fatal(err)
			}
			b, _, err := ir.Validate(raw)
			if err != nil {
				t.Fatal(err)
			}
			if id, err := ir.BundleID(raw); err != nil || id != b.Meta.ArtifactID || len(b.Tasks.Tasks) == 0 {
				t.Errorf("artifact id %s, bundle %s, %d tasks, %v", b.Meta.ArtifactID, id, len(b.Tasks.Tasks), err)
			}
			roundTrip(t, raw)
		})
	}
}

// everything uses every directive, op and expression.
const everything = `
.spec "mythos"
.version 2
.created "2024-01-02T03:04:05.000006Z"
.author #8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c "a \"quoted\" hint"
.notes "two\nlines ; no comment"
.extension "x" x"00ff"
.extension "" x""
.type Point record { 1 x: i64, 256 "y y": i64?, 129: Colour? }
.type Colour as "Point" enum { red, "light blue" }
.type t7 unnamed record { }
.tool built (Point) -> any module #"module:x"
.tool opaque as "Opaque Tool" (any) -> any id #"tool:opaque"
.contract all {
	requires and(true, or(false, not(eq(episode.1, 1))), ne(episode.1, -1), in(signal.3.4, [1, +2, $h, #"x"]))
	ensures and(lt(episode.1, $t), le(episode.1, 1), gt(episode.1, 1), ge(episode.1, 1), has_tool(tool:built), has_status(200))
	invariant in(episode.1, [])
}
.contract none unnamed { requires true ensures true }
.symbol f (Point, any) -> any entry @f module #"module:m"
.symbol g unnamed () -> Colour
.const i i64 -9223372036854775808
.const u u64 18446744073709551615
.const b bytes x""
.const t text "text \u00e9 \x00"
.const h hash tool:opaque
.node p Point { 1: -5, 129: 1, 256: r3 }
.node l list [ 1, $t, &p, #"x", r0 ]
.node pts Point [ &flat, &flat ]
.node flat Point { 1: $i }
.task sym:f (&flat, 1) budget { cpu 1, io 2, writes 3, tokens 4, deadline 5, depth 6, spawn 7 } trace attest
.task sym:g () budget { cpu 1, io 2, writes 3 } id #"task:g"
	nop
f:	jz r0, @f
	jmp @end
	call sym:f, (&never, r1), r2
`

func allOps() string {
	text, _, _ := strings.Cut(everything, "\tcall sym:f")
	return text + `
	call sym:f, (r9, $t), r2
	call sym:g, (), r2
	const r0, $i
	const r0, 7
	const r0, +7
	const r0, #"x"
	make r1, &p
	make r1, type:Point
	get r1, r1, 4294967295
	set r1, r1, 1, $t
	list r1
	list r1, r2, 3, $t
	match r1, type:text, @f
	match r1, type:Colour, @f
	match r1, #"unknown type", @f
	match r1, &p, @end
	match r1, $h, @end
	match r1, -1, @end
	require_cap #"cap"
	require_cap $h
	require_cap r7
	effect tool:built, r0, r1, r2
	effect $h, $t, r1, r2, $b
	effect tool:opaque, r0, r1, r2, r3
	assert contract:all, r1
	assert contract:none, r1, r2
	blob_put r0, &p, r1, r2
	blob_get #"cid", r0, r1, r2
	blob_chunk_get $h, 3, r1, r2
	blob_chunk_get r0, r255, r1, r2
	halt
end: ret r0
`
}

func TestAssembleEverything(t *testing.T) {
	raw, err := Assemble([]byte(allOps()))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := ir.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[uint8]bool)
	for _, op := range b.Ops.Ops {
		used[op.Opcode] = true
	}
	if len(used) != 18 {
		t.Errorf("%d opcodes used", len(used))
	}
	roundTrip(t, raw)
	key := sign.FromSeed([32]byte{1}, "")
	sealed, err := ir.Seal(raw, key, &ir.Guard{Expires: 5})
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, sealed)
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		text      string
		line, col int
		says      string
	}{
		{"nop\n  nope r1", 2, 3, "no op"},
		{"const r0, $x", 1, 11, `nothing named "x"`},
		{"jmp @x", 1, 5, "named"},
		{"ret r256", 1, 5, "operand"},
		{"ret r0 r1", 1, 8, `expected ","`},
		{".const a i64 x", 1, 14, "number"},
		{".const a text \"é\" \"", 1, 19, "does not end"},
		{".const a bytes x\"0\"", 1, 16, "hex"},
		{".const a u64 1\n.const a u64 1", 2, 8, "twice"},
		{".type A record { 1: A }", 1, 21, "contain itself"},
		{".type A record { 1: B }", 1, 21, "no type"},
		{".type u64 record { }", 1, 7, "built in"},
		{"\n.what", 2, 1, "no directive"},
		{"jz r0, r1", 1, 1, "expected"},
		{"\n ret r0\n get r0, r1", 3, 2, "operands"},
		{"ret #12", 1, 5, "64 hex"},
		{".tool x (any) -> any", 1, 7, "module"},
		{".node n list [ 1,, 2 ]", 1, 18, "operand"},
		{".node n list [ &n ]", 1, 7, "contains itself"},
		{"nop\x01", 1, 4, "unexpected"},
		{".contract c { requires eq(episode, 1) ensures true }", 1, 11, "segments"},
		{".contract c { requires contract:x ensures true }", 1, 24, "no expression"},
		{".task sym:x () budget { cpu 1 }", 1, 11, "no sym"},
		{".version 70000", 1, 10, "16 bits"},
		{".extra \"9/x\" x\"03090300\"", 1, 8, "path"},
	} {
		_, err := Assemble([]byte(c.text))
		var s *SyntaxError
		if !errors.As(err, &s) || s.Line != c.line || s.Col != c.col || !strings.Contains(s.Msg, c.says) {
			t.Errorf("%q: %v, expected %d:%d %s", c.text, err, c.line, c.col, c.says)
		}
	}
}

// TestUnknownFields: unknown fields survive disasm and asm, and are part of the ids.
func TestUnknownFields(t *testing.T) {
	raw, err := Assemble([]byte(allOps()))
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"", "1", "1/4", "2", "2/1/[0]", "3/1/[0]/3/1", "8/1/[3]", "8/1/[3]/2/[0]", "9/1/[0]/4", "6/1/[0]/3/2/[1]"}
	for _, p := range paths {
		x, err := parseExtra(p, []byte{3, 50, 6, 1, 'a'})
		if err != nil {
			t.Fatal(err)
		}
		grown, err := addExtras(raw, []extra{x})
		if err != nil {
			t.Fatal(p, err)
		}
		if strings.HasPrefix(p, "6/") { // a contract's id covers the field
			if _, _, err := ir.Validate(grown); err == nil {
				t.Error("a contract changed under its id")
			}
			continue
		}
		roundTrip(t, grown)
		old, _ := ir.BundleID(raw)
		if id, err := ir.BundleID(grown); err != nil || id == old {
			t.Errorf("%s: the field takes no part in the id", p)
		}
	}
}

func TestSeal(t *testing.T) {
	raw, err := Assemble([]byte("ret r0"))
	if err != nil {
		t.Fatal(err)
	}
	x, _ := parseExtra("1", []byte{3, 50, 6, 1, 'a'})
	if raw, err = addExtras(raw, []extra{x}); err != nil {
		t.Fatal(err)
	}
	author, other := sign.FromSeed([32]byte{1}, "author"), sign.FromSeed([32]byte{2}, "")
	if err := ir.VerifySignatures(raw, nil); !errors.Is(err, ir.ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
	sealed, err := ir.Seal(raw, author, &ir.Guard{Nonce: [16]byte{9}, Expires: 77})
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.VerifySignatures(sealed, nil); err != nil {
		t.Error(err)
	}
	if extras, err := findExtras(raw, sealed); err == nil || len(extras) > 0 {
		t.Error("sealing changed nothing")
	}
	if field, _ := can.Field(sealed, 1); !bytes.Contains(field, []byte{3, 50, 6, 1, 'a'}) {
		t.Error("an unknown field was lost")
	}
	both, err := ir.Countersign(sealed, other)
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.VerifySignatures(both, nil); !errors.Is(err, sign.ErrNoSigner) {
		t.Errorf("a signature by a stranger: %v", err)
	}
	find := func(id object.Hash) (object.AgentID, bool) { return other.Agent(), id == other.Agent().KeyID() }
	if err := ir.VerifySignatures(both, find); err != nil {
		t.Error(err)
	}
	a, _ := ir.BundleID(sealed)
	if b, err := ir.BundleID(both); err != nil || a != b {
		t.Error("a signature changed the id")
	}
	both[len(both)-1] ^= 1 // the last byte of the tasks section
	if err := ir.VerifySignatures(both, find); err == nil {
		t.Error("a changed bundle verifies")
	}
}

func TestBuilder(t *testing.T) {
	build := func(request int) ([]byte, object.Hash, error) {
		module, name := object.SumText("m"), "echo"
		b := ir.NewBuilder(sign.FromSeed([32]byte{1}, "").Agent())
		tool := b.Tool(ir.ToolDef{Name: &name, RequestTypeID: ir.TypeBytes, ResponseTypeID: ir.TypeBytes, Module: &module})
		blob := b.OpaqueTool(ir.BuiltinTool("blob.put"), "blob.put")
		typ := b.Type(ir.TypeDef{Kind: ir.TypeRecord, Fields: []ir.FieldDef{{FieldID: 1, FieldTypeID: ir.TypeBytes, Required: true}}})
		con := b.Contract(ir.ContractDef{Requires: ir.Expr{Op: ir.ExprTrue}, Ensures: ir.Expr{Op: ir.ExprTrue}})
		req := b.Const(ir.BytesScalar(make([]byte, request)))
		node := b.Node(ir.Node{TypeID: typ, Kind: ir.NodeRecord, Fields: map[uint32]ir.Operand{1: req}})
		b.Op(ir.OpRequireCap, ir.HashOperand(object.SumText("cap")))
		entry := uint32(b.Op(ir.OpEffect, ir.HashOperand(tool), req, ir.Reg(1), ir.Reg(2), b.Const(ir.TextScalar("key"))))
		b.Op(ir.OpEffect, b.Const(ir.HashScalar(blob)), b.Const(ir.BytesScalar(make([]byte, request))), ir.Reg(1), ir.Reg(2))
		b.Op(ir.OpMake, ir.Reg(3), node)
		b.Op(ir.OpAssert, ir.HashOperand(con), ir.Reg(3))
		b.Op(ir.OpSet, ir.Reg(3), ir.Reg(3), ir.U64Operand(1), b.Const(ir.I64Scalar(-1)))
		b.Op(ir.OpConst, ir.Reg(4), b.Const(ir.U64Scalar(1)))
		b.Op(ir.OpRet, ir.Reg(1))
		sym := b.Symbol(ir.SymbolSig{ModuleID: object.SumText("module:main"), ArgTypeIDs: []object.Hash{}, ReturnTypeID: ir.TypeBytes, Entry: &entry})
		task := b.Task(ir.TaskDef{EntrySymbol: sym, Budget: ir.Budget{CPUus: 1000, IOCount: 1}})
		raw, err := b.Build()
		return raw, task, err
	}
	raw, id, err := build(ir.MaxInline)
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, raw)
	b, _, err := ir.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	task := b.Task(id)
	if task == nil || b.Entry(task.EntrySymbol) != 1 || b.Symbol(task.EntrySymbol) == nil {
		t.Error("the task or its entry is lost")
	}
	if len(b.ConstPool.Consts) != 5 {
		t.Errorf("%d constants: equal ones are not shared", len(b.ConstPool.Consts))
	}
	if b.Tool(ir.BuiltinTool("blob.put")) == nil || b.Type(b.Types.Types[0].TypeID) == nil || b.Contract(b.Contracts.Contracts[0].ContractID) == nil || b.Task(object.Hash{}) != nil {
		t.Error("a part is not found by its id")
	}
	if _, _, err := build(ir.MaxInline + 1); !errors.Is(err, ir.ErrInvalid) {
		t.Errorf("a request that is too long: %v", err)
	}
	bad := ir.NewBuilder(b.Meta.Author)
	bad.Const(ir.BoolScalar(true))
	if _, err := bad.Build(); !errors.Is(err, ir.ErrInvalid) {
		t.Errorf("a bool in the pool: %v", err)
	}
}
