package dataset

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// TestQueriesSelect runs every operator through Build's selection, over episodes with
// and without receipts, signals and values.
func TestQueriesSelect(t *testing.T) {
	w := newWorld(t)
	day := func(s string) object.Time {
		at, err := object.ParseTime(s)
		w.must(err)
		return at
	}
	wc, bad := w.receipt("wc", 200, "a", "1"), w.receipt("grep", 500, "b", "2")
	ids := []object.Hash{
		0: w.episode(0, "c0", day("2025-12-31T23:59:59.999999Z"), wc),
		1: w.episode(10, "c1", day("2026-01-01"), wc, bad),
		2: w.episode(20, "c1", day("2026-01-31"), bad),
		3: w.episode(30, "c2", day("2026-02-01")),
		4: w.episode(40, "c2", -5),
	}
	w.signal(ids[0], signal.Reward, ir.U64Scalar(1))
	w.signal(ids[1], signal.Reward, ir.I64Scalar(-3))
	w.signal(ids[1], signal.Reward, ir.I64Scalar(7))
	w.signal(ids[1], signal.Label, ir.TextScalar("good"))
	w.signal(ids[2], signal.Label, ir.U64Scalar(5))
	w.signal(ids[2], signal.Constraint, ir.HashScalar(object.SumText("x")))
	w.signal(ids[3], signal.Label, ir.BytesScalar([]byte{0xff}))
	hash, ctx1 := object.SumText("x").String(), object.SumText("c1").String()
	for query, want := range map[string][]int{
		`true`: {0, 1, 2, 3, 4}, `false`: {}, `not true`: {}, `true and false or true`: {0, 1, 2, 3, 4},
		`status == 200`: {0}, `200 == status`: {0}, `status != 200`: {1, 2, 3, 4}, `status in [500, 404]`: {1, 2}, `status in [200, 300)`: {0},
		`has_status(200)`: {0, 1}, `failed`: {1, 2}, `not failed`: {0, 3, 4}, `status in [200, 500]`: {0, 1, 2}, `status == 200 or failed`: {0, 1, 2}, `status == 200 and not status == 404`: {0},
		`not status == 500`: {0, 3, 4}, `not status == 500 and has_tool("wc")`: {0}, `not signal.reward >= 1`: {2, 3, 4}, `not status in [200, 500]`: {3, 4}, `!status == 200`: {1, 2, 3, 4}, `status in []`: {},
		`status in [300, 200)`: {}, `not (status in [200, 300))`: {1, 2, 3, 4}, `status == 200 and status == 500`: {1}, `status not in [200]`: {1, 2, 3, 4},
		`has_tool("wc")`: {0, 1}, `has_tool("` + object.SumText("tool:grep").String() + `")`: {1, 2}, `has_tool("wc") or has_tool("grep")`: {0, 1, 2},
		`episode.trace_ref.trace_blob.size == 10`: {1}, `episode.trace_ref.trace_blob.size != 10`: {0, 2, 3, 4}, `episode.trace_ref.trace_blob.size >= 20`: {2, 3, 4},
		`20 < episode.trace_ref.trace_blob.size`: {3, 4}, `episode.trace_ref.trace_blob.size <= 20`: {0, 1, 2}, `episode.trace_ref.trace_blob.size in [10, 40]`: {1, 4},
		`episode.trace_ref.trace_blob.size in [10, 40)`: {1, 2, 3}, `episode.time_observed in [2026-01-01, 2026-02-01)`: {1, 2},
		`episode.time_observed < "2026-01-01"`: {0, 4}, `episode.time_observed >= 2026-01-31T00:00:00Z`: {2, 3}, `episode.time_observed == -5`: {4},
		`episode.time_observed > 2026-01-31T01:00:00+01:00`: {3},
		`episode.context_hash == "` + ctx1 + `"`:            {1, 2}, `episode.context_hash != "` + ctx1 + `"`: {0, 3, 4},
		`episode.trace_ref.trace_blob.media == "application/mythos.trace"`: {0, 1, 2, 3, 4}, `episode.trace_ref.trace_blob.media != "application/mythos.trace"`: {},
		`episode[5] == -5`: {4}, `episode[2][1][2] == 10`: {1}, `episode[9] == 1`: {}, `episode[9] != 1`: {0, 1, 2, 3, 4}, `episode.trace_ref.trace_blob.encryption.scheme == 1`: {},
		`signal.reward >= 1`: {0, 1}, `signal.reward > 1`: {1}, `signal.reward < 1`: {1}, `signal.reward == 1`: {0}, `signal.reward != 1`: {1, 2, 3, 4}, `signal.reward <= -3`: {1},
		`signal.reward > -1`: {0, 1}, `signal.reward >= -4`: {0, 1}, `signal.reward in [1, 7]`: {0, 1}, `not (signal.reward >= 1)`: {2, 3, 4},
		`signal.reward == i64(1)`: {}, `signal.reward == u64("1")`: {0}, `signal.value == 5`: {2}, `signal.label == 5`: {2}, `signal.reward == 5`: {},
		`signal.label == "good"`: {1}, `signal.label != "good"`: {0, 2, 3, 4}, `signal.label in ["good", 5, "other"]`: {1, 2}, `signal.value_bytes == "ff"`: {3},
		`signal.constraint == "` + hash + `"`: {2}, `signal.constraint == hash("` + hash + `")`: {2}, `signal.value == "` + hash + `"`: {2},
		`signal.signal_type == 3`: {2}, `signal.signer == "` + w.key.Agent().KeyID().String() + `"`: {0, 1, 2, 3}, `signal.signer.hint == "tester"`: {0, 1, 2, 3},
		`signal.signer.key == "` + w.key.Agent().KeyHex() + `"`: {0, 1, 2, 3}, `signal.time_observed == 7 and signal.label == 5`: {2},
		// each comparison picks its own signal
		`signal.reward < 0 and signal.reward > 5`: {1}, `signal.signal_type == 1 and signal.value == "good"`: {1},
	} {
		if got := w.selects(query, ids); !slices.Equal(got, want) {
			t.Errorf("%s: selects %v, expected %v", query, got, want)
		}
	}
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
		`episode.time_observed > "soon"`:           {1, 25, "no time"},
		`episode.time_observed > 2026-13-01`:       {1, 25, "no time"},
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
		e, err := ParseQuery(text, tools)
		var qe *QueryError
		if !errors.As(err, &qe) {
			t.Errorf("%s: %v, %s", text, err, DecompileQuery(&e))
			continue
		}
		if qe.Line != want.line || qe.Column != want.column || !strings.Contains(qe.Reason, want.reason) {
			t.Errorf("%s: at %d:%d, expected %d:%d: %s", text, qe.Line, qe.Column, want.line, want.column, qe.Reason)
		}
	}
}

// drawExpr gives any predicate that ir.CheckExpr accepts.
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

// flat joins ANDs within ANDs and ORs within ORs, and drops those of one argument, as
// the query language has them.
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
		text := DecompileQuery(&e)
		back, err := ParseQuery(text, nil)
		if err != nil {
			rt.Fatalf("%s: %v", text, err)
		}
		if want := flat(e); !reflect.DeepEqual(back, want) {
			rt.Fatalf("%s reads as %s", text, DecompileQuery(&back))
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	for _, text := range []string{`has_tool("wc") and signal.reward >= 1`, `not (status in [1,2] or episode.time_observed < "2026-01-01")`,
		`episode.time_observed in [2026-01-01, 2026-02-01)`, `signal.label in ["a", -5, u64("7")]`, `episode[2][1].digest == "` + vectorCorpus + `"`,
		"/* [ */ true // )", "`[2026-01-01)`", `signal.value > -1 or "\"" == signal.label`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseQuery(text, tools)
		if err != nil {
			var qe *QueryError
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
		again, err := ParseQuery(DecompileQuery(&e), nil)
		if err != nil {
			t.Fatalf("%s: %v", DecompileQuery(&e), err)
		}
		if back, err := can.Marshal(&again); err != nil || !slices.Equal(raw, back) {
			t.Fatalf("%q became %q became %q", text, DecompileQuery(&e), DecompileQuery(&again))
		}
	})
}
