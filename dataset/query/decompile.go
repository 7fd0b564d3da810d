package query

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Decompile writes a predicate that ir.CheckExpr accepts as query text. Parsing the text gives a predicate that selects
// the same, and exactly e if e came from Parse.
func Decompile(e *ir.Expr) string {
	return string(decompiler{short: !asksForFailures(e, true)}.expr(nil, e, true))
}

// decompiler writes predicates. short: status == 200 may be written for its compiled form. That is not so if the query
// asks for failures.
type decompiler struct{ short bool }

var opTexts = map[uint8]string{ir.ExprEQ: "==", ir.ExprNE: "!=", ir.ExprLT: "<", ir.ExprLE: "<=", ir.ExprGT: ">", ir.ExprGE: ">=",
	ir.ExprAnd: " and ", ir.ExprOr: " or "}

func (d decompiler) expr(dst []byte, e *ir.Expr, top bool) []byte {
	switch e.Op {
	case ir.ExprTrue:
		return append(dst, "true"...)
	case ir.ExprFalse:
		return append(dst, "false"...)
	case ir.ExprAnd, ir.ExprOr:
		if list := meantStatuses(e); list != nil && d.short {
			return appendStatuses(dst, list)
		}
		if tools := anyTool(e); tools != "" {
			return append(dst, tools...)
		}
		return d.joined(dst, e, top)
	case ir.ExprNot:
		dst = d.expr(append(dst, "not ("...), &e.Args[0], true)
		return append(dst, ')')
	case ir.ExprHasTool:
		return fmt.Appendf(dst, "has_tool(%q)", e.Lit.Hash)
	case ir.ExprHasStatus:
		return fmt.Appendf(dst, "has_status(%s)", plainUint(*e.Lit.U64))
	case ir.ExprFailed:
		return append(dst, "failed"...)
	}
	text, k := PathText(*e.Path), pathKind(*e.Path)
	if e.Op != ir.ExprInSet {
		return fmt.Appendf(dst, "%s %s %s", text, opTexts[e.Op], operandText(*e.Lit, k))
	}
	dst = append(append(dst, text...), " in ["...)
	for i, o := range e.Set {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, operandText(o, k)...)
	}
	return append(dst, ']')
}

// anyTool is has_tool("A", "B") of an OR of tools; empty for anything else.
func anyTool(e *ir.Expr) string {
	if e.Op != ir.ExprOr || len(e.Args) < 2 {
		return ""
	}
	texts := make([]string, len(e.Args))
	for i, a := range e.Args {
		if a.Op != ir.ExprHasTool || a.Lit.Hash == nil {
			return ""
		}
		texts[i] = strconv.Quote(a.Lit.Hash.String())
	}
	return "has_tool(" + strings.Join(texts, ", ") + ")"
}

func appendStatuses(dst []byte, list []uint64) []byte {
	if len(list) == 1 {
		return fmt.Appendf(dst, "status == %s", plainUint(list[0]))
	}
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = plainUint(s)
	}
	return fmt.Appendf(dst, "status in [%s]", strings.Join(texts, ", "))
}

func (d decompiler) joined(dst []byte, e *ir.Expr, top bool) []byte {
	if len(e.Args) == 1 {
		return d.expr(dst, &e.Args[0], top)
	}
	if !top {
		dst = append(dst, '(')
	}
	for i := range e.Args {
		if i > 0 {
			dst = append(dst, opTexts[e.Op]...)
		}
		dst = d.expr(dst, &e.Args[i], false)
	}
	if !top {
		dst = append(dst, ')')
	}
	return dst
}

// plainUint is a number that the parser reads unchanged; a number beyond the parser's range is cast.
func plainUint(u uint64) string {
	if u > 1<<63-1 {
		return fmt.Sprintf("u64(%q)", strconv.FormatUint(u, 10))
	}
	return strconv.FormatUint(u, 10)
}

// operandText writes a literal so that the parser reads the same operand for a field of that kind: plain if possible,
// otherwise with a cast.
func operandText(o ir.Operand, k kind) string {
	switch {
	case o.Kind == ir.OperandU64 && k == numU64:
		return plainUint(*o.U64)
	case o.Kind == ir.OperandU64:
		return fmt.Sprintf("u64(%q)", strconv.FormatUint(*o.U64, 10))
	case o.Kind == ir.OperandI64 && k == numTime:
		if s := object.Time(*o.I64).String(); strings.ContainsRune(s, 'T') {
			return strconv.Quote(s)
		}
		return fmt.Sprintf("i64(%q)", strconv.FormatInt(*o.I64, 10))
	case o.Kind == ir.OperandI64:
		return fmt.Sprintf("i64(%q)", strconv.FormatInt(*o.I64, 10))
	case o.Kind == ir.OperandHash && k == numHash:
		return strconv.Quote(o.Hash.String())
	case o.Kind == ir.OperandHash:
		return fmt.Sprintf("hash(%q)", o.Hash)
	}
	return fmt.Sprintf("operand(%d)", o.Kind) // ir.CheckExpr accepts no such operand in a query
}

// PathText writes a path so that ParsePath reads it, with the names of fields where known.
func PathText(p ir.Path) string {
	text, segments, t := "episode", p.Segments, episodeType
	if p.Root == ir.RootSignal {
		if own, ok := signalText(segments); ok {
			return own
		}
		text, t = "signal", signalType
	}
	for i, s := range segments {
		if s == segHash && i == len(segments)-1 && i > 0 {
			return text + ".digest"
		}
		f, ok := fieldNumbered(t, s)
		if !ok || i == len(segments)-1 && kindOf(f.Type) == numNone {
			text, t = text+"["+strconv.FormatUint(uint64(s), 10)+"]", nil
			continue
		}
		text, t = text+"."+f.Name, f.Type
	}
	return text
}

// signalText writes the paths of a signal that have names of their own.
func signalText(segments []uint32) (string, bool) {
	at := func(i int) uint32 {
		if i < len(segments) {
			return segments[i]
		}
		return 0
	}
	switch {
	case at(0) == fieldSigner && len(segments) == 2 && at(1) == segHash:
		return "signal.signer", true
	case at(0) != fieldValue || len(segments) > 3 || at(2) != 0 || at(1) > uint32(signal.Constraint):
		return "", false
	case len(segments) == 2 && at(1) == 0:
		return "signal[5][0]", true
	}
	text := "signal.value"
	if at(1) != 0 {
		text = "signal." + signal.TypeName(uint8(at(1)))
	}
	if len(segments) == 3 {
		text += ".digest"
	}
	return text, true
}

func fieldNumbered(t *can.Type, num uint32) (*can.StructField, bool) {
	if t == nil || t.Kind != can.KindStruct || t.Go == hashType {
		return nil, false
	}
	return t.FieldByNum(uint64(num))
}

// pathKind is the kind that Parse finds for the text of a path.
func pathKind(p ir.Path) kind {
	t := episodeType
	if p.Root == ir.RootSignal {
		if len(p.Segments) > 0 && p.Segments[0] == fieldValue {
			if text, _ := signalText(p.Segments); strings.HasSuffix(text, ".digest") {
				return numHash
			}
			return numAny
		}
		t = signalType
	}
	for i, s := range p.Segments {
		if s == segHash && i == len(p.Segments)-1 && i > 0 {
			return numHash
		}
		f, ok := fieldNumbered(t, s)
		if !ok || i == len(p.Segments)-1 && kindOf(f.Type) == numNone {
			t = nil
			continue
		}
		t = f.Type
	}
	return kindOf(t)
}
