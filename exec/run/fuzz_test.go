package run_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// scaffold has one of everything that ops can refer to; the generator adds ops.
const scaffold = `.type point record { 1 x: any?, 2 y: any? }
.const text text "a text"
.const bytes bytes x"00ff"
.const hash hash #"label"
.node open point { 1: r1, 2: $text }
.node deep list [ &open, r2, 4, &open ]
.node meta point { 1: $text, 2: $text }
.contract c { requires or(eq(episode.1, 5), has_status(200)) ensures not(in(episode.2, [6, +7, $text])) invariant has_tool(tool:count) }
.tool count (bytes) -> bytes id #"tool:mythos.test.count"
.tool tokens (bytes) -> bytes id #"tool:mythos.test.tokens"
.tool spawn (bytes) -> bytes id #"tool:mythos.test.spawn"
.tool slow (bytes) -> bytes id #"tool:mythos.test.slow"
.symbol main () -> any entry @main
.symbol sub (any) -> any entry @main
.task sym:main () budget { cpu 3000, io 6, writes 2, spawn 1, tokens 30, deadline 200, depth 5 } trace attest
main: halt
`

// generator turns fuzz data into ops that the validator accepts.
type generator struct {
	data   []byte
	n      int // ops
	bundle *ir.Bundle
	hashes []object.Hash
}

func (g *generator) byte() byte {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return b
}

// operand draws one that may stand in the role.
func (g *generator) operand(role ir.Role) ir.Operand {
	b := g.byte()
	switch role {
	case ir.RoleLabel:
		return ir.U64Operand(uint64(int(b) % g.n))
	case ir.RoleSymbol:
		id, _ := ir.SymbolID(g.bundle.Symbols.Symbols[1])
		return ir.HashOperand(id)
	case ir.RoleTool:
		return ir.HashOperand(g.bundle.Tools.Tools[int(b)%len(g.bundle.Tools.Tools)].ToolID)
	case ir.RoleContract:
		return ir.HashOperand(g.bundle.Contracts.Contracts[0].ContractID)
	case ir.RoleCap:
		return ir.HashOperand(g.hashes[int(b)%len(g.hashes)])
	case ir.RoleShape:
		if b%4 == 0 {
			return ir.HashOperand(g.bundle.Types.Types[0].TypeID)
		}
		return ir.NodeRef(uint32(b % 3))
	case ir.RoleKey:
		return ir.ConstRef(uint32(b % 2))
	case ir.RoleBlob:
		return ir.Reg(b % 4)
	}
	for kind := b; ; kind++ {
		if k := kind%6 + 1; role.Takes(k) {
			return g.of(k)
		}
	}
}

func (g *generator) of(kind uint8) ir.Operand {
	b := g.byte()
	switch kind {
	case ir.OperandReg:
		return ir.Reg(b % 4)
	case ir.OperandConstRef:
		return ir.ConstRef(uint32(b % 3))
	case ir.OperandNodeRef:
		return ir.NodeRef(uint32(b % 3))
	case ir.OperandI64:
		return ir.I64Operand(int64(int8(b)))
	case ir.OperandHash:
		return ir.HashOperand([]object.Hash{ir.TypeAny, ir.TypeU64, ir.TypeList, g.bundle.Types.Types[0].TypeID}[b%4])
	}
	return ir.U64Operand(uint64(b % 5))
}

func (g *generator) op() ir.Op {
	codes := ir.Opcodes()
	oc := codes[int(g.byte())%len(codes)]
	op := ir.Op{Opcode: oc.Code, Operands: []ir.Operand{}}
	if oc.Code == ir.OpCall {
		op.Operands = append(op.Operands, g.operand(ir.RoleSymbol), ir.U64Operand(1), g.operand(ir.RoleArg), g.operand(ir.RoleOut))
		return op
	}
	for _, role := range oc.Params {
		op.Operands = append(op.Operands, g.operand(role))
	}
	if oc.Optional != 0 && g.byte()%2 == 0 {
		op.Operands = append(op.Operands, g.operand(oc.Optional))
	}
	for n := g.byte() % 4; oc.Rest == ir.RoleItem && n > 0; n-- {
		op.Operands = append(op.Operands, g.operand(oc.Rest))
	}
	return op
}

// FuzzRun: no valid program makes the machine panic, run beyond its budget, or give another result on replay.
func FuzzRun(f *testing.F) {
	base := assembleText(f, scaffold)
	seed := make([]byte, 0, 400)
	for i := range 400 {
		seed = append(seed, byte(i*i*7+i*13))
	}
	f.Add(seed)
	f.Add(seed[100:])
	f.Add(seed[:50])
	f.Fuzz(func(t *testing.T, data []byte) {
		e := newEnv(t, 1)
		held := append(e.budgetTools(), e.Cap("blob.write:a text,max=1M"))
		g := &generator{data: data, n: len(data)/6 + 1, bundle: mustBundle(t, base)}
		for _, c := range held {
			g.hashes = append(g.hashes, c[0].ID)
		}
		// Authority first, so that effects are admitted.
		var ops []ir.Op
		for _, h := range g.hashes {
			ops = append(ops, ir.Op{Opcode: ir.OpRequireCap, Operands: []ir.Operand{ir.HashOperand(h)}})
		}
		for len(ops) < g.n {
			ops = append(ops, g.op())
		}
		g.bundle.Ops.Ops = ops
		raw, err := can.Marshal(g.bundle)
		if err != nil {
			t.Fatal(err)
		}
		if _, findings, err := ir.Validate(raw); err != nil {
			t.Skip(findings)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		e.check(ctx, raw, held)
	})
}

func (e *env) check(ctx context.Context, raw []byte, held []caps.Chain) {
	res, err := e.x.Run(ctx, raw, object.Hash{}, run.Options{Caps: held})
	if errors.Is(err, context.DeadlineExceeded) {
		e.T.Fatal("it ran on and on")
	}
	if err != nil {
		e.T.Fatalf("the run did not finish: %v", err)
	}
	if res.Spent.CPUus > 3000 || res.Spent.IOCount > 6 || res.Spent.StateWrites > 2 || *res.Spent.MaxSpawn > 1 || *res.Spent.MaxDepth > 5 {
		e.T.Errorf("spent %+v", res.Spent)
	}
	if v, err := vm.ParseValue(res.Value.Encode()); err != nil || !v.Equal(res.Value) {
		e.T.Errorf("result %x: %v", res.Value.Encode(), err)
	}
	again, err := e.x.Replay(ctx, res.RunID)
	if err != nil || again.ResultHash != res.ResultHash || again.TraceHash != res.TraceHash {
		e.T.Errorf("replay: %v", err)
	}
}

func assembleText(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := asm.Assemble([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func mustBundle(t testing.TB, raw []byte) *ir.Bundle {
	t.Helper()
	b, _, err := ir.Validate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
