package query

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// opNames are the names of ops in the AST form, besides their numbers.
var opNames = map[string]uint8{"TRUE": ir.ExprTrue, "FALSE": ir.ExprFalse, "EQ": ir.ExprEQ, "NE": ir.ExprNE, "LT": ir.ExprLT, "LE": ir.ExprLE,
	"GT": ir.ExprGT, "GE": ir.ExprGE, "AND": ir.ExprAnd, "OR": ir.ExprOr, "NOT": ir.ExprNot, "IN_SET": ir.ExprInSet,
	"HAS_TOOL": ir.ExprHasTool, "HAS_STATUS": ir.ExprHasStatus, "FAILED": ir.ExprFailed}

// ParseTree reads a predicate in the JSON view of an Expr, in YAML or JSON.
func ParseTree(n *yaml.Node) (ir.Expr, error) {
	if err := nameOps(n, 0); err != nil {
		return ir.Expr{}, err
	}
	var tree any
	if err := n.Decode(&tree); err != nil {
		return ir.Expr{}, err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return ir.Expr{}, err
	}
	raw, err := object.FromJSON(can.TypeOf(reflect.TypeFor[ir.Expr]()), text)
	if err != nil {
		return ir.Expr{}, err
	}
	e, err := object.Decode[ir.Expr](raw)
	if err != nil {
		return ir.Expr{}, err
	}
	return *e, ir.CheckExpr(e, nil)
}

// nameOps replaces the names of ops by their numbers.
func nameOps(n *yaml.Node, depth int) error {
	if depth > 4*ir.MaxExprDepth {
		return fmt.Errorf("more than %d expressions inside one another", ir.MaxExprDepth)
	}
	for i, child := range n.Content {
		isOp := n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "op"
		if op, ok := opNames[strings.ToUpper(child.Value)]; ok && isOp {
			child.Value, child.Tag, child.Style = strconv.Itoa(int(op)), "!!int", 0
		}
		if err := nameOps(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// ParsePath reads a field like Parse, such as episode.context_hash. Errors are *Error.
func ParsePath(text string) (ir.Path, error) {
	if len(text) > MaxText {
		return ir.Path{}, &Error{1, 1, "longer than 64 KiB"}
	}
	c := &compiler{original: []rune(text)}
	tree, err := c.parse(text)
	if err != nil {
		return ir.Path{}, err
	}
	f, err := c.field(tree)
	return f.path, err
}
