package ir

import (
	"errors"
	"fmt"

	"github.com/mythos-project/mythos/object"
)

// Bounds of an expression.
const (
	MaxExprDepth = 64 // expressions inside one another
	MaxPath      = 16 // segments of a path
)

// Env is the input of an expression's evaluation. An error ends the evaluation: a receipt that cannot be loaded is an
// error, not FALSE.
type Env interface {
	// Lookup returns the values at a Path: none if it is missing, several if the root is existential (one for each
	// signal that has it).
	Lookup(root uint8, segments []uint32) ([]Scalar, error)
	// Const gives a constant of the pool that the expression refers to.
	Const(index uint32) (Scalar, bool)
	// HasTool reports whether a receipt of the episode is by the tool.
	HasTool(tool object.Hash) (bool, error)
	// HasStatus reports whether a receipt of the episode has the status.
	HasStatus(status uint64) (bool, error)
	// Failed reports whether a receipt of the episode has a status of FailedFrom or more.
	Failed() (bool, error)
}

// FailedFrom is the first status of a call that failed.
const FailedFrom = 400

// ErrExpr means that an expression is malformed.
var ErrExpr = errors.New("malformed expression")

// ExprShape says which fields of an [Expr] an op has, and its name in a text.
type ExprShape struct {
	Name        string
	Least, Most int // number of arguments; Most < 0: no limit
	Path, Set   bool
	Lit         uint8 // mask of operand kinds; 0: no literal
}

const anyLit = bitConst | bitU64 | bitI64 | bitHash

// ShapeOf is the shape of an op, if there is such an op.
func ShapeOf(op uint8) (ExprShape, bool) {
	switch op {
	case ExprTrue, ExprFalse, ExprFailed:
		return ExprShape{Name: exprNames[op]}, true
	case ExprEQ, ExprNE, ExprLT, ExprLE, ExprGT, ExprGE:
		return ExprShape{Name: exprNames[op], Path: true, Lit: anyLit}, true
	case ExprAnd, ExprOr:
		return ExprShape{Name: exprNames[op], Least: 1, Most: -1}, true
	case ExprNot:
		return ExprShape{Name: exprNames[op], Least: 1, Most: 1}, true
	case ExprInSet:
		return ExprShape{Name: exprNames[op], Path: true, Set: true}, true
	case ExprHasTool:
		return ExprShape{Name: exprNames[op], Lit: bitHash | bitConst}, true
	case ExprHasStatus:
		return ExprShape{Name: exprNames[op], Lit: bitU64 | bitConst}, true
	}
	return ExprShape{}, false
}

// exprNames are the ops in the assembler's text.
var exprNames = map[uint8]string{
	ExprTrue: "true", ExprFalse: "false", ExprEQ: "eq", ExprNE: "ne", ExprLT: "lt", ExprLE: "le", ExprGT: "gt", ExprGE: "ge",
	ExprAnd: "and", ExprOr: "or", ExprNot: "not", ExprInSet: "in", ExprHasTool: "has_tool", ExprHasStatus: "has_status", ExprFailed: "failed",
}

// ExprNamed finds an op by its name in a text.
func ExprNamed(name string) (uint8, bool) {
	for op, n := range exprNames {
		if n == name {
			return op, true
		}
	}
	return 0, false
}

// CheckExpr checks the shape of an expression: known ops, for each exactly its fields, at most MaxExprDepth deep,
// constants within the pool (nil if there is none, as in a query). Errors wrap ErrExpr and name the place, such as
// "args[1].lit".
func CheckExpr(e *Expr, consts []Const) error {
	if where, reason := checkExpr(e, consts, 1); reason != "" {
		return fmt.Errorf("%w: %s%s", ErrExpr, where, reason)
	}
	return nil
}

func checkExpr(e *Expr, consts []Const, depth int) (where, reason string) {
	if depth > MaxExprDepth {
		return "", fmt.Sprintf("more than %d expressions inside one another", MaxExprDepth)
	}
	s, ok := ShapeOf(e.Op)
	switch n := len(e.Args); {
	case !ok:
		return "", fmt.Sprintf("op %d is not known", e.Op)
	case s.Most == 0 && e.Args != nil:
		return "", s.Name + " takes no arguments"
	case n < s.Least || (s.Most >= 0 && n > s.Most):
		return "", fmt.Sprintf("%s cannot take %d arguments", s.Name, n)
	case (e.Path != nil) != s.Path:
		return "", s.Name + needs(s.Path, "path")
	case (e.Lit != nil) != (s.Lit != 0):
		return "", s.Name + needs(s.Lit != 0, "literal")
	case (e.Set != nil) != s.Set:
		return "", s.Name + needs(s.Set, "set")
	}
	if where, reason := checkLeaves(e, s, consts); reason != "" {
		return where, reason
	}
	for i := range e.Args {
		if where, reason := checkExpr(&e.Args[i], consts, depth+1); reason != "" {
			return fmt.Sprintf("args[%d]: %s", i, where), reason
		}
	}
	return "", ""
}

func needs(yes bool, what string) string {
	if yes {
		return " needs a " + what
	}
	return " takes no " + what
}

func checkLeaves(e *Expr, s ExprShape, consts []Const) (where, reason string) {
	if e.Path != nil {
		if err := e.Path.Check(); err != nil {
			return "path: ", err.Error()
		}
	}
	if e.Lit != nil {
		if reason := checkLit(*e.Lit, s.Lit, consts); reason != "" {
			return "lit: ", reason
		}
		if v, _ := e.Lit.Scalar(consts); e.Op == ExprHasTool && v.kind != KindHash || e.Op == ExprHasStatus && v.kind != KindU64 {
			return "lit: ", s.Name + " takes a hash or a status"
		}
	}
	for i, o := range e.Set {
		if reason := checkLit(o, anyLit, consts); reason != "" {
			return fmt.Sprintf("set[%d]: ", i), reason
		}
	}
	return "", ""
}

func checkLit(o Operand, kinds uint8, consts []Const) string {
	if err := errors.Join(o.Check(), checkHash(o.Hash)); err != nil {
		return err.Error()
	}
	if kinds&(1<<o.Kind) == 0 {
		return "an operand of kind " + operandNames[o.Kind] + " cannot stand here"
	}
	if _, ok := o.Scalar(consts); !ok {
		return fmt.Sprintf("constant %d is not in the pool", *o.ConstRef)
	}
	return ""
}

func checkHash(h *object.Hash) error {
	if h == nil {
		return nil
	}
	return h.Check()
}

// EvalExpr evaluates an expression that [CheckExpr] accepts (spec/ir.md#expressions). A comparison holds if some value
// at its path satisfies it; NE is NOT EQ. Operands of different kinds are never equal, and LT to GE over them are
// FALSE; so are all comparisons with something missing, except NE. AND and OR stop at the first argument that decides.
func EvalExpr(e *Expr, env Env) (bool, error) {
	return evalExpr(e, env, 1)
}

func evalExpr(e *Expr, env Env, depth int) (bool, error) {
	if depth > MaxExprDepth {
		return false, fmt.Errorf("%w: too deep", ErrExpr)
	}
	switch e.Op {
	case ExprTrue, ExprFalse:
		return e.Op == ExprTrue, nil
	case ExprAnd, ExprOr:
		for i := range e.Args {
			v, err := evalExpr(&e.Args[i], env, depth+1)
			if err != nil || v == (e.Op == ExprOr) {
				return v, err
			}
		}
		return e.Op == ExprAnd, nil
	case ExprNot:
		if len(e.Args) != 1 {
			return false, fmt.Errorf("%w: not takes one argument", ErrExpr)
		}
		v, err := evalExpr(&e.Args[0], env, depth+1)
		return !v, err
	case ExprHasTool, ExprHasStatus:
		return evalHas(e, env)
	case ExprFailed:
		return env.Failed()
	case ExprNE:
		v, err := evalAny(e, env, ExprEQ)
		return !v, err
	}
	return evalAny(e, env, e.Op)
}

func evalHas(e *Expr, env Env) (bool, error) {
	if e.Lit == nil {
		return false, fmt.Errorf("%w: a literal is missing", ErrExpr)
	}
	lit, err := literal(e.Lit, env)
	switch {
	case err != nil:
		return false, err
	case e.Op == ExprHasTool && lit.kind == KindHash:
		return env.HasTool(lit.Hash())
	case e.Op == ExprHasStatus && lit.kind == KindU64:
		return env.HasStatus(lit.num)
	}
	return false, fmt.Errorf("%w: has_tool takes a hash, has_status a number", ErrExpr)
}

// evalAny evaluates a comparison: does some value at the path satisfy it?
func evalAny(e *Expr, env Env, op uint8) (bool, error) {
	var one [1]Scalar // most have one value, which then needs no allocation
	lits, err := literals(one[:0], e, env)
	if err != nil {
		return false, err
	}
	if e.Path == nil {
		return false, fmt.Errorf("%w: op %d has no path", ErrExpr, e.Op)
	}
	values, err := env.Lookup(e.Path.Root, e.Path.Segments)
	if err != nil {
		return false, err
	}
	for _, v := range values {
		for _, lit := range lits {
			if order, ok := v.Compare(lit); ok && holds(op, order) {
				return true, nil
			}
		}
	}
	return false, nil
}

// literals appends the values to compare with those at the path.
func literals(lits []Scalar, e *Expr, env Env) ([]Scalar, error) {
	if e.Op != ExprInSet {
		if e.Lit == nil {
			return nil, fmt.Errorf("%w: op %d has no literal", ErrExpr, e.Op)
		}
		lit, err := literal(e.Lit, env)
		return append(lits, lit), err
	}
	for i := range e.Set {
		lit, err := literal(&e.Set[i], env)
		if err != nil {
			return nil, err
		}
		lits = append(lits, lit)
	}
	return lits, nil
}

func literal(o *Operand, env Env) (Scalar, error) {
	if o.Kind == OperandConstRef && o.ConstRef != nil {
		if s, ok := env.Const(*o.ConstRef); ok {
			return s, nil
		}
	}
	s, ok := o.Scalar(nil)
	if !ok {
		return Scalar{}, fmt.Errorf("%w: a literal has no value", ErrExpr)
	}
	return s, nil
}

func holds(op uint8, order int) bool {
	switch op {
	case ExprEQ, ExprInSet:
		return order == 0
	case ExprLT:
		return order < 0
	case ExprLE:
		return order <= 0
	case ExprGT:
		return order > 0
	case ExprGE:
		return order >= 0
	}
	return false
}
