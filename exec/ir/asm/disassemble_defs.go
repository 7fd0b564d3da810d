package asm

import (
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// titled is a declared name, followed by the element's own name.
func titled(alias string, own *string) string {
	switch {
	case own == nil:
		return alias + " unnamed"
	case *own == alias:
		return alias
	}
	return alias + " as " + quote(*own)
}

// typeRef writes a type without prefix.
func (d *disassembler) typeRef(id object.Hash) string {
	return strings.TrimPrefix(d.hash(ir.RoleShape, id), "type:")
}

// idUnless writes the id of an element if it differs from the one that the assembler computes.
func idUnless(computed object.Hash, err error, carried object.Hash) string {
	if err == nil && computed == carried {
		return ""
	}
	return " id #" + carried.String()
}

func (d *disassembler) defs() {
	for i, t := range d.b.Types.Types {
		id, err := ir.TypeID(t)
		d.line(".type %s%s %s", titled(d.types.names[i], t.Name), idUnless(id, err, t.TypeID), d.typeBody(t))
	}
	for i, t := range d.b.Tools.Tools {
		d.line(".tool %s (%s) -> %s%s", titled(d.tools.names[i], t.Name), d.typeRef(t.RequestTypeID), d.typeRef(t.ResponseTypeID), d.toolIDs(t))
	}
	for i, c := range d.b.Contracts.Contracts {
		id, err := ir.ContractID(c)
		d.line(".contract %s%s {", titled(d.contracts.names[i], c.Name), idUnless(id, err, c.ContractID))
		d.line("\trequires %s", d.expr(&c.Requires))
		d.line("\tensures %s", d.expr(&c.Ensures))
		if c.Invariant != nil {
			d.line("\tinvariant %s", d.expr(c.Invariant))
		}
		d.line("}")
	}
	for i, s := range d.b.Symbols.Symbols {
		var args []string
		for _, t := range s.ArgTypeIDs {
			args = append(args, d.typeRef(t))
		}
		entry := ""
		if s.Entry != nil {
			entry = fmt.Sprintf(" entry @L%d", *s.Entry)
		}
		d.line(".symbol %s (%s) -> %s%s module #%s", titled(d.symbols.names[i], s.Name), strings.Join(args, ", "), d.typeRef(s.ReturnTypeID), entry, s.ModuleID)
	}
}

func (d *disassembler) typeBody(t ir.TypeDef) string {
	var parts []string
	for _, tag := range t.EnumTags {
		parts = append(parts, quote(tag))
	}
	for _, f := range t.Fields {
		name, optional := "", ""
		if f.Name != nil {
			name = " " + quote(*f.Name)
			if isName(*f.Name) {
				name = " " + *f.Name
			}
		}
		if !f.Required {
			optional = "?"
		}
		parts = append(parts, fmt.Sprintf("%d%s: %s%s", f.FieldID, name, d.typeRef(f.FieldTypeID), optional))
	}
	if t.Kind == ir.TypeEnum {
		return "enum {" + strings.Join(parts, ", ") + "}"
	}
	return "record {" + strings.Join(parts, ", ") + "}"
}

func (d *disassembler) toolIDs(t ir.ToolDef) string {
	if t.Module == nil {
		return " id #" + t.ToolID.String()
	}
	id, err := ir.ToolID(t)
	return " module #" + t.Module.String() + idUnless(id, err, t.ToolID)
}

func (d *disassembler) expr(e *ir.Expr) string {
	s, _ := ir.ShapeOf(e.Op)
	var parts []string
	for i := range e.Args {
		parts = append(parts, d.expr(&e.Args[i]))
	}
	if e.Path != nil {
		parts = append(parts, pathText(*e.Path))
	}
	if e.Lit != nil {
		role := ir.Role(0)
		if e.Op == ir.ExprHasTool {
			role = ir.RoleTool
		}
		parts = append(parts, d.operand(role, *e.Lit))
	}
	if e.Set != nil {
		parts = append(parts, "["+d.operandList(e.Set)+"]")
	}
	if len(parts) == 0 {
		return s.Name
	}
	return s.Name + "(" + strings.Join(parts, ", ") + ")"
}

func pathText(p ir.Path) string {
	text := "episode"
	if p.Root == ir.RootSignal {
		text = "signal"
	}
	for _, s := range p.Segments {
		text += fmt.Sprintf(".%d", s)
	}
	return text
}

func (d *disassembler) task(t *ir.TaskDef) {
	entry := d.hash(ir.RoleSymbol, t.EntrySymbol)
	flags := ""
	if t.EmitTrace {
		flags += " trace"
	}
	if t.EmitAttestation {
		flags += " attest"
	}
	id, err := ir.TaskID(*t)
	d.line(".task %s (%s) budget {%s}%s%s", entry, d.operandList(t.Args), budgetText(t.Budget), flags, idUnless(id, err, t.TaskID))
}

func budgetText(b ir.Budget) string {
	parts := []string{fmt.Sprintf("cpu %d", b.CPUus), fmt.Sprintf("io %d", b.IOCount), fmt.Sprintf("writes %d", b.StateWrites)}
	if b.Tokens != nil {
		parts = append(parts, fmt.Sprintf("tokens %d", *b.Tokens))
	}
	if b.DeadlineUs != nil {
		parts = append(parts, fmt.Sprintf("deadline %d", *b.DeadlineUs))
	}
	if b.MaxDepth != nil {
		parts = append(parts, fmt.Sprintf("depth %d", *b.MaxDepth))
	}
	if b.MaxSpawn != nil {
		parts = append(parts, fmt.Sprintf("spawn %d", *b.MaxSpawn))
	}
	return strings.Join(parts, ", ")
}
