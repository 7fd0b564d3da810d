package ir

import (
	"errors"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/object"
)

// world is an Env over fixed values.
type world struct {
	values map[string][]Scalar
	consts []Const
	broken error
	failed bool // a receipt has failed
}

func (w world) Lookup(root uint8, segments []uint32) ([]Scalar, error) {
	return w.values[pathText(Path{root, segments})], w.broken
}

func (w world) Const(i uint32) (Scalar, bool) { return ConstRef(i).Scalar(w.consts) }

func (w world) HasTool(h object.Hash) (bool, error) {
	return h == object.SumText("tool:echo"), w.broken
}

func (w world) Failed() (bool, error) { return w.failed, w.broken }

func (w world) HasStatus(n uint64) (bool, error) { return n == 200, w.broken }

// parseExpr reads an expression; its constants are $big (text "z") and $neg.
func parseExpr(t *testing.T, text string) (*Expr, []Const) {
	t.Helper()
	a, err := parseAsm(".const big text \"z\"\n.const neg i64 -1\n.const echo hash #\"tool:echo\"\n.contract c { requires " + text + " ensures true }")
	if err != nil {
		t.Fatal(err)
	}
	e := &a.b.Contracts.Contracts[0].Requires
	if err := CheckExpr(e, a.b.ConstPool.Consts); err != nil {
		t.Fatal(text, err)
	}
	return e, a.b.ConstPool.Consts
}

func TestEvalExpr(t *testing.T) {
	w := world{values: map[string][]Scalar{
		"episode.1": {U64Scalar(5)},
		"episode.2": {I64Scalar(-5)},
		"episode.3": {TextScalar("abc")},
		"episode.4": {HashScalar(object.SumText("h"))},
		"episode.5": {BoolScalar(true)},
		"signal.1":  {U64Scalar(1), U64Scalar(9)},
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
		// existential: each comparison picks its own signal, NE is NOT EQ
		"and(lt(signal.1, 2), gt(signal.1, 8))": true, "ne(signal.1, 9)": false, "ne(signal.1, 5)": true, "and(gt(signal.1, 1), lt(signal.1, 9))": true, "eq(signal.1, 5)": false,
		"in(signal.1, [3, 9])": true, "in(signal.1, [])": false, "in(episode.3, [$neg, $big])": false,
		"and(true, true, false)": false, "or(false, false, true)": true, "or(false)": false, "and(true)": true, "not(true)": false,
		"has_tool($echo)": true, `has_tool(#"tool:x")`: false, "has_status(200)": true, "has_status(500)": false,
	} {
		e, consts := parseExpr(t, text)
		w.consts = consts
		if got, err := EvalExpr(e, w); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	w.broken = errors.New("cannot be loaded")
	for text, fails := range map[string]bool{"has_tool($echo)": true, "not(eq(signal.1, 1))": true, "and(false, has_status(1))": false, "or(true, has_status(1))": false, "and(true, has_status(1))": true} {
		e, consts := parseExpr(t, text)
		w.consts = consts
		if _, err := EvalExpr(e, w); errors.Is(err, w.broken) != fails {
			t.Errorf("%s with a broken world: %v", text, err)
		}
	}
}

func TestCheckExpr(t *testing.T) {
	yes := Expr{Op: ExprTrue}
	lit, reg, node := U64Operand(1), Reg(1), NodeRef(0)
	hash, ref := HashOperand(object.SumText("x")), ConstRef(0)
	path := &Path{Root: RootEpisode, Segments: []uint32{1}}
	deep := yes
	for range MaxExprDepth {
		deep = Expr{Op: ExprNot, Args: []Expr{deep}}
	}
	for name, e := range map[string]Expr{
		"op":               {Op: 3},
		"true with args":   {Op: ExprTrue, Args: []Expr{}},
		"true with lit":    {Op: ExprTrue, Lit: &lit},
		"not of nothing":   {Op: ExprNot},
		"not of two":       {Op: ExprNot, Args: []Expr{yes, yes}},
		"and of nothing":   {Op: ExprAnd, Args: []Expr{}},
		"and with path":    {Op: ExprAnd, Args: []Expr{yes}, Path: path},
		"eq without path":  {Op: ExprEQ, Lit: &lit},
		"eq without lit":   {Op: ExprEQ, Path: path},
		"eq with set":      {Op: ExprEQ, Path: path, Lit: &lit, Set: []Operand{}},
		"eq register":      {Op: ExprEQ, Path: path, Lit: &reg},
		"eq node":          {Op: ExprEQ, Path: path, Lit: &node},
		"eq lost const":    {Op: ExprEQ, Path: path, Lit: &ref},
		"eq root":          {Op: ExprEQ, Path: &Path{Root: 3, Segments: []uint32{1}}, Lit: &lit},
		"eq empty path":    {Op: ExprEQ, Path: &Path{Root: 1}, Lit: &lit},
		"eq long path":     {Op: ExprEQ, Path: &Path{Root: 1, Segments: make([]uint32, MaxPath+1)}, Lit: &lit},
		"in without set":   {Op: ExprInSet, Path: path},
		"in with lit":      {Op: ExprInSet, Path: path, Set: []Operand{}, Lit: &lit},
		"in with register": {Op: ExprInSet, Path: path, Set: []Operand{reg}},
		"has_tool number":  {Op: ExprHasTool, Lit: &lit},
		"has_tool path":    {Op: ExprHasTool, Lit: &hash, Path: path},
		"failed with lit":  {Op: ExprFailed, Lit: &lit},
		"has_status hash":  {Op: ExprHasStatus, Lit: &hash},
		"inside":           {Op: ExprAnd, Args: []Expr{yes, {Op: ExprNot}}},
		"too deep":         deep,
	} {
		if err := CheckExpr(&e, nil); !errors.Is(err, ErrExpr) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := Expr{Op: ExprAnd, Args: []Expr{yes, {Op: ExprEQ, Path: path, Lit: &reg}}}
	if err := CheckExpr(&e, nil); err == nil || !strings.Contains(err.Error(), "args[1]: lit") {
		t.Errorf("the place is missing: %v", err)
	}
	if err := CheckExpr(&deep.Args[0], nil); err != nil {
		t.Error(err)
	}
	if _, err := EvalExpr(&deep, world{}); !errors.Is(err, ErrExpr) {
		t.Errorf("too deep: %v", err)
	}
}

func TestScalar(t *testing.T) {
	for _, s := range []Scalar{I64Scalar(-3), U64Scalar(1 << 63), BytesScalar([]byte{1, 0}), BytesScalar(nil), TextScalar("é"), HashScalar(object.SumText("x")), BoolScalar(true), BoolScalar(false)} {
		raw, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseScalar(s.Kind(), raw); err != nil || back != s {
			t.Errorf("%v: %v, %v", s, back, err)
		}
		if _, err := ParseScalar(s.Kind(), append(raw, 0)); err == nil {
			t.Errorf("%v: trailing bytes pass", s)
		}
		if _, err := ParseScalar(s.Kind()%KindBool+1, raw); err == nil {
			t.Errorf("%v: another kind passes", s)
		}
	}
	if _, err := (Scalar{}).Encode(); err == nil {
		t.Error("the zero scalar has an encoding")
	}
	if _, ok := U64Scalar(1).Compare(I64Scalar(1)); ok {
		t.Error("different kinds have an order")
	}
	if o, ok := I64Scalar(-1).Compare(I64Scalar(1)); !ok || o >= 0 {
		t.Error("signed numbers are compared as unsigned ones")
	}
}

func TestCost(t *testing.T) {
	for _, oc := range Opcodes() {
		if Cost(oc.Code) == 0 || !strings.Contains(CostMarkdown(), strings.ToUpper(oc.Name)) {
			t.Errorf("%s has no cost", oc.Name)
		}
	}
	if Cost(0) != 0 || CostExtra(0, 1e6, 1e6) != 0 {
		t.Error("an unknown opcode has a cost")
	}
	if got := CostExtra(OpMatch, 33, 2049); got != 4 {
		t.Errorf("match: %d", got)
	}
	max := ^uint64(0)
	if got := CostExtra(OpMatch, max, max); got < max/16 {
		t.Errorf("overflow: %d", got)
	}
}
