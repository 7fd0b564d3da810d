package dataset

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// QueryError is a query that cannot be compiled, with the place in its text.
type QueryError struct {
	Line, Column int // from 1
	Reason       string
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("query, line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// MaxQuery is the longest query text in bytes.
const MaxQuery = 64 << 10

// ParseQuery compiles a query text to a predicate. The syntax is that of
// expr-lang: comparisons, and, or, not, `in [...]`, parentheses, over these names:
//
//	true, false
//	status                 the status of a receipt: status == 200
//	has_tool("name")       a receipt is of this tool (a name or a hash)
//	episode.FIELD...       a field of EpisodeRef by its JSON name
//	signal.reward, signal.label, signal.constraint   the value of a signal of that type
//	signal.FIELD           a field of Signal; signal.value is its value
//
// Times are texts: episode.time_observed >= "2026-01-31". Hashes are texts of 64
// hex digits. tool finds tools by name. Errors are *QueryError.
func ParseQuery(text string, tool func(name string) (object.Hash, error)) (ir.Expr, error) {
	if len(text) > MaxQuery {
		return ir.Expr{}, &QueryError{1, 1, "longer than 64 KiB"}
	}
	tree, err := parser.Parse(text)
	if err != nil {
		var fe *file.Error
		if errors.As(err, &fe) {
			return ir.Expr{}, &QueryError{fe.Line, fe.Column + 1, fe.Message}
		}
		return ir.Expr{}, &QueryError{1, 1, err.Error()}
	}
	c := &compiler{text: text, tool: tool}
	e, err := c.expr(tree.Node)
	if err != nil {
		return ir.Expr{}, err
	}
	if err := ir.CheckExpr(&e, nil); err != nil {
		return ir.Expr{}, &QueryError{1, 1, err.Error()}
	}
	return e, nil
}

type compiler struct {
	text string
	tool func(string) (object.Hash, error)
}

// fail reports a reason at a node's place.
func (c *compiler) fail(n ast.Node, format string, args ...any) error {
	before := c.text[:min(max(n.Location().From, 0), len(c.text))]
	line := strings.Count(before, "\n") + 1
	column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
	return &QueryError{line, column, fmt.Sprintf(format, args...)}
}

func (c *compiler) expr(n ast.Node) (ir.Expr, error) {
	switch n := n.(type) {
	case *ast.BoolNode:
		if n.Value {
			return ir.Expr{Op: ir.ExprTrue}, nil
		}
		return ir.Expr{Op: ir.ExprFalse}, nil
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			inner, err := c.expr(n.Node)
			return ir.Expr{Op: ir.ExprNot, Args: []ir.Expr{inner}}, err
		}
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.CallNode:
		return c.call(n)
	}
	return ir.Expr{}, c.fail(n, "a condition is expected here")
}

var comparisons = map[string]uint8{"==": ir.ExprEQ, "!=": ir.ExprNE, "<": ir.ExprLT, "<=": ir.ExprLE, ">": ir.ExprGT, ">=": ir.ExprGE}

func (c *compiler) binary(n *ast.BinaryNode) (ir.Expr, error) {
	switch n.Operator {
	case "and", "&&", "or", "||":
		op := ir.ExprAnd
		if n.Operator == "or" || n.Operator == "||" {
			op = ir.ExprOr
		}
		left, err := c.expr(n.Left)
		if err != nil {
			return left, err
		}
		right, err := c.expr(n.Right)
		args := []ir.Expr{left, right}
		if left.Op == op { // a and b and c is one AND of three
			args = append(left.Args, right)
		}
		return ir.Expr{Op: op, Args: args}, err
	case "in":
		return c.in(n)
	}
	op, ok := comparisons[n.Operator]
	if !ok {
		return ir.Expr{}, c.fail(n, "operator %q is not supported", n.Operator)
	}
	if isStatus(n.Left) {
		return c.status(n, op)
	}
	path, kind, err := c.path(n.Left)
	if err != nil {
		return ir.Expr{}, err
	}
	lit, err := c.literal(n.Right, kind)
	return ir.Expr{Op: op, Path: path, Lit: lit}, err
}

func isStatus(n ast.Node) bool {
	id, ok := n.(*ast.IdentifierNode)
	return ok && id.Value == "status"
}

func (c *compiler) status(n *ast.BinaryNode, op uint8) (ir.Expr, error) {
	lit, err := c.literal(n.Right, numU64)
	if err != nil {
		return ir.Expr{}, err
	}
	has := ir.Expr{Op: ir.ExprHasStatus, Lit: lit}
	switch op {
	case ir.ExprEQ:
		return has, nil
	case ir.ExprNE:
		return ir.Expr{Op: ir.ExprNot, Args: []ir.Expr{has}}, nil
	}
	return ir.Expr{}, c.fail(n, "status is compared with == or != only")
}

func (c *compiler) in(n *ast.BinaryNode) (ir.Expr, error) {
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return ir.Expr{}, c.fail(n.Right, "a list in square brackets is expected after in")
	}
	if isStatus(n.Left) {
		or := ir.Expr{Op: ir.ExprOr}
		for _, item := range list.Nodes {
			lit, err := c.literal(item, numU64)
			if err != nil {
				return or, err
			}
			or.Args = append(or.Args, ir.Expr{Op: ir.ExprHasStatus, Lit: lit})
		}
		return or, nil
	}
	path, kind, err := c.path(n.Left)
	if err != nil {
		return ir.Expr{}, err
	}
	e := ir.Expr{Op: ir.ExprInSet, Path: path, Set: []ir.Operand{}}
	for _, item := range list.Nodes {
		lit, err := c.literal(item, kind)
		if err != nil {
			return e, err
		}
		e.Set = append(e.Set, *lit)
	}
	return e, nil
}

func (c *compiler) call(n *ast.CallNode) (ir.Expr, error) {
	name, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || name.Value != "has_tool" {
		return ir.Expr{}, c.fail(n, "the only function is has_tool(\"name\")")
	}
	arg, ok := first(n.Arguments).(*ast.StringNode)
	if !ok || len(n.Arguments) != 1 {
		return ir.Expr{}, c.fail(n, "has_tool takes one text")
	}
	h, err := object.ParseHash(arg.Value)
	if err != nil {
		if h, err = c.tool(arg.Value); err != nil {
			return ir.Expr{}, c.fail(arg, "tool %q: %v", arg.Value, err)
		}
	}
	return ir.Expr{Op: ir.ExprHasTool, Lit: &ir.Operand{Kind: ir.OperandHash, Hash: &h}}, nil
}

func first(list []ast.Node) ast.Node {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// numeric says how a number literal is written for a path.
type numeric uint8

const (
	numU64  numeric = iota
	numI64          // signed fields
	numTime         // signed microseconds, written as a text
	numHash         // hashes
	numAny          // a signal's value: non-negative numbers are u64, negative ones i64
)

// path resolves episode.a.b and signal.x to field numbers.
func (c *compiler) path(n ast.Node) (*ir.Path, numeric, error) {
	var names []string
	at := n
	for {
		m, ok := at.(*ast.MemberNode)
		if !ok {
			break
		}
		prop, ok := m.Property.(*ast.StringNode)
		if !ok {
			return nil, 0, c.fail(m, "a field name is expected")
		}
		names = append([]string{prop.Value}, names...)
		at = m.Node
	}
	root, ok := at.(*ast.IdentifierNode)
	if !ok || len(names) == 0 {
		return nil, 0, c.fail(n, "a field such as episode.time_observed or signal.reward is expected")
	}
	switch root.Value {
	case "episode":
		return c.fields(n, ir.RootEpisode, reflect.TypeFor[object.EpisodeRef](), names)
	case "signal":
		types := map[string]uint8{"reward": Reward, "label": Label, "constraint": Constraint}
		if t, ok := types[names[0]]; ok && len(names) == 1 {
			return &ir.Path{Root: ir.RootSignal, Segments: []uint32{5, uint32(t)}}, numAny, nil
		}
		if names[0] == "value" && len(names) == 1 {
			return &ir.Path{Root: ir.RootSignal, Segments: []uint32{5}}, numAny, nil
		}
		return c.fields(n, ir.RootSignal, reflect.TypeFor[Signal](), names)
	}
	return nil, 0, c.fail(root, "unknown name %q (there are status, has_tool, episode and signal)", root.Value)
}

func (c *compiler) fields(n ast.Node, root uint8, of reflect.Type, names []string) (*ir.Path, numeric, error) {
	t := can.TypeOf(of)
	p := &ir.Path{Root: root}
	for _, name := range names {
		f, ok := t.FieldByName(name)
		if !ok {
			return nil, 0, c.fail(n, "%s has no field %q", t.Go.Name(), name)
		}
		p.Segments = append(p.Segments, uint32(f.Num))
		t = f.Type
	}
	switch {
	case t.Go == reflect.TypeFor[object.Hash]():
		return p, numHash, nil
	case t.Go == reflect.TypeFor[object.Time]():
		return p, numTime, nil
	case t.Kind == can.KindInt:
		return p, numI64, nil
	case t.Kind == can.KindUint:
		return p, numU64, nil
	}
	return nil, 0, c.fail(n, "field %s cannot be compared", strings.Join(names, "."))
}

// literal compiles a number, a time or a hash.
func (c *compiler) literal(n ast.Node, kind numeric) (*ir.Operand, error) {
	negative := false
	if u, ok := n.(*ast.UnaryNode); ok && u.Operator == "-" {
		negative, n = true, u.Node
	}
	switch v := n.(type) {
	case *ast.IntegerNode:
		return c.number(n, int64(v.Value), negative, kind)
	case *ast.StringNode:
		switch {
		case kind == numTime && !negative:
			at, err := object.ParseTime(v.Value)
			if err != nil {
				return nil, c.fail(n, "%v", err)
			}
			i := int64(at)
			return &ir.Operand{Kind: ir.OperandI64, I64: &i}, nil
		case (kind == numHash || kind == numAny) && !negative:
			h, err := object.ParseHash(v.Value)
			if err != nil {
				return nil, c.fail(n, "%v", err)
			}
			return &ir.Operand{Kind: ir.OperandHash, Hash: &h}, nil
		}
	}
	return nil, c.fail(n, "this cannot be compared with the field on the left")
}

func (c *compiler) number(n ast.Node, v int64, negative bool, kind numeric) (*ir.Operand, error) {
	if negative {
		v = -v
	}
	switch {
	case kind == numHash:
		return nil, c.fail(n, "a hash of 64 hex digits is expected")
	case kind == numI64, kind == numTime, kind == numAny && v < 0:
		return &ir.Operand{Kind: ir.OperandI64, I64: &v}, nil
	case v < 0:
		return nil, c.fail(n, "the field is never negative")
	}
	u := uint64(v)
	return &ir.Operand{Kind: ir.OperandU64, U64: &u}, nil
}
