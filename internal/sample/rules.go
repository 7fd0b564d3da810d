package sample

import (
	"fmt"
	"reflect"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/packet"
)

// rules adjust values of types that have their own field rules.
var rules = map[reflect.Type]func(v any, o Options){}

func rule[T any](obey func(v *T, o Options)) {
	rules[reflect.TypeFor[T]()] = func(v any, o Options) { obey(v.(*T), o) }
}

func init() {
	rule(func(h *object.Hash, _ Options) { h.Alg = object.SHA256 })
	rule(func(e *model.Embedder, o Options) {
		e.Form, e.Dimension, e.MaxText = model.EmbedBytes, uint32(256+o.Variant), uint32(8192+o.Variant)
		if e.Model != nil {
			e.Form = model.EmbedJSON
		}
	})
	rule(func(s *scope.CapScope, o Options) {
		*s = must(scope.New(&scope.ToolCall{ToolID: object.SumText("tool:sample"), MaxCalls: uint32(5 + o.Variant),
			Constraints: map[string]string{"path": "prefix:/srv/"}}))
	})
	rule(func(r *caps.IssuanceRule, o Options) {
		r.Name, r.Kind, r.MaxTTLus = fmt.Sprint("rule ", o.Variant), scope.KindToolCall, uint64(1+o.Variant)
		if r.Limits != nil {
			r.Limits = map[scope.Resource]uint64{scope.Calls: uint64(o.Variant)}
		}
		if o.Variant%2 == 0 {
			r.Token = nil
		} else if r.Token != nil {
			r.Subjects, r.OnRequest = nil, nil
		}
	})
	rule(func(r *caps.TokenRule, o Options) {
		r.Issuer, r.Claims = fmt.Sprintf("https://issuer.example/%d", o.Variant), map[string]string{"repository": fmt.Sprint("acme/", o.Variant)}
		if r.Audience != nil {
			*r.Audience = "mythos.example"
		}
	})
	rule(func(r *caps.Request, o Options) {
		r.Scope = "tool.call:deploy,calls=1"
		if r.Token != nil && o.Variant%2 == 0 {
			*r.Token, r.Nonce = "header.claims.signature", nil
		} else {
			r.Token, r.Nonce = nil, []byte("sixteen of bytes")
		}
	})
	rule(func(r *scope.Rate, o Options) { *r = scope.Rate{Calls: uint32(2 + o.Variant), PerUs: 60_000_000} })
	rule(func(a *scope.Approve, o Options) { *a = scope.Approve{Need: uint8(1 + o.Variant), Role: "ops"} })
	rule(func(q *approval.Request, o Options) {
		q.Need, q.Role = uint8(1+o.Variant), "ops"
		q.Agents = q.Agents[:min(1, len(q.Agents))]
	})
	rule(func(q *hold.Request, o Options) { q.Agent, q.Tool = oneOf(q.Agent, q.Tool, o) })
	rule(func(h *hold.Hold, o Options) { h.Agent, h.Tool = oneOf(h.Agent, h.Tool, o) })
	rule(func(r *ledger.EffectRegister, _ Options) {
		r.IdemID = ledger.IdemID(r.ToolID, r.IdempotencyKey)
		if r.Instance != nil {
			r.Instance = []byte("an instance of it")[:ledger.InstanceSize]
		}
	})
	rule(func(n *merkle.Node, o Options) {
		*n = merkle.Node{Version: 1, Kind: merkle.KindListLeaf, Payload: must(can.Marshal(&merkle.ListLeaf{Values: []object.Hash{object.SumText(fmt.Sprint(o.Variant))}}))}
	})
	rule(func(p *merkle.ChunkProof, o Options) { p.Nodes = [][]byte{leafNode(o)} })
	rule(func(p *merkle.ListProof, o Options) { p.Nodes = [][]byte{leafNode(o)} })
	rule(func(t *tree.Tree, _ Options) { t.Version = 1 })
	rule(func(e *tree.Entry, o Options) {
		content := object.SumText(fmt.Sprint("file ", o.Variant))
		*e = tree.Entry{Name: fmt.Appendf(nil, "file %d", o.Variant), Kind: tree.File, Executable: o.Variant%2 == 0, Size: uint64(o.Variant), Content: &content}
		if o.Variant == 3 {
			*e = tree.Entry{Name: []byte("link"), Kind: tree.Link, Size: 9, Target: []byte("../target")}
		}
	})
	rule(func(e *packet.CodebookEntry, o Options) { *e = packet.Baseline().Entries[o.Variant] })
	rule(func(s *signal.Signal, o Options) {
		s.ValueKind, s.ValueBytes = ir.KindI64, must(ir.I64Scalar(int64(o.Variant)-3).Encode())
	})
	rule(func(f *packet.Frame, o Options) {
		f.Kind, f.Data = "bytes", fmt.Appendf(nil, "bytes %d", o.Variant)
		f.ID = object.Sum(f.Data)
	})
	programRules()
	learningRules()
}

// oneOf removes one of two values that exclude each other.
func oneOf[A, B any](a *A, b *B, o Options) (*A, *B) {
	if a != nil && o.Variant%2 == 0 {
		return a, nil
	}
	return nil, b
}

func leafNode(o Options) []byte {
	var n merkle.Node
	rules[reflect.TypeFor[merkle.Node]()](&n, o)
	return must(can.Marshal(&n))
}

func programRules() {
	rule(func(c *ir.Const, o Options) {
		text := fmt.Sprint("constant ", o.Variant)
		*c = ir.Const{Kind: ir.KindText, Text: &text}
	})
	rule(func(p *ir.Operand, o Options) { *p = ir.Reg(uint8(o.Variant)) })
	rule(func(n *ir.Node, _ Options) {
		n.Kind, n.Items = ir.NodeRecord, nil
		n.Fields = map[uint32]ir.Operand{1: ir.Reg(2)}
	})
	rule(func(d *ir.TypeDef, _ Options) {
		d.Kind, d.EnumTags = ir.TypeRecord, nil
		d.Fields = append([]ir.FieldDef{}, d.Fields...)
	})
	rule(func(p *ir.Path, o Options) {
		*p = ir.Path{Root: ir.RootEpisode, Segments: []uint32{uint32(1 + o.Variant)}}
	})
	rule(func(e *ir.Expr, o Options) {
		lit := ir.I64Operand(int64(o.Variant))
		less := ir.Expr{Op: ir.ExprLT, Path: &ir.Path{Root: ir.RootEpisode, Segments: []uint32{5}}, Lit: &lit}
		*e = ir.Expr{Op: ir.ExprNot, Args: []ir.Expr{less}}
	})
	rule(func(b *ir.Bundle, o Options) {
		raw := must(asm.Assemble(fmt.Appendf(nil, ".const a text %q\n.task #\"sym:main\" () budget { cpu 10, io 0, writes 0 }\nconst r0, $a\nret r0\n", fmt.Sprint("hello ", o.Variant))))
		if err := can.Unmarshal(must(ir.Seal(raw, Key, nil)), b); err != nil {
			panic(err)
		}
	})
	rule(func(p *exec.Policy, _ Options) {
		if p.RetrySafe = false; p.Permanent != nil {
			p.Permanent = []uint64{2, 3}
		}
	})
	rule(func(t *exec.Tool, _ Options) {
		t.Given = false
		t.ID = must(ir.ToolID(must(t.Def())))
	})
	rule(func(a *run.Answer, o Options) {
		a.Result = can.AppendUint(nil, uint64(o.Variant))
		a.ResultHash = object.Sum(a.Result)
		_, raw, err := ledger.NewReceipt(Key, ledger.Receipt{ToolID: object.SumText("tool:sample"), RequestHash: object.SumText("request"),
			ResponseHash: object.SumText("response"), TimeObserved: 1_790_000_000_000_000, Status: 200})
		a.Receipts = [][]byte{must(raw, err)}
	})
	rule(func(f *exec.PinnedFile, _ Options) { f.Path = "/srv/rates.csv" })
	rule(func(m *exec.ModuleRef, o Options) {
		hash := object.SumText(fmt.Sprint("module ", o.Variant))
		*m = exec.ModuleRef{Kind: exec.KindWasm, ModuleHash: &hash, Confinement: exec.ConfineWASI, Limits: m.Limits}
	})
}

func learningRules() {
	rule(func(m *model.ModelRef, _ Options) {
		if m.ParentModelID != nil {
			parent := object.SumText("parent")
			m.ParentModelID = &parent
		}
	})
	rule(func(r *model.ImportResult, _ Options) {
		r.Model, _, _, _ = r.Job.Model()
	})
	rule(func(t *model.Threshold, o Options) {
		limit := int64(900 + o.Variant)
		t.Metric, t.Limit = "accuracy", &limit
	})
	rule(func(s *model.EvalSuiteDef, _ Options) { s.Metrics = []string{"accuracy", "loss"} })
	rule(func(r *model.EvalReport, o Options) { r.Metrics = metrics(o) })
	rule(func(r *model.EvalResult, o Options) { r.Metrics = metrics(o) })
	rule(func(r *model.TrainResult, o Options) { r.Metrics = metrics(o) })
}

func metrics(o Options) map[string]int64 {
	return map[string]int64{"accuracy": int64(953000 + o.Variant), "loss": -7}
}

// must is for values that this package makes itself.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("sample: %v", err))
	}
	return v
}
