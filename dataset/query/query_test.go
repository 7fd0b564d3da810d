package query

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

func tools(name string) (object.Hash, error) {
	if name == "wc" || name == "grep" {
		return object.SumText("tool:" + name), nil
	}
	return object.Hash{}, errors.New("not found")
}

func TestQueryRefusals(t *testing.T) {
	for text, want := range map[string]struct {
		line, column int
		reason       string
	}{
		`nothing == 1`:                             {1, 1, "unknown name"},
		`true and now() > 3`:                       {1, 10, "field"},
		`true and now()`:                           {1, 10, "now()"},
		`true and rand()`:                          {1, 10, "has_tool"},
		`has_tool("nosuch")`:                       {1, 10, "not found"},
		`has_tool(5)`:                              {1, 10, "text"},
		`episode.nosuch == 1`:                      {1, 9, "trace_ref"},
		`episode.trace_ref.nosuch == 1`:            {1, 19, "receipt_ids"},
		`episode.trace_ref == 1`:                   {1, 9, "TraceRef"},
		`episode == 1`:                             {1, 1, "field of it"},
		`status > 3`:                               {1, 8, "=="},
		`status == -1`:                             {1, 11, "negative"},
		`status == i64(200)`:                       {1, 11, "unsigned"},
		`status in [0, 100000)`:                    {1, 11, "1000"},
		`signal.label == 1.5`:                      {1, 17, "fractions"},
		`episode.time_observed > "soon"`:           {1, 25, "not a time"},
		`episode.time_observed > 2026-13-01`:       {1, 25, "not a time"},
		`episode.context_hash == 5`:                {1, 25, "hash"},
		`episode.context_hash == "5"`:              {1, 25, "hash"},
		`episode.trace_ref.trace_blob.size == "5"`: {1, 38, "number"},
		`signal.label < "good"`:                    {1, 16, "by hash"},
		`signal.label in [1, 5)`:                   {1, 17, "signals have no ranges"},
		`episode.time_observed in (1, 5]`:          {1, 26, "half-open"},
		`episode.time_observed in [1)`:             {1, 26, "two ends"},
		`signal.reward.deep == 1`:                  {1, 15, "digest"},
		`signal.reward == good`:                    {1, 18, "quotes"},
		`signal.reward == u64("-1")`:               {1, 22, "u64"},
		`episode.time_observed + 1 == 2`:           {1, 23, "field"},
		`status == 200 ? true : false`:             {1, 28, "condition"},
		`[status]`:                                 {1, 1, "condition"},
		"true and\n  \"é\" == signal.nosuch":       {2, 17, "no field"},
		`1 +`:                                      {1, 3, "unexpected"},
		strings.Repeat("(", 65):                    {1, 65, "brackets"},
		strings.Repeat("not (", 64) + "true" + strings.Repeat(")", 64): {1, 1, "64"},
		``: {1, 1, ""},
	} {
		e, err := Parse(text, tools)
		var qe *Error
		if !errors.As(err, &qe) {
			t.Errorf("%s: %v, %s", text, err, Decompile(&e))
			continue
		}
		if qe.Line != want.line || qe.Column != want.column || !strings.Contains(qe.Reason, want.reason) {
			t.Errorf("%s: at %d:%d, expected %d:%d: %s", text, qe.Line, qe.Column, want.line, want.column, qe.Reason)
		}
	}
}

// drawExpr draws any predicate that ir.CheckExpr accepts.
func drawExpr(t *rapid.T, depth int) ir.Expr {
	ops := []uint8{ir.ExprTrue, ir.ExprFalse, ir.ExprHasTool, ir.ExprHasStatus, ir.ExprFailed, ir.ExprInSet, ir.ExprEQ, ir.ExprNE, ir.ExprLT, ir.ExprLE, ir.ExprGT, ir.ExprGE}
	if depth > 0 {
		ops = append(ops, ir.ExprAnd, ir.ExprOr, ir.ExprNot)
	}
	e := ir.Expr{Op: rapid.SampledFrom(ops).Draw(t, "op")}
	switch e.Op {
	case ir.ExprAnd, ir.ExprOr, ir.ExprNot:
		n := 1
		if e.Op != ir.ExprNot {
			n = rapid.IntRange(1, 3).Draw(t, "args")
		}
		for range n {
			e.Args = append(e.Args, drawExpr(t, depth-1))
		}
	case ir.ExprHasTool:
		lit := ir.HashOperand(object.SumText("tool:wc"))
		e.Lit = &lit
	case ir.ExprHasStatus:
		lit := ir.U64Operand(rapid.Uint64().Draw(t, "status"))
		e.Lit = &lit
	case ir.ExprInSet:
		e.Path, e.Set = drawPath(t), []ir.Operand{}
		for range rapid.IntRange(0, 3).Draw(t, "set") {
			e.Set = append(e.Set, drawOperand(t))
		}
	case ir.ExprEQ, ir.ExprNE, ir.ExprLT, ir.ExprLE, ir.ExprGT, ir.ExprGE:
		lit := drawOperand(t)
		e.Path, e.Lit = drawPath(t), &lit
	}
	return e
}

func drawPath(t *rapid.T) *ir.Path {
	return &ir.Path{Root: rapid.SampledFrom([]uint8{ir.RootEpisode, ir.RootSignal}).Draw(t, "root"),
		Segments: rapid.SliceOfN(rapid.Uint32Range(0, 9), 1, 4).Draw(t, "segments")}
}

func drawOperand(t *rapid.T) ir.Operand {
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return ir.U64Operand(rapid.Uint64().Draw(t, "u64"))
	case 1:
		return ir.I64Operand(rapid.Int64().Draw(t, "i64"))
	}
	return ir.HashOperand(object.SumText("x"))
}

// flat joins nested ANDs and nested ORs, and drops those with one argument, as the query language does.
func flat(e ir.Expr) ir.Expr {
	if e.Op != ir.ExprAnd && e.Op != ir.ExprOr && e.Op != ir.ExprNot {
		return e
	}
	args := make([]ir.Expr, len(e.Args))
	for i := range e.Args {
		args[i] = flat(e.Args[i])
	}
	if e.Op == ir.ExprNot {
		return ir.Expr{Op: ir.ExprNot, Args: args}
	}
	return join(e.Op, args...)
}

// TestDecompileAnything writes any predicate as text and reads it back.
func TestDecompileAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := drawExpr(rt, 3)
		if err := ir.CheckExpr(&e, nil); err != nil {
			rt.Fatal(err)
		}
		text := Decompile(&e)
		back, err := Parse(text, nil)
		if err != nil {
			rt.Fatalf("%s: %v", text, err)
		}
		if want := flat(e); !reflect.DeepEqual(back, want) {
			rt.Fatalf("%s reads as %s", text, Decompile(&back))
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	for _, text := range []string{`has_tool("wc") and signal.reward >= 1`, `not (status in [1,2] or episode.time_observed < "2026-01-01")`,
		`episode.time_observed in [2026-01-01, 2026-02-01)`, `signal.label in ["a", -5, u64("7")]`, `episode[2][1].digest == "` + strings.Repeat("ab", 32) + `"`,
		"/* [ */ true // )", "`[2026-01-01)`", `signal.value > -1 or "\"" == signal.label`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text, tools)
		if err != nil {
			var qe *Error
			if !errors.As(err, &qe) || qe.Line < 1 || qe.Column < 1 {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		if err := ir.CheckExpr(&e, nil); err != nil {
			t.Fatalf("an accepted query is malformed: %v", err)
		}
		raw, err := can.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(Decompile(&e), nil)
		if err != nil {
			t.Fatalf("%s: %v", Decompile(&e), err)
		}
		if back, err := can.Marshal(&again); err != nil || !slices.Equal(raw, back) {
			t.Fatalf("%q became %q became %q", text, Decompile(&e), Decompile(&again))
		}
	})
}

// FuzzParsePath: a parsed path is written, and parses to the same path.
func FuzzParsePath(f *testing.F) {
	for _, text := range []string{"episode.context_hash", "episode[2][1]", "signal.reward.digest", "a..b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err != nil {
			return
		}
		again, err := ParsePath(PathText(p))
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("%q reads as %v, written %q, read as %v: %v", text, p, PathText(p), again, err)
		}
	})
}
