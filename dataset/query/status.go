package query

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/mythos-project/mythos/exec/ir"
)

// maxStatus is the largest number of statuses in a range.
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
	e := meant(hasStatus(number))
	if op == ir.ExprNE {
		return ir.Expr{Op: ir.ExprNot, Args: []ir.Expr{e}}, nil
	}
	return e, nil
}

// exprMeant is an op that only the compiler uses, around the compiled form of status == 200: a HAS_STATUS, or an OR of
// them. settle removes it.
const exprMeant uint8 = 255

func meant(e ir.Expr) ir.Expr { return ir.Expr{Op: exprMeant, Args: []ir.Expr{e}} }

// settle gives status == 200 its meaning: some receipt has the status, and none failed, unless the query asks for
// failures somewhere. A query for 200 does not mean an episode in which another call failed [ds-39].
func settle(e ir.Expr) ir.Expr { return settled(e, asksForFailures(&e, true)) }

func settled(e ir.Expr, failures bool) ir.Expr {
	args := make([]ir.Expr, len(e.Args))
	for i, a := range e.Args {
		args[i] = settled(a, failures)
	}
	switch e.Op {
	case ir.ExprAnd, ir.ExprOr:
		if failures {
			return join(e.Op, args...)
		}
		return ir.Expr{Op: e.Op, Args: args} // without joining: one comparison stays one
	case ir.ExprNot:
		return ir.Expr{Op: e.Op, Args: args}
	case exprMeant:
		if failures || args[0].Op == ir.ExprFalse || asksForFailures(&args[0], true) {
			return args[0]
		}
		return ir.Expr{Op: ir.ExprAnd, Args: []ir.Expr{args[0], {Op: ir.ExprNot, Args: []ir.Expr{{Op: ir.ExprFailed}}}}}
	}
	return e
}

// meantStatuses are the statuses in the compiled form of status == 200 or status in [...]; nil for any other predicate.
func meantStatuses(e *ir.Expr) (list []uint64) {
	if e.Op != ir.ExprAnd || len(e.Args) != 2 || e.Args[1].Op != ir.ExprNot || e.Args[1].Args[0].Op != ir.ExprFailed {
		return nil
	}
	each := e.Args[:1]
	if e.Args[0].Op == ir.ExprOr && len(e.Args[0].Args) > 1 {
		each = e.Args[0].Args
	}
	for _, a := range each {
		if a.Op != ir.ExprHasStatus || a.Lit.U64 == nil || *a.Lit.U64 >= ir.FailedFrom {
			return nil
		}
		list = append(list, *a.Lit.U64)
	}
	return list
}

// Clauses splits a predicate if it is an AND; status == 200 is one clause.
func Clauses(e *ir.Expr) []ir.Expr {
	if e.Op == ir.ExprAnd && meantStatuses(e) == nil {
		return e.Args
	}
	return []ir.Expr{*e}
}

// asksForFailures reports whether a predicate names failures, or a failure status, other than to exclude them. positive
// is false inside an odd number of NOTs.
func asksForFailures(e *ir.Expr, positive bool) bool {
	switch e.Op {
	case ir.ExprFailed:
		return positive
	case ir.ExprHasStatus:
		return positive && *e.Lit.U64 >= ir.FailedFrom
	case ir.ExprNot:
		positive = !positive
	}
	return slices.ContainsFunc(e.Args, func(a ir.Expr) bool { return asksForFailures(&a, positive) })
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

// statusIn is an OR of statuses; a range stands for each status in it [ds-37].
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
	return meant(join(ir.ExprOr, each...)), nil
}
