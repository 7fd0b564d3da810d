package dataset

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// QueryError is a query that cannot be compiled, with the place in its text.
type QueryError struct {
	Line, Column int // from 1, in characters
	Reason       string
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("query, line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// MaxQuery is the longest query text in bytes.
const MaxQuery = 64 << 10

// ParseQuery compiles a query text to a predicate (spec/datasets.md#queries). The
// syntax is that of expr-lang: comparisons, in, and, or, not, parentheses. The names:
//
//	true, false
//	status                     of a receipt: status == 200, status in [200, 204]
//	has_tool("name or hash")   a receipt is of this tool; "imported:name" is the tool of that
//	                           name in imported evidence
//	imported                   the episode was imported: nobody who saw it signed it
//	episode.FIELD.FIELD        a field of EpisodeRef
//	signal.reward, .label, .constraint   the value of a signal of that type
//	signal.value               the value of a signal of any type
//	signal.signer              the key id of a signal's signer
//	signal.FIELD.FIELD         a field of Signal
//	episode[2][1], signal[3]   fields by number
//
// Values are integers, texts, hashes (64 hex digits in quotes) and times (2026-01-31,
// or RFC 3339, with or without quotes). FIELD in [a, b, c] is a set and FIELD in
// [from, to) a half-open range, which signals, of which there may be several, do not
// have. A number is compared with a signal's value whether that is signed or not. A
// text or a field of bytes (in hex) is compared by hash, and so only for equality;
// PATH.digest is that hash. u64(5), i64(-5) and hash("...") say the kind of a value.
//
// tool finds tools by name; it may be nil. Errors are *QueryError.
func ParseQuery(text string, tool func(name string) (object.Hash, error)) (ir.Expr, error) {
	if len(text) > MaxQuery {
		return ir.Expr{}, &QueryError{1, 1, "longer than 64 KiB"}
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
	if err := ir.CheckExpr(&e, nil); err != nil {
		return ir.Expr{}, &QueryError{1, 1, err.Error()}
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
		return nil, &QueryError{max(fe.Line, 1), fe.Column + 1, fe.Message}
	}
	return nil, &QueryError{1, 1, err.Error()}
}

// fail reports a reason at a node's place.
func (c *compiler) fail(n ast.Node, format string, args ...any) error {
	return queryError(c.original, n.Location().From, fmt.Sprintf(format, args...))
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
		if n.Value == "imported" {
			return hasTool(ToolImport), nil
		}
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		return ir.Expr{}, c.fail(n, "%s() cannot stand in a query; the only function is has_tool(\"name\")", n.Name)
	}
	return ir.Expr{}, c.fail(n, "a condition is expected here, such as status == 200")
}

var comparisons = map[string]uint8{"==": ir.ExprEQ, "!=": ir.ExprNE, "<": ir.ExprLT, "<=": ir.ExprLE, ">": ir.ExprGT, ">=": ir.ExprGE}

// mirrored are the operators with their sides exchanged.
var mirrored = map[uint8]uint8{ir.ExprEQ: ir.ExprEQ, ir.ExprNE: ir.ExprNE, ir.ExprLT: ir.ExprGT, ir.ExprLE: ir.ExprGE, ir.ExprGT: ir.ExprLT, ir.ExprGE: ir.ExprLE}

func (c *compiler) binary(n *ast.BinaryNode) (ir.Expr, error) {
	switch n.Operator {
	case "and", "&&":
		return c.joined(n, ir.ExprAnd)
	case "or", "||":
		return c.joined(n, ir.ExprOr)
	case "in":
		return c.in(n)
	}
	op, ok := comparisons[n.Operator]
	if !ok {
		return ir.Expr{}, c.fail(n, "operator %q is not supported", n.Operator)
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

func (c *compiler) joined(n *ast.BinaryNode, op uint8) (ir.Expr, error) {
	left, err := c.expr(n.Left)
	if err != nil {
		return ir.Expr{}, err
	}
	right, err := c.expr(n.Right)
	return join(op, left, right), err
}

// join makes one AND or OR of several: a and (b and c) is one AND of three.
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
	if !ok || name.Value != "has_tool" {
		return ir.Expr{}, c.fail(n.Callee, "the only function is has_tool(\"name\")")
	}
	if len(n.Arguments) != 1 {
		return ir.Expr{}, c.fail(n, "has_tool takes one text")
	}
	arg, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		return ir.Expr{}, c.fail(n.Arguments[0], "has_tool takes one text")
	}
	h, err := object.ParseHash(arg.Value)
	if err == nil {
		return hasTool(h), nil
	}
	if name, ok := strings.CutPrefix(arg.Value, importedPrefix); ok {
		return hasTool(ImportedTool(name)), nil
	}
	if c.tool == nil {
		return ir.Expr{}, c.fail(arg, "tool %q: names of tools are not known here; give the hash", arg.Value)
	}
	if h, err = c.tool(arg.Value); err != nil {
		return ir.Expr{}, c.fail(arg, "tool %q: %v", arg.Value, err)
	}
	return hasTool(h), nil
}

func hasTool(h object.Hash) ir.Expr {
	lit := ir.HashOperand(h)
	return ir.Expr{Op: ir.ExprHasTool, Lit: &lit}
}
