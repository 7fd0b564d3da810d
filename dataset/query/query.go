package query

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/mythos-project/mythos/dataset/imported"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// Error is a query that cannot be compiled, with the position in its text.
type Error struct {
	Line, Column int // from 1, in characters
	Reason       string
}

func (e *Error) Error() string {
	return fmt.Sprintf("query, line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// ErrNoTool means that there is no tool with a name here.
var ErrNoTool = errors.New("there is no such tool")

// MaxText is the longest query text in bytes.
const MaxText = 64 << 10

// Parse compiles a query text to a predicate (spec/datasets.md#queries). The syntax is that of expr-lang: comparisons,
// in, and, or, not, parentheses. The names:
//
//	true, false
//	status                     of the receipts: status == 200, status in [200, 204]: some receipt
//	                           has it and, unless the query asks for failures, none failed
//	has_status(200)            some receipt has it, whatever the others have
//	failed                     some receipt has a status from 400 on
//	has_tool("name or hash")   a receipt is of this tool, of ours or in imported evidence;
//	                           "imported:name" is the latter only; of several names, any one
//	imported                   the episode was imported: nobody who saw it signed it
//	episode.FIELD.FIELD        a field of EpisodeRef
//	signal.reward, .label, .constraint   the value of a signal of that type
//	signal.value               the value of a signal of any type
//	signal.signer              the key id of a signal's signer
//	signal.FIELD.FIELD         a field of Signal
//	episode[2][1], signal[3]   fields by number
//
// Values are integers, texts, hashes (64 hex digits in quotes) and times (2026-01-31, or RFC 3339, with or without
// quotes). FIELD in [a, b, c] is a set; FIELD in [from, to) is a half-open range, which is not available for signals,
// because there may be several. A number is compared with a signal's value whether that is signed or not. A text or a
// field of bytes (in hex) is compared by hash, and therefore only for equality; PATH.digest is that hash. u64(5),
// i64(-5) and hash("...") set the kind of a value.
//
// tool finds tools by name; it may be nil. If its error wraps ErrNoTool, the name can only be that of a tool in
// imported evidence. Errors are *Error.
func Parse(text string, tool func(name string) (object.Hash, error)) (ir.Expr, error) {
	if len(text) > MaxText {
		return ir.Expr{}, &Error{1, 1, "longer than 64 KiB"}
	}
	c := &compiler{original: []rune(text), tool: tool}
	tree, err := c.parse(text)
	if err != nil {
		return ir.Expr{}, err
	}
	e, err := c.expr(tree)
	if err != nil {
		return ir.Expr{}, err
	}
	e = settle(e)
	if err := ir.CheckExpr(&e, nil); err != nil {
		return ir.Expr{}, &Error{1, 1, err.Error()}
	}
	return e, nil
}

// compiler turns expr-lang's tree into a predicate.
type compiler struct {
	prepared
	original []rune
	tool     func(string) (object.Hash, error)
}

func (c *compiler) parse(text string) (ast.Node, error) {
	var err error
	if c.prepared, err = prepare(text); err != nil {
		return nil, err
	}
	tree, err := parser.Parse(string(c.text))
	if err == nil {
		return tree.Node, nil
	}
	var fe *file.Error
	if errors.As(err, &fe) {
		return nil, &Error{max(fe.Line, 1), fe.Column + 1, fe.Message}
	}
	return nil, &Error{1, 1, err.Error()}
}

// fail reports a reason at a node's position.
func (c *compiler) fail(n ast.Node, format string, args ...any) error {
	return newError(c.original, n.Location().From, fmt.Sprintf(format, args...))
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
	case *ast.IdentifierNode:
		switch n.Value {
		case "imported":
			return hasTool(imported.Tool), nil
		case "failed":
			return ir.Expr{Op: ir.ExprFailed}, nil
		}
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		return ir.Expr{}, c.fail(n, "%s() cannot stand in a query; the functions are has_tool(\"name\") and has_status(200)", n.Name)
	}
	return ir.Expr{}, c.fail(n, "a condition is expected here, such as status == 200")
}

var comparisons = map[string]uint8{"==": ir.ExprEQ, "!=": ir.ExprNE, "<": ir.ExprLT, "<=": ir.ExprLE, ">": ir.ExprGT, ">=": ir.ExprGE}

// mirrored are the operators with exchanged sides.
var mirrored = map[uint8]uint8{ir.ExprEQ: ir.ExprEQ, ir.ExprNE: ir.ExprNE, ir.ExprLT: ir.ExprGT, ir.ExprLE: ir.ExprGE, ir.ExprGT: ir.ExprLT, ir.ExprGE: ir.ExprLE}

func (c *compiler) binary(n *ast.BinaryNode) (ir.Expr, error) {
	switch n.Operator {
	case "and", "&&":
		return c.joined(n, ir.ExprAnd)
	case "or", "||":
		return c.joined(n, ir.ExprOr)
	case "in":
		if inner, ok := n.Left.(*ast.UnaryNode); ok && (inner.Operator == "not" || inner.Operator == "!") {
			return c.negated(n, inner)
		}
		return c.in(n)
	}
	op, ok := comparisons[n.Operator]
	if !ok {
		return ir.Expr{}, c.fail(n, "operator %q is not supported", n.Operator)
	}
	if inner, ok := n.Left.(*ast.UnaryNode); ok && (inner.Operator == "not" || inner.Operator == "!") {
		return c.negated(n, inner)
	}
	left, right := n.Left, n.Right
	if isValue(left) && !isValue(right) { // 200 == status
		left, right, op = right, left, mirrored[op]
	}
	if isStatus(left) {
		return c.status(n, op, right)
	}
	f, err := c.field(left)
	if err != nil {
		return ir.Expr{}, err
	}
	return c.compare(f, op, right)
}

// negated compiles `not status == 500`, which the parser reads as (not status) == 500. Nothing comparable can be
// negated, so it means not (status == 500).
func (c *compiler) negated(n *ast.BinaryNode, not *ast.UnaryNode) (ir.Expr, error) {
	inner := *n
	inner.Left = not.Node
	e, err := c.binary(&inner)
	return ir.Expr{Op: ir.ExprNot, Args: []ir.Expr{e}}, err
}

func (c *compiler) joined(n *ast.BinaryNode, op uint8) (ir.Expr, error) {
	left, err := c.expr(n.Left)
	if err != nil {
		return ir.Expr{}, err
	}
	right, err := c.expr(n.Right)
	return join(op, left, right), err
}

// join makes one AND or OR of several: a and (b and c) is one AND of three [ds-28].
func join(op uint8, list ...ir.Expr) ir.Expr {
	e := ir.Expr{Op: op}
	for _, a := range list {
		if a.Op == op {
			e.Args = append(e.Args, a.Args...)
		} else {
			e.Args = append(e.Args, a)
		}
	}
	if len(e.Args) == 1 {
		return e.Args[0]
	}
	return e
}

// isValue reports whether a node is a literal, not a name or a condition.
func isValue(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		return true
	case *ast.UnaryNode:
		return n.Operator == "-"
	case *ast.IdentifierNode:
		return n.Value[0] == '_'
	case *ast.CallNode:
		id, ok := n.Callee.(*ast.IdentifierNode)
		return ok && casts[id.Value]
	}
	return false
}

func (c *compiler) call(n *ast.CallNode) (ir.Expr, error) {
	name, ok := n.Callee.(*ast.IdentifierNode)
	if ok && name.Value == "has_status" && len(n.Arguments) == 1 {
		number, err := c.statusNumber(n.Arguments[0])
		return hasStatus(number), err
	}
	if !ok || name.Value != "has_tool" {
		return ir.Expr{}, c.fail(n.Callee, "the functions are has_tool(\"name\") and has_status(200)")
	}
	if len(n.Arguments) == 0 {
		return ir.Expr{}, c.fail(n, "has_tool takes a text")
	}
	each := make([]ir.Expr, len(n.Arguments))
	for i, a := range n.Arguments {
		arg, ok := a.(*ast.StringNode)
		if !ok {
			return ir.Expr{}, c.fail(a, "has_tool takes a text")
		}
		var err error
		if each[i], err = c.hasTool(arg); err != nil {
			return ir.Expr{}, err
		}
	}
	return join(ir.ExprOr, each...), nil
}

// hasTool compiles one argument of has_tool.
func (c *compiler) hasTool(arg *ast.StringNode) (ir.Expr, error) {
	h, err := object.ParseHash(arg.Value)
	if err == nil {
		return hasTool(h), nil
	}
	if name, ok := strings.CutPrefix(arg.Value, imported.Prefix); ok {
		return hasTool(imported.ToolNamed(name)), nil
	}
	return c.named(arg)
}

// named compiles has_tool("name"): the tool with that name here, or in imported evidence. If there is none here,
// evidence with that name can only be imported.
func (c *compiler) named(arg *ast.StringNode) (ir.Expr, error) {
	if c.tool == nil {
		return ir.Expr{}, c.fail(arg, "tool %q: names of tools are not known here; give the hash", arg.Value)
	}
	h, err := c.tool(arg.Value)
	if errors.Is(err, ErrNoTool) {
		return hasTool(imported.ToolNamed(arg.Value)), nil
	}
	if err != nil {
		return ir.Expr{}, c.fail(arg, "tool %q: %v", arg.Value, err)
	}
	return join(ir.ExprOr, hasTool(h), hasTool(imported.ToolNamed(arg.Value))), nil
}

func hasTool(h object.Hash) ir.Expr {
	lit := ir.HashOperand(h)
	return ir.Expr{Op: ir.ExprHasTool, Lit: &lit}
}
