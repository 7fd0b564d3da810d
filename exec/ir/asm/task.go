package asm

import (
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// task reads: ENTRY (OPERAND, ...) budget { cpu N, io N, ... } [trace] [attest] [id #hash].
func (a *assembler) task(t token) error {
	i := len(a.b.Tasks.Tasks)
	a.at[part("tasks", i)] = t
	entry, err := a.ref()
	if err != nil {
		return err
	}
	task := ir.TaskDef{}
	if task.Args, err = a.operandList("(", ")"); err != nil {
		return err
	}
	if err := a.expect("budget"); err != nil {
		return err
	}
	if err := a.list("{", "}", func() error { return a.budgetItem(&task.Budget) }); err != nil {
		return err
	}
	task.EmitTrace = a.accept("trace")
	task.EmitAttestation = a.accept("attest")
	explicit, err := a.explicitID()
	if err != nil {
		return err
	}
	a.b.Tasks.Tasks = append(a.b.Tasks.Tasks, task)
	a.fix(phaseTasks, func() error { return a.finishTask(i, entry, explicit) })
	return nil
}

func (a *assembler) finishTask(i int, entry ref, explicit *object.Hash) (err error) {
	task := &a.b.Tasks.Tasks[i]
	if task.EntrySymbol, err = a.hashOf(entry); err != nil {
		return err
	}
	if explicit != nil {
		task.TaskID = *explicit
		return nil
	}
	task.TaskID, err = ir.TaskID(*task)
	return err
}

func (a *assembler) budgetItem(b *ir.Budget) error {
	t, err := a.want(tokWord)
	if err != nil {
		return err
	}
	bits := 64
	switch t.text {
	case "io", "writes":
		bits = 32
	case "depth", "spawn":
		bits = 16
	}
	n, err := a.number(bits)
	if err != nil {
		return err
	}
	n16 := uint16(n)
	switch t.text {
	case "cpu":
		b.CPUus = n
	case "tokens":
		b.Tokens = &n
	case "io":
		b.IOCount = uint32(n)
	case "writes":
		b.StateWrites = uint32(n)
	case "deadline":
		b.DeadlineUs = &n
	case "depth":
		b.MaxDepth = &n16
	case "spawn":
		b.MaxSpawn = &n16
	default:
		return t.fail("a budget has cpu, tokens, io, writes, deadline, depth and spawn, not %q", t.text)
	}
	return nil
}

// contract reads: NAME { requires EXPR ensures EXPR [invariant EXPR] } [id #hash].
func (a *assembler) contract() error {
	t, err := a.want(tokWord)
	if err != nil {
		return err
	}
	i := len(a.b.Contracts.Contracts)
	a.at[part("contracts", i)] = t
	c := ir.ContractDef{}
	if c.Name, err = a.title(t); err != nil {
		return err
	}
	explicit, err := a.explicitID()
	if err != nil {
		return err
	}
	a.inContract = true
	err = a.contractBody(&c)
	a.inContract = false
	if err != nil {
		return err
	}
	a.b.Contracts.Contracts = append(a.b.Contracts.Contracts, c)
	return a.declare("contract", t, func() (id object.Hash, err error) {
		c := &a.b.Contracts.Contracts[i]
		if explicit != nil {
			c.ContractID = *explicit
			return *explicit, nil
		}
		c.ContractID, err = ir.ContractID(*c)
		return c.ContractID, err
	})
}

func (a *assembler) contractBody(c *ir.ContractDef) (err error) {
	for _, part := range []struct {
		word string
		e    *ir.Expr
	}{{"{", nil}, {"requires", &c.Requires}, {"ensures", &c.Ensures}} {
		if err := a.expect(part.word); err != nil {
			return err
		}
		if part.e != nil {
			if *part.e, err = a.expr(1); err != nil {
				return err
			}
		}
	}
	if a.accept("invariant") {
		e, err := a.expr(1)
		if err != nil {
			return err
		}
		c.Invariant = &e
	}
	return a.expect("}")
}

// expr reads true, false, or an op with its arguments in parentheses:
// and(E, ...), eq(episode.1.2, 5), in(signal.3, [1, 2]), has_tool(tool:x).
func (a *assembler) expr(depth int) (ir.Expr, error) {
	t, err := a.want(tokWord)
	if err != nil {
		return ir.Expr{}, err
	}
	op, ok := ir.ExprNamed(t.text)
	if !ok || depth > ir.MaxExprDepth {
		return ir.Expr{}, t.fail("there is no expression %q, or it is more than %d deep", t.text, ir.MaxExprDepth)
	}
	e := ir.Expr{Op: op}
	s, _ := ir.ShapeOf(op)
	switch {
	case s.Most != 0:
		e.Args = []ir.Expr{}
		err = a.list("(", ")", func() error {
			arg, err := a.expr(depth + 1)
			e.Args = append(e.Args, arg)
			return err
		})
	case s.Path || s.Lit != 0:
		err = a.comparison(&e, s)
	}
	return e, err
}

func (a *assembler) comparison(e *ir.Expr, s ir.ExprShape) (err error) {
	if err := a.expect("("); err != nil {
		return err
	}
	if s.Path {
		if e.Path, err = a.path(); err != nil {
			return err
		}
		if err := a.expect(","); err != nil {
			return err
		}
	}
	if s.Set {
		e.Set, err = a.operandList("[", "]")
	} else {
		var lit ir.Operand
		lit, err = a.operand()
		e.Lit = &lit
	}
	if err != nil {
		return err
	}
	return a.expect(")")
}

// path reads episode.1.2 or signal.3.
func (a *assembler) path() (*ir.Path, error) {
	t, err := a.want(tokWord)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(t.text, ".")
	p := &ir.Path{Segments: []uint32{}}
	switch parts[0] {
	case "episode":
		p.Root = ir.RootEpisode
	case "signal":
		p.Root = ir.RootSignal
	default:
		return nil, t.fail("a path starts with episode or signal, not %q", parts[0])
	}
	for _, s := range parts[1:] {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return nil, t.fail("%q in a path is not a field number", s)
		}
		p.Segments = append(p.Segments, uint32(n))
	}
	return p, nil
}
