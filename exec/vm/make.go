package vm

import (
	"math"
	"slices"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// makeNode is MAKE: a node of the pool, or an empty record of a type.
func (m *machine) makeNode(shape arg) (Value, error) {
	if shape.kind != ir.OperandNodeRef {
		return m.bounded(newRecord(shape.val.Hash(), nil))
	}
	made := filler{m: m, nodes: make(map[int]Value)}
	v, err := made.fill(shape.n)
	if err != nil {
		return Value{}, err
	}
	return v, m.charge(ir.OpMake, made.parts, 0)
}

// filler makes nodes of the pool; a node that is used in several places is made
// once.
type filler struct {
	m     *machine
	nodes map[int]Value
	parts int // fields and items made
}

// operand makes a node of the pool, or reads any other operand.
func (f *filler) operand(a arg) (Value, error) {
	if a.kind == ir.OperandNodeRef {
		return f.fill(a.n)
	}
	return f.m.value(a), nil
}

// fill makes the pool's node i with its registers read from the frame.
func (f *filler) fill(i int) (Value, error) {
	if v, ok := f.nodes[i]; ok {
		return v, nil
	}
	t := &f.m.prog.nodes[i]
	vals := make([]Value, len(t.args))
	for j, a := range t.args {
		v, err := f.operand(a)
		if err != nil {
			return Value{}, err
		}
		vals[j] = v
	}
	f.parts += len(vals)
	v, err := f.m.bounded((&nodeValue{typeID: t.typeID, shape: t.shape, ids: t.ids, vals: vals}).finish())
	f.nodes[i] = v
	return v, err
}

// bounded turns a refused value into a halt.
func (m *machine) bounded(v Value, err error) (Value, error) {
	if err != nil {
		return Value{}, m.halt(HaltValue, err)
	}
	return v, nil
}

// get is GET: null for a missing field or item. Other values have no fields.
func (m *machine) get(v Value, index arg) (Value, error) {
	switch {
	case v.kind != ValNode:
		return Value{}, m.halt(HaltOperand, nil)
	case v.node.shape == shapeRecord:
		if index.n > math.MaxUint32 {
			return Value{}, nil
		}
		return v.Field(uint32(index.n)), nil
	case index.n < len(v.node.vals):
		return v.node.vals[index.n], nil
	}
	return Value{}, nil
}

// set is SET: a new record with the field, or a new list with another item at an existing position.
func (m *machine) set(v Value, index arg, to Value) (Value, error) {
	if v.kind != ValNode {
		return Value{}, m.halt(HaltOperand, nil)
	}
	if err := m.charge(ir.OpSet, len(v.node.vals), 0); err != nil {
		return Value{}, err
	}
	switch {
	case v.node.shape == shapeRecord && index.n <= math.MaxUint32:
		return m.bounded(v.node.with(uint32(index.n), to))
	case v.node.shape == shapeList && index.n < len(v.node.vals):
		items := slices.Clone(v.node.vals)
		items[index.n] = to
		return m.bounded(newList(v.node.typeID, items))
	}
	return Value{}, m.halt(HaltOperand, nil)
}

func (m *machine) list(args []arg) (Value, error) {
	items := make([]Value, len(args))
	for i, a := range args {
		items[i] = m.value(a)
	}
	return m.bounded(newList(ir.TypeList, items))
}

// matches is MATCH's test of one value; it is charged by the comparisons it makes.
func (m *machine) matches(v Value, pattern arg) (bool, error) {
	t := matcher{m: m, held: make(map[pair]bool)}
	matched := t.match(v, pattern)
	return matched, m.charge(ir.OpMatch, t.count, t.size)
}

// matcher compares values with patterns.
type matcher struct {
	m     *machine
	held  map[pair]bool // nodes that matched before and need no second comparison
	count int           // comparisons made
	size  int           // bytes and texts of the pattern that were compared
}

type pair struct {
	pattern int
	node    *nodeValue
}

func (t *matcher) match(v Value, pattern arg) bool {
	switch pattern.kind {
	case ir.OperandHash:
		t.count++
		return typeOf(v, pattern.val)
	case ir.OperandNodeRef:
		t.count++
		return t.matchNode(v, pattern.n)
	}
	return t.equal(v, t.m.value(pattern))
}

// matchNode: v is of the pattern's type and kind and has the fields, or items,
// that the pattern names.
func (t *matcher) matchNode(v Value, i int) bool {
	p := &t.m.prog.nodes[i]
	if v.kind != ValNode || v.node.shape != p.shape || v.node.typeID != p.typeID {
		return false
	}
	key := pair{i, v.node}
	if t.held[key] {
		return true
	}
	for j, a := range p.args {
		at := j
		if p.shape == shapeRecord {
			k, ok := v.node.find(p.ids[j])
			if !ok {
				return false
			}
			at = k
		}
		if at >= len(v.node.vals) || !t.match(v.node.vals[at], a) {
			return false
		}
	}
	t.held[key] = true
	return true
}

// equal is Value.Equal, and counts its comparisons; o is part of the pattern.
func (t *matcher) equal(v, o Value) bool {
	t.count++
	if o.kind == ValBytes || o.kind == ValText {
		t.size += len(o.data)
	}
	if v.kind != ValNode || o.kind != ValNode {
		return v.Equal(o)
	}
	return v.node.same(o.node, t.equal)
}

// typeOf reports whether v has the type: a node's own, or a built-in one.
func typeOf(v Value, typeID Value) bool {
	id := typeID.Hash()
	switch id {
	case ir.TypeAny:
		return true
	case ir.TypeList:
		return v.kind == ValNode && v.node.shape == shapeList
	}
	if v.kind == ValNode {
		return v.node.typeID == id
	}
	return id == builtinTypes[v.kind]
}

// builtinTypes are the types of all values but nodes, by kind.
var builtinTypes = [...]object.Hash{
	ValNull: ir.TypeNull, ValBool: ir.TypeBool, ValU64: ir.TypeU64, ValI64: ir.TypeI64,
	ValBytes: ir.TypeBytes, ValText: ir.TypeText, ValHash: ir.TypeHash,
}
