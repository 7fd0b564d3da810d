package ir_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/ir/asm"
	"github.com/mythos-project/mythos/object"
)

// world is an Env over fixed values.
type world struct {
	values map[string][]ir.Scalar
	consts []ir.Const
	broken error
	failed bool // a receipt has failed
}

func (w world) Lookup(root uint8, segments []uint32) ([]ir.Scalar, error) {
	name := map[uint8]string{ir.RootEpisode: "episode", ir.RootSignal: "signal"}[root]
	for _, s := range segments {
		name += fmt.Sprintf(".%d", s)
	}
	return w.values[name], w.broken
}

func (w world) Const(i uint32) (ir.Scalar, bool) { return ir.ConstRef(i).Scalar(w.consts) }

func (w world) HasTool(h object.Hash) (bool, error) {
	return h == object.SumText("tool:echo"), w.broken
}

func (w world) Failed() (bool, error) { return w.failed, w.broken }

func (w world) HasStatus(n uint64) (bool, error) { return n == 200, w.broken }

// parseExpr reads an expression; its constants are $big (text "z") and $neg.
func parseExpr(t *testing.T, text string) (*ir.Expr, []ir.Const) {
	t.Helper()
	raw, err := asm.Assemble([]byte(".const big text \"z\"\n.const neg i64 -1\n.const echo hash #\"tool:echo\"\n.contract c { requires " + text + " ensures true }"))
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := ir.Validate(raw)
	if err != nil {
		t.Fatal(text, err)
	}
	return &b.Contracts.Contracts[0].Requires, b.ConstPool.Consts
}

func TestEvalExpr(t *testing.T) {
	w := world{values: map[string][]ir.Scalar{
		"episode.1": {ir.U64Scalar(5)},
		"episode.2": {ir.I64Scalar(-5)},
		"episode.3": {ir.TextScalar("abc")},
		"episode.4": {ir.HashScalar(object.SumText("h"))},
		"episode.5": {ir.BoolScalar(true)},
		"signal.1":  {ir.U64Scalar(1), ir.U64Scalar(9)},
	}}
	for text, want := range map[string]bool{
		"true": true, "false": false,
		"eq(episode.1, 5)": true, "eq(episode.1, +5)": false, "ne(episode.1, +5)": true, "ne(episode.1, 5)": false,
		"lt(episode.1, 6)": true, "lt(episode.1, +6)": false, "le(episode.1, 5)": true, "gt(episode.1, 4)": true, "ge(episode.1, 5)": true, "ge(episode.1, 6)": false,
		"lt(episode.2, $neg)": true, "gt(episode.2, -6)": true, "lt(episode.2, 0)": false,
		"lt(episode.3, $big)": true, "eq(episode.3, $big)": false, "lt(episode.4, $big)": false,
		`eq(episode.4, #"h")`: true, "eq(episode.5, 1)": false,
		// missing
		"eq(episode.9, 5)": false, "ne(episode.9, 5)": true, "lt(episode.9, 5)": false, "ge(episode.9, 5)": false, "in(episode.9, [5])": false, "not(eq(episode.9, 5))": true,
		// existential: each comparison picks its own signal; NE is NOT EQ
		"and(lt(signal.1, 2), gt(signal.1, 8))": true, "ne(signal.1, 9)": false, "ne(signal.1, 5)": true, "and(gt(signal.1, 1), lt(signal.1, 9))": true, "eq(signal.1, 5)": false,
		"in(signal.1, [3, 9])": true, "in(signal.1, [])": false, "in(episode.3, [$neg, $big])": false,
		"and(true, true, false)": false, "or(false, false, true)": true, "or(false)": false, "and(true)": true, "not(true)": false,
		"has_tool($echo)": true, `has_tool(#"tool:x")`: false, "has_status(200)": true, "has_status(500)": false,
	} {
		e, consts := parseExpr(t, text)
		w.consts = consts
		if got, err := ir.EvalExpr(e, w); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	w.broken = errors.New("cannot be loaded")
	for text, fails := range map[string]bool{"has_tool($echo)": true, "not(eq(signal.1, 1))": true, "and(false, has_status(1))": false, "or(true, has_status(1))": false, "and(true, has_status(1))": true} {
		e, consts := parseExpr(t, text)
		w.consts = consts
		if _, err := ir.EvalExpr(e, w); errors.Is(err, w.broken) != fails {
			t.Errorf("%s with a broken world: %v", text, err)
		}
	}
}

func TestCheckExpr(t *testing.T) {
	yes := ir.Expr{Op: ir.ExprTrue}
	lit, reg, node := ir.U64Operand(1), ir.Reg(1), ir.NodeRef(0)
	hash, ref := ir.HashOperand(object.SumText("x")), ir.ConstRef(0)
	path := &ir.Path{Root: ir.RootEpisode, Segments: []uint32{1}}
	deep := yes
	for range ir.MaxExprDepth {
		deep = ir.Expr{Op: ir.ExprNot, Args: []ir.Expr{deep}}
	}
	for name, e := range map[string]ir.Expr{
		"op":               {Op: 3},
		"true with args":   {Op: ir.ExprTrue, Args: []ir.Expr{}},
		"true with lit":    {Op: ir.ExprTrue, Lit: &lit},
		"not of nothing":   {Op: ir.ExprNot},
		"not of two":       {Op: ir.ExprNot, Args: []ir.Expr{yes, yes}},
		"and of nothing":   {Op: ir.ExprAnd, Args: []ir.Expr{}},
		"and with path":    {Op: ir.ExprAnd, Args: []ir.Expr{yes}, Path: path},
		"eq without path":  {Op: ir.ExprEQ, Lit: &lit},
		"eq without lit":   {Op: ir.ExprEQ, Path: path},
		"eq with set":      {Op: ir.ExprEQ, Path: path, Lit: &lit, Set: []ir.Operand{}},
		"eq register":      {Op: ir.ExprEQ, Path: path, Lit: &reg},
		"eq node":          {Op: ir.ExprEQ, Path: path, Lit: &node},
		"eq lost const":    {Op: ir.ExprEQ, Path: path, Lit: &ref},
		"eq root":          {Op: ir.ExprEQ, Path: &ir.Path{Root: 3, Segments: []uint32{1}}, Lit: &lit},
		"eq empty path":    {Op: ir.ExprEQ, Path: &ir.Path{Root: 1}, Lit: &lit},
		"eq long path":     {Op: ir.ExprEQ, Path: &ir.Path{Root: 1, Segments: make([]uint32, ir.MaxPath+1)}, Lit: &lit},
		"in without set":   {Op: ir.ExprInSet, Path: path},
		"in with lit":      {Op: ir.ExprInSet, Path: path, Set: []ir.Operand{}, Lit: &lit},
		"in with register": {Op: ir.ExprInSet, Path: path, Set: []ir.Operand{reg}},
		"has_tool number":  {Op: ir.ExprHasTool, Lit: &lit},
		"has_tool path":    {Op: ir.ExprHasTool, Lit: &hash, Path: path},
		"failed with lit":  {Op: ir.ExprFailed, Lit: &lit},
		"has_status hash":  {Op: ir.ExprHasStatus, Lit: &hash},
		"inside":           {Op: ir.ExprAnd, Args: []ir.Expr{yes, {Op: ir.ExprNot}}},
		"too deep":         deep,
	} {
		if err := ir.CheckExpr(&e, nil); !errors.Is(err, ir.ErrExpr) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := ir.Expr{Op: ir.ExprAnd, Args: []ir.Expr{yes, {Op: ir.ExprEQ, Path: path, Lit: &reg}}}
	if err := ir.CheckExpr(&e, nil); err == nil || !strings.Contains(err.Error(), "args[1]: lit") {
		t.Errorf("the place is missing: %v", err)
	}
	if err := ir.CheckExpr(&deep.Args[0], nil); err != nil {
		t.Error(err)
	}
	if _, err := ir.EvalExpr(&deep, world{}); !errors.Is(err, ir.ErrExpr) {
		t.Errorf("too deep: %v", err)
	}
}

func TestScalar(t *testing.T) {
	for _, s := range []ir.Scalar{ir.I64Scalar(-3), ir.U64Scalar(1 << 63), ir.BytesScalar([]byte{1, 0}), ir.BytesScalar(nil), ir.TextScalar("é"), ir.HashScalar(object.SumText("x")), ir.BoolScalar(true), ir.BoolScalar(false)} {
		raw, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ir.ParseScalar(s.Kind(), raw); err != nil || back != s {
			t.Errorf("%v: %v, %v", s, back, err)
		}
		if _, err := ir.ParseScalar(s.Kind(), append(raw, 0)); err == nil {
			t.Errorf("%v: trailing bytes pass", s)
		}
		if _, err := ir.ParseScalar(s.Kind()%ir.KindBool+1, raw); err == nil {
			t.Errorf("%v: another kind passes", s)
		}
	}
	if _, err := (ir.Scalar{}).Encode(); err == nil {
		t.Error("the zero scalar has an encoding")
	}
	if _, ok := ir.U64Scalar(1).Compare(ir.I64Scalar(1)); ok {
		t.Error("different kinds have an order")
	}
	if o, ok := ir.I64Scalar(-1).Compare(ir.I64Scalar(1)); !ok || o >= 0 {
		t.Error("signed numbers are compared as unsigned ones")
	}
}

func TestCost(t *testing.T) {
	for _, oc := range ir.Opcodes() {
		if ir.Cost(oc.Code) == 0 || !strings.Contains(ir.CostMarkdown(), strings.ToUpper(oc.Name)) {
			t.Errorf("%s has no cost", oc.Name)
		}
	}
	if ir.Cost(0) != 0 || ir.CostExtra(0, 1e6, 1e6) != 0 {
		t.Error("an unknown opcode has a cost")
	}
	if got := ir.CostExtra(ir.OpMatch, 33, 2049); got != 4 {
		t.Errorf("match: %d", got)
	}
	max := ^uint64(0)
	if got := ir.CostExtra(ir.OpMatch, max, max); got < max/16 {
		t.Errorf("overflow: %d", got)
	}
}
