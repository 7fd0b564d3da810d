package vm

import (
	"math"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// judge evaluates a contract over its arguments: 0 if it holds, otherwise the code of the part that does not. An error
// means that it cannot be evaluated.
func (m *machine) judge(c *ir.ContractDef, args Value) (HaltCode, error) {
	env := contractEnv{m, args}
	parts := []struct {
		expr *ir.Expr
		code HaltCode
	}{{&c.Requires, HaltRequires}, {&c.Ensures, HaltEnsures}, {c.Invariant, HaltInvariant}}
	for _, p := range parts {
		if p.expr == nil {
			continue
		}
		holds, err := ir.EvalExpr(p.expr, env)
		if err != nil || !holds {
			return p.code, err
		}
	}
	return 0, nil
}

// contractEnv is the environment of a contract's expressions: paths from RootEpisode lead into the arguments, through
// fields of records and positions of lists; tools and statuses are those of the run's effects so far.
type contractEnv struct {
	m    *machine
	args Value
}

func (e contractEnv) Lookup(root uint8, segments []uint32) ([]ir.Scalar, error) {
	if root != ir.RootEpisode {
		return nil, nil
	}
	v := e.args
	for _, s := range segments {
		if items := v.Items(); items != nil {
			if uint64(s) >= uint64(len(items)) {
				return nil, nil
			}
			v = items[s]
			continue
		}
		v = v.Field(s)
	}
	if s := scalarOf(v); s != (ir.Scalar{}) {
		return []ir.Scalar{s}, nil
	}
	return nil, nil
}

func (e contractEnv) Const(index uint32) (ir.Scalar, bool) {
	if uint64(index) >= uint64(len(e.m.prog.consts)) {
		return ir.Scalar{}, false
	}
	s, known := e.m.scalars[index]
	if !known {
		if e.m.scalars == nil {
			e.m.scalars = make(map[uint32]ir.Scalar)
		}
		s = e.m.prog.consts[index].Scalar()
		e.m.scalars[index] = s
	}
	return s, true
}

func (e contractEnv) HasTool(tool object.Hash) (bool, error) {
	for _, r := range e.m.log {
		if r.Tool == tool {
			return true, nil
		}
	}
	return false, nil
}

func (e contractEnv) HasStatus(status uint64) (bool, error) {
	for _, r := range e.m.log {
		if status <= math.MaxUint16 && r.Status == uint16(status) {
			return true, nil
		}
	}
	return false, nil
}

func (e contractEnv) Failed() (bool, error) {
	for _, r := range e.m.log {
		if r.Status >= ir.FailedFrom {
			return true, nil
		}
	}
	return false, nil
}

// scalarOf is a value in the form that expressions compare; none for null and nodes. The other side of a comparison has
// at most ir.MaxInline bytes, so one byte more decides every comparison.
func scalarOf(v Value) ir.Scalar {
	data := v.data[:min(len(v.data), ir.MaxInline+1)]
	switch v.kind {
	case ValBool:
		return ir.BoolScalar(v.num == 1)
	case ValU64:
		return ir.U64Scalar(v.num)
	case ValI64:
		return ir.I64Scalar(int64(v.num))
	case ValBytes:
		return ir.BytesScalar(data)
	case ValText:
		return ir.TextScalar(string(data))
	case ValHash:
		return ir.HashScalar(v.Hash())
	}
	return ir.Scalar{}
}
