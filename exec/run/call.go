package run

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// CallSpec is one call of one tool, for compiling to a bundle.
type CallSpec struct {
	Tool      exec.Tool // registered, or from BuiltinTool
	Request   []byte
	Key       []byte        // empty: none, or for a cacheable tool a key made from the request
	Caps      []object.Hash // leaf ids, activated in this order
	Author    object.AgentID
	Budget    ir.Budget // CPUus and IOCount of 0 mean what the call needs
	EmitTrace bool

	blob *object.Hash // the request's cid, if the request is too long for the bundle
}

// compileCall makes the bundle of one call and its bytes. The bundle has one task:
//
//	REQUIRE_CAP for each capability
//	BLOB_GET     when the request is a blob
//	EFFECT
//	RET          the response's bytes
//
// The same spec gives the same bytes.
func compileCall(s CallSpec) (b *ir.Bundle, raw []byte, err error) {
	b = &ir.Bundle{
		Meta:      object.Meta{Spec: ir.SpecName, Version: ir.Version, Author: s.Author, Signatures: []object.Signature{}},
		ConstPool: ir.ConstPool{Consts: []ir.Const{}},
		NodePool:  ir.NodePool{Nodes: []ir.Node{}},
		Types:     ir.TypeTable{Types: []ir.TypeDef{}},
		Symbols:   ir.SymbolTable{Symbols: []ir.SymbolSig{}},
		Contracts: ir.ContractTable{Contracts: []ir.ContractDef{}},
	}
	def, err := s.Tool.Def()
	if err != nil {
		return nil, nil, fmt.Errorf("tool %s: %w", s.Tool.Name, err)
	}
	b.Tools.Tools = []ir.ToolDef{def}
	b.Ops.Ops = s.ops(&b.ConstPool)
	t, err := s.task()
	if err != nil {
		return nil, nil, err
	}
	b.Tasks.Tasks = []ir.TaskDef{t}
	raw, err = seal(b)
	return b, raw, err
}

// Registers of a compiled call.
const (
	regRequest  uint8 = 0
	regResponse uint8 = 1
	regReceipt  uint8 = 2
	regNull     uint8 = 3 // never written
)

func (s *CallSpec) ops(pool *ir.ConstPool) []ir.Op {
	var ops []ir.Op
	for _, id := range s.Caps {
		ops = append(ops, op(ir.OpRequireCap, ir.HashOperand(id)))
	}
	request := ir.Reg(regRequest)
	if s.blob != nil {
		ops = append(ops, op(ir.OpBlobGet, ir.HashOperand(*s.blob), ir.Reg(regNull), request, ir.Reg(regReceipt)))
	} else {
		request = bytesConst(pool, s.Request)
	}
	effect := op(ir.OpEffect, ir.HashOperand(s.Tool.ID), request, ir.Reg(regResponse), ir.Reg(regReceipt))
	if key := s.key(); len(key) > 0 {
		effect.Operands = append(effect.Operands, bytesConst(pool, key))
	}
	return append(ops, effect, op(ir.OpRet, ir.Reg(regResponse)))
}

// key is the call's key. A cacheable tool's response depends only on the request: if there is no key, the request is
// the key.
func (s *CallSpec) key() []byte {
	if len(s.Key) > 0 || !s.Tool.Policy.Cacheable {
		return s.Key
	}
	return []byte("request:" + object.Sum(s.Request).String())
}

// callCPUus is far above the cost by the table of a call with 16 MiB in and out.
const callCPUus = 1_000_000

func (s *CallSpec) task() (ir.TaskDef, error) {
	t := ir.TaskDef{EntrySymbol: object.SumText("symbol:mythos.call"), Args: []ir.Operand{}, Budget: s.Budget, EmitTrace: s.EmitTrace}
	if t.Budget.CPUus == 0 {
		t.Budget.CPUus = callCPUus
	}
	if t.Budget.IOCount == 0 {
		t.Budget.IOCount = 1
		if s.blob != nil {
			t.Budget.IOCount = 2
		}
	}
	if t.Budget.StateWrites == 0 {
		t.Budget.StateWrites = 1
	}
	if t.Budget.MaxSpawn == nil {
		one := uint16(1)
		t.Budget.MaxSpawn = &one
	}
	id, err := ir.TaskID(t)
	t.TaskID = id
	return t, err
}

// seal sets the artifact id and encodes.
func seal(b *ir.Bundle) ([]byte, error) {
	b.Meta.ArtifactID = object.SumText("") // cut out of the id
	raw, err := can.Marshal(b)
	if err != nil {
		return nil, err
	}
	if b.Meta.ArtifactID, err = ir.BundleID(raw); err != nil {
		return nil, err
	}
	return can.Marshal(b)
}

func op(code uint8, operands ...ir.Operand) ir.Op { return ir.Op{Opcode: code, Operands: operands} }

// bytesConst adds a constant to the pool and refers to it.
func bytesConst(pool *ir.ConstPool, b []byte) ir.Operand {
	n := uint32(len(pool.Consts))
	pool.Consts = append(pool.Consts, ir.Const{Kind: ir.KindBytes, Bytes: append([]byte{}, b...)})
	return ir.ConstRef(n)
}

// Call compiles and runs one call. The response's status and receipt are those of the run's last effect. A request that
// is too long for the bundle is passed with the run, so that a call needs no authority over the store.
func (x *Executor) Call(ctx context.Context, s CallSpec, o Options) (*Result, error) {
	if o.Refusing == nil {
		o.Refusing = &exec.Effect{Tool: s.Tool.ID, Request: s.Request, Key: s.key()}
	}
	if len(s.Request) > ir.MaxInline {
		b, err := bring(s.Request)
		if err != nil {
			return nil, fmt.Errorf("the request: %w", err)
		}
		s.blob, o.brought = &b.cid, b
	}
	b, raw, err := compileCall(s)
	if err != nil {
		return nil, err
	}
	if _, err := ir.Check(b, raw); err != nil {
		return nil, err
	}
	return x.run(ctx, raw, vm.New(b, b.Meta.ArtifactID, &b.Tasks.Tasks[0]), o)
}
