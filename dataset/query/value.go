package query

import (
	"encoding/hex"
	"strconv"

	"github.com/expr-lang/expr/ast"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// choice is one way to read a literal: an operand, over the field or over its digest.
type choice struct {
	operand  ir.Operand
	digest   bool
	negative bool // a number less than every unsigned one
}

// compare compiles FIELD op VALUE. A value with several readings becomes an OR of them, or an AND of NEs, each exact
// for values of its kind [ds-30].
func (c *compiler) compare(f field, op uint8, value ast.Node) (ir.Expr, error) {
	choices, err := c.choices(value, f.kind)
	if err != nil {
		return ir.Expr{}, err
	}
	equality := op == ir.ExprEQ || op == ir.ExprNE
	var list []ir.Expr
	for _, ch := range choices {
		at, operand := f, ch.operand
		switch {
		case ch.digest && !equality:
			return ir.Expr{}, c.fail(value, "texts and bytes are compared by hash, and so only with ==, != and in")
		case ch.digest:
			at = f.digest()
		case ch.negative && (op == ir.ExprGT || op == ir.ExprGE):
			zero := ir.U64Operand(0) // every unsigned number is greater
			list = append(list, ir.Expr{Op: ir.ExprGE, Path: &f.path, Lit: &zero})
		}
		list = append(list, ir.Expr{Op: op, Path: &at.path, Lit: &operand})
	}
	if op == ir.ExprNE {
		return join(ir.ExprAnd, list...), nil
	}
	return join(ir.ExprOr, list...), nil
}

// in compiles FIELD in [a, b] and FIELD in [from, to) [ds-34].
func (c *compiler) in(n *ast.BinaryNode) (ir.Expr, error) {
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok {
		return ir.Expr{}, c.fail(n.Right, "a list in square brackets is expected after in")
	}
	if isStatus(n.Left) {
		return c.statusIn(list)
	}
	f, err := c.field(n.Left)
	if err != nil {
		return ir.Expr{}, err
	}
	if c.ranges[list.Location().From] {
		return c.between(f, list)
	}
	plain, digests := []ir.Operand{}, []ir.Operand(nil)
	for _, item := range list.Nodes {
		choices, err := c.choices(item, f.kind)
		if err != nil {
			return ir.Expr{}, err
		}
		for _, ch := range choices {
			if ch.digest {
				digests = append(digests, ch.operand)
			} else {
				plain = append(plain, ch.operand)
			}
		}
	}
	if digests == nil {
		return ir.Expr{Op: ir.ExprInSet, Path: &f.path, Set: plain}, nil
	}
	hashed := f.digest()
	either := []ir.Expr{{Op: ir.ExprInSet, Path: &hashed.path, Set: digests}}
	if len(plain) > 0 {
		either = append([]ir.Expr{{Op: ir.ExprInSet, Path: &f.path, Set: plain}}, either...)
	}
	return join(ir.ExprOr, either...), nil
}

// between compiles a half-open range. There may be several signals, and two comparisons would each pick their own
// [ds-35].
func (c *compiler) between(f field, list *ast.ArrayNode) (ir.Expr, error) {
	if f.path.Root == ir.RootSignal {
		return ir.Expr{}, c.fail(list, "signals have no ranges: an episode may have several, and each comparison picks its own")
	}
	if len(list.Nodes) != 2 {
		return ir.Expr{}, c.fail(list, "a range has two ends: [from, to)")
	}
	from, err := c.compare(f, ir.ExprGE, list.Nodes[0])
	if err != nil {
		return ir.Expr{}, err
	}
	to, err := c.compare(f, ir.ExprLT, list.Nodes[1])
	return join(ir.ExprAnd, from, to), err
}

// choices are the ways to read a literal for a kind of field.
func (c *compiler) choices(n ast.Node, k kind) ([]choice, error) {
	if text, ok := n.(*ast.StringNode); ok && (k == numText || k == numBytes || k == numAny) {
		return c.textChoice(text, k)
	}
	number, plain := n.(*ast.IntegerNode)
	if plain && k == numAny {
		i := int64(number.Value)
		return []choice{{operand: ir.U64Operand(uint64(i))}, {operand: ir.I64Operand(i)}}, nil
	}
	o, err := c.literal(n, k)
	if err != nil {
		return nil, err
	}
	_, minus := n.(*ast.UnaryNode)
	return []choice{{operand: *o, negative: minus && k == numAny && o.Kind == ir.OperandI64 && *o.I64 < 0}}, nil
}

func (c *compiler) textChoice(n *ast.StringNode, k kind) ([]choice, error) {
	if h, err := object.ParseHash(n.Value); err == nil && k == numAny {
		return []choice{{operand: ir.HashOperand(h)}}, nil
	}
	v := ir.TextScalar(n.Value)
	if k == numBytes {
		raw, err := hex.DecodeString(n.Value)
		if err != nil {
			return nil, c.fail(n, "bytes are written in hex")
		}
		v = ir.BytesScalar(raw)
	}
	raw, err := v.Encode()
	if err != nil {
		return nil, c.fail(n, "%v", err)
	}
	return []choice{{operand: ir.HashOperand(object.Sum(raw)), digest: true}}, nil
}

// casts are the functions that set the kind of a value.
var casts = map[string]bool{"u64": true, "i64": true, "hash": true}

// literal compiles a value with a single reading.
func (c *compiler) literal(n ast.Node, k kind) (*ir.Operand, error) {
	switch v := n.(type) {
	case *ast.CallNode:
		return c.cast(v)
	case *ast.IntegerNode:
		return c.number(n, int64(v.Value), k)
	case *ast.UnaryNode:
		if i, ok := v.Node.(*ast.IntegerNode); ok && v.Operator == "-" {
			return c.number(n, -int64(i.Value), k)
		}
	case *ast.IdentifierNode:
		if text, ok := c.times[v.Location().From]; ok {
			return c.time(n, text, k)
		}
		return nil, c.fail(n, "a value is expected here, not %s; texts stand in quotes", v.Value)
	case *ast.StringNode:
		if k == numHash {
			h, err := object.ParseHash(v.Value)
			if err != nil {
				return nil, c.fail(n, "%v", err)
			}
			o := ir.HashOperand(h)
			return &o, nil
		}
		return c.time(n, v.Value, k)
	case *ast.FloatNode:
		return nil, c.fail(n, "there are no fractions: give an integer in smaller units")
	}
	return nil, c.fail(n, "a value is expected here")
}

func (c *compiler) time(n ast.Node, text string, k kind) (*ir.Operand, error) {
	if k != numTime && k != numAny {
		return nil, c.fail(n, "%s is expected here", kindNames[k])
	}
	at, err := object.ParseTime(text)
	if err != nil {
		return nil, c.fail(n, "%v", err)
	}
	o := ir.I64Operand(int64(at))
	return &o, nil
}

var kindNames = map[kind]string{numU64: "a number", numI64: "a number", numTime: "a time", numHash: "a hash of 64 hex digits in quotes",
	numText: "a text in quotes", numBytes: "bytes in hex, in quotes", numAny: "a value"}

func (c *compiler) number(n ast.Node, v int64, k kind) (*ir.Operand, error) {
	o := ir.I64Operand(v)
	switch {
	case k == numHash || k == numText || k == numBytes:
		return nil, c.fail(n, "%s is expected here", kindNames[k])
	case k == numU64 && v < 0:
		return nil, c.fail(n, "the field is never negative")
	case k == numU64:
		o = ir.U64Operand(uint64(v))
	}
	return &o, nil
}

// cast compiles u64(N), i64(N) and hash("..."); N may be in quotes.
func (c *compiler) cast(n *ast.CallNode) (*ir.Operand, error) {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || !casts[id.Value] || len(n.Arguments) != 1 {
		return nil, c.fail(n, "a value is expected here; the functions are u64, i64 and hash, of one value")
	}
	text, arg := "", n.Arguments[0]
	switch v := arg.(type) {
	case *ast.StringNode:
		text = v.Value
	case *ast.IntegerNode:
		text = strconv.Itoa(v.Value)
	case *ast.UnaryNode:
		if i, ok := v.Node.(*ast.IntegerNode); ok && v.Operator == "-" {
			text = strconv.Itoa(-i.Value)
		}
	}
	o, err := castText(id.Value, text)
	if err != nil {
		return nil, c.fail(arg, "%s: %v", id.Value, err)
	}
	return &o, nil
}

func castText(name, text string) (ir.Operand, error) {
	switch name {
	case "u64":
		u, err := strconv.ParseUint(text, 10, 64)
		return ir.U64Operand(u), err
	case "i64":
		i, err := strconv.ParseInt(text, 10, 64)
		return ir.I64Operand(i), err
	}
	h, err := object.ParseHash(text)
	return ir.HashOperand(h), err
}
