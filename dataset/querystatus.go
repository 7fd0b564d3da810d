package dataset

import (
	"github.com/expr-lang/expr/ast"

	"github.com/mythos-project/mythos/exec/ir"
)

// maxStatus is the largest number of statuses that a range may stand for.
const maxStatus = 1000

func isStatus(n ast.Node) bool {
	id, ok := n.(*ast.IdentifierNode)
	return ok && id.Value == "status"
}

func hasStatus(status uint64) ir.Expr {
	lit := ir.U64Operand(status)
	return ir.Expr{Op: ir.ExprHasStatus, Lit: &lit}
}

func (c *compiler) status(n ast.Node, op uint8, value ast.Node) (ir.Expr, error) {
	if op != ir.ExprEQ && op != ir.ExprNE {
		return ir.Expr{}, c.fail(n, "status is compared with ==, != or in, as in status in [200, 300)")
	}
	number, err := c.statusNumber(value)
	if err != nil {
		return ir.Expr{}, err
	}
	if op == ir.ExprNE {
		return ir.Expr{Op: ir.ExprNot, Args: []ir.Expr{hasStatus(number)}}, nil
	}
	return hasStatus(number), nil
}

func (c *compiler) statusNumber(n ast.Node) (uint64, error) {
	o, err := c.literal(n, numU64)
	if err != nil {
		return 0, err
	}
	if o.Kind != ir.OperandU64 {
		return 0, c.fail(n, "a status is an unsigned number")
	}
	return *o.U64, nil
}

// statusIn is an OR of statuses; a range stands for each that is in it.
func (c *compiler) statusIn(list *ast.ArrayNode) (ir.Expr, error) {
	var numbers []uint64
	for _, item := range list.Nodes {
		number, err := c.statusNumber(item)
		if err != nil {
			return ir.Expr{}, err
		}
		numbers = append(numbers, number)
	}
	if c.ranges[list.Location().From] {
		if len(numbers) != 2 {
			return ir.Expr{}, c.fail(list, "a range has two ends: [from, to)")
		}
		from, to := numbers[0], numbers[1]
		if from < to && to-from > maxStatus {
			return ir.Expr{}, c.fail(list, "a range of more than %d statuses", maxStatus)
		}
		numbers = nil
		for s := from; s < to; s++ {
			numbers = append(numbers, s)
		}
	}
	if len(numbers) == 0 {
		return ir.Expr{Op: ir.ExprFalse}, nil
	}
	each := make([]ir.Expr, len(numbers))
	for i, number := range numbers {
		each[i] = hasStatus(number)
	}
	return join(ir.ExprOr, each...), nil
}
