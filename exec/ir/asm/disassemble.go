package asm

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// Disassemble writes a bundle as assembler text. [Assemble] of the text gives the
// same bytes. The bundle must be valid; the error is that of [Validate].
func Disassemble(raw []byte) ([]byte, error) {
	b, _, err := ir.Validate(raw)
	if err != nil {
		return nil, err
	}
	d := &disassembler{b: b}
	if err := d.choose(raw); err != nil {
		return nil, err
	}
	d.all(raw)
	return d.finish(raw)
}

type disassembler struct {
	b   *ir.Bundle
	out strings.Builder

	types, symbols, contracts, tools aliases
	labels                           map[uint64]bool
}

// aliases are the names in the text for the elements of a table.
type aliases struct {
	names []string
	byID  map[object.Hash]string
}

// pick chooses a name for an element: its own if it needs no quotes and is free, otherwise the prefix and its position.
func pick(names map[string]bool, own *string, prefix string, i int) string {
	name := ""
	if own != nil && isName(*own) {
		name = *own
	}
	if name == "" || names[name] {
		for name = prefix + strconv.Itoa(i); names[name]; {
			name += "_"
		}
	}
	names[name] = true
	return name
}

func (a *aliases) add(taken map[string]bool, own *string, prefix string, i int, id object.Hash) {
	name := pick(taken, own, prefix, i)
	a.names = append(a.names, name)
	if a.byID == nil {
		a.byID = make(map[object.Hash]string)
	}
	a.byID[id] = name
}

// choose picks all names and labels.
func (d *disassembler) choose(raw []byte) error {
	taken := make(map[string]bool)
	for _, name := range ir.BuiltinNames() {
		taken[name] = true
	}
	for i, t := range d.b.Types.Types {
		d.types.add(taken, t.Name, "t", i, t.TypeID)
	}
	taken = make(map[string]bool)
	for i, s := range d.b.Symbols.Symbols {
		id, err := ir.SymbolID(s) // the id that the assembler will compute
		if err != nil {
			return err
		}
		d.symbols.add(taken, s.Name, "s", i, id)
	}
	taken = make(map[string]bool)
	for i, c := range d.b.Contracts.Contracts {
		d.contracts.add(taken, c.Name, "k", i, c.ContractID)
	}
	taken = make(map[string]bool)
	for i, t := range d.b.Tools.Tools {
		d.tools.add(taken, t.Name, "tool", i, t.ToolID)
	}
	d.labels = make(map[uint64]bool)
	for _, s := range d.b.Symbols.Symbols {
		if s.Entry != nil {
			d.labels[uint64(*s.Entry)] = true
		}
	}
	for _, op := range d.b.Ops.Ops {
		d.eachRole(op, func(r ir.Role, o ir.Operand) {
			if r == ir.RoleLabel {
				d.labels[*o.U64] = true
			}
		})
	}
	return nil
}

// eachRole calls f for the operands of a valid op.
func (d *disassembler) eachRole(op ir.Op, f func(ir.Role, ir.Operand)) {
	oc, ok := ir.OpcodeOf(op.Opcode)
	if !ok {
		return
	}
	if roles, err := oc.Roles(op); err == nil {
		for i, o := range op.Operands {
			f(roles[i], o)
		}
	}
}

func (d *disassembler) line(format string, args ...any) { fmt.Fprintf(&d.out, format+"\n", args...) }

func (d *disassembler) all(raw []byte) {
	d.meta(raw)
	d.defs()
	for i, c := range d.b.ConstPool.Consts {
		d.line(".const c%d %s", i, d.constant(c))
	}
	for i := range d.b.NodePool.Nodes {
		d.node(i, &d.b.NodePool.Nodes[i])
	}
	for i := range d.b.Tasks.Tasks {
		d.task(&d.b.Tasks.Tasks[i])
	}
	if len(d.b.Ops.Ops) > 0 {
		d.line("")
	}
	for i, op := range d.b.Ops.Ops {
		if d.labels[uint64(i)] {
			d.line("L%d:", i)
		}
		d.op(op)
	}
}

func (d *disassembler) meta(raw []byte) {
	m := &d.b.Meta
	d.line(".spec %s", quote(m.Spec))
	d.line(".version %d", m.Version)
	if m.CreatedAt != nil {
		d.line(".created %q", m.CreatedAt)
	}
	hint := ""
	if m.Author.Hint != "" {
		hint = " " + quote(m.Author.Hint)
	}
	d.line(".author #%s%s", m.Author.KeyHex(), hint)
	if m.Notes != nil {
		d.line(".notes %s", quote(*m.Notes))
	}
	for _, key := range slices.Sorted(maps.Keys(m.Extensions)) {
		d.line(".extension %s x\"%x\"", quote(key), m.Extensions[key])
	}
	if computed, err := ir.SetArtifactID(raw); err != nil || !bytes.Equal(computed, raw) {
		d.line(".artifact #%s", m.ArtifactID)
	}
	for _, s := range m.Signatures {
		key := ""
		if s.KeyID != nil {
			key = " #" + s.KeyID.String()
		}
		d.line(".signature x\"%x\"%s", s.Sig, key)
	}
}

// quote writes a string as Go does, which keeps every valid text.
func quote(s string) string { return strconv.Quote(s) }

func (d *disassembler) constant(c ir.Const) string {
	switch c.Kind {
	case ir.KindI64:
		return fmt.Sprintf("i64 %d", *c.I64)
	case ir.KindU64:
		return fmt.Sprintf("u64 %d", *c.U64)
	case ir.KindBytes:
		return fmt.Sprintf("bytes x\"%x\"", c.Bytes)
	case ir.KindText:
		return "text " + quote(*c.Text)
	}
	if name, ok := d.tools.byID[*c.Hash]; ok {
		return "hash tool:" + name
	}
	return "hash #" + c.Hash.String()
}

func (d *disassembler) node(i int, n *ir.Node) {
	list, _ := ir.Operands(n)
	if n.Kind == ir.NodeList {
		d.line(".node n%d %s [%s]", i, d.typeRef(n.TypeID), d.operandList(list))
		return
	}
	var parts []string
	for j, id := range slices.Sorted(maps.Keys(n.Fields)) {
		parts = append(parts, fmt.Sprintf("%d: %s", id, d.operand(0, list[j])))
	}
	d.line(".node n%d %s {%s}", i, d.typeRef(n.TypeID), strings.Join(parts, ", "))
}

func (d *disassembler) operandList(list []ir.Operand) string {
	parts := make([]string, len(list))
	for i, o := range list {
		parts[i] = d.operand(0, o)
	}
	return strings.Join(parts, ", ")
}

// operand writes an operand in its role; role 0 means no particular role.
func (d *disassembler) operand(role ir.Role, o ir.Operand) string {
	switch o.Kind {
	case ir.OperandReg:
		return fmt.Sprintf("r%d", *o.U64)
	case ir.OperandConstRef:
		return fmt.Sprintf("$c%d", *o.ConstRef)
	case ir.OperandNodeRef:
		return fmt.Sprintf("&n%d", *o.NodeRef)
	case ir.OperandI64:
		return fmt.Sprintf("%+d", *o.I64)
	case ir.OperandHash:
		return d.hash(role, *o.Hash)
	}
	if role == ir.RoleLabel {
		return fmt.Sprintf("@L%d", *o.U64)
	}
	return strconv.FormatUint(*o.U64, 10)
}

func (d *disassembler) hash(role ir.Role, h object.Hash) string {
	kind, table := "", aliases{}
	switch role {
	case ir.RoleShape, ir.RolePattern:
		if name, ok := ir.BuiltinName(h); ok {
			return "type:" + name
		}
		kind, table = "type:", d.types
	case ir.RoleSymbol:
		kind, table = "sym:", d.symbols
	case ir.RoleTool:
		kind, table = "tool:", d.tools
	case ir.RoleContract:
		kind, table = "contract:", d.contracts
	}
	if name, ok := table.byID[h]; ok {
		return kind + name
	}
	return "#" + h.String()
}

func (d *disassembler) op(op ir.Op) {
	var parts []string
	args := -1 // of a call, for its arguments in parentheses
	d.eachRole(op, func(r ir.Role, o ir.Operand) {
		switch r {
		case ir.RoleArgc:
			args = len(parts)
			parts = append(parts, "")
		case ir.RoleArg:
			if parts[args] != "" {
				parts[args] += ", "
			}
			parts[args] += d.operand(r, o)
		default:
			parts = append(parts, d.operand(r, o))
		}
	})
	if args >= 0 {
		parts[args] = "(" + parts[args] + ")"
	}
	d.line("\t%s", strings.TrimSuffix(ir.OpName(op.Opcode)+" "+strings.Join(parts, ", "), " "))
}

// finish appends the fields that the text cannot express, and makes sure that the text gives the same bundle.
func (d *disassembler) finish(raw []byte) ([]byte, error) {
	a, err := parseAsm(d.out.String())
	if err != nil {
		return nil, fmt.Errorf("disassemble: %w", err)
	}
	a.fixed = true // keep the ids: they cover the whole bundle
	a.b.Meta.ArtifactID = d.b.Meta.ArtifactID
	have, err := a.encode()
	if err != nil {
		return nil, fmt.Errorf("disassemble: %w", err)
	}
	extras, err := findExtras(have, raw)
	if err != nil {
		return nil, fmt.Errorf("disassemble: %w", err)
	}
	for _, x := range extras {
		pair, err := x.pair.Key.Append(nil)
		if err != nil {
			return nil, err
		}
		if pair, err = x.pair.Value.Append(pair); err != nil {
			return nil, err
		}
		d.line(".extra %q x\"%x\"", pathString(x.path), pair)
	}
	return []byte(d.out.String()), nil
}
