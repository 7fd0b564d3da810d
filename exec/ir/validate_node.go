package ir

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/object"
)

// Bounds on a node with everything below it expanded, so that even a walk without memory of visited nodes ends soon.
const (
	maxNodeDepth = 30      // nodes inside one another
	maxNodeParts = 1 << 16 // fields and items
)

// nodeGraph is the knowledge about each node of the pool.
type nodeGraph struct {
	state    []uint8 // unseen, open (being walked), done
	depth    []int   // nodes inside one another, 1 for a leaf
	parts    []int   // fields and items, including everything below, saturating
	template []bool  // it, or a node below it, has a register
}

const (
	nodeUnseen uint8 = iota
	nodeOpen
	nodeDone
)

func (v *validator) nodePool() {
	n := len(v.b.NodePool.Nodes)
	v.nodes = nodeGraph{make([]uint8, n), make([]int, n), make([]int, n), make([]bool, n)}
	for i := range v.b.NodePool.Nodes {
		where := at("nodes", i)
		if v.check(where, &v.b.NodePool.Nodes[i]) {
			v.nodeType(where, &v.b.NodePool.Nodes[i])
		}
	}
	for i := range v.b.NodePool.Nodes {
		v.walkNode(i, 1)
	}
}

// Operands returns a node's operands in a fixed order, each with its place.
func Operands(n *Node) (out []Operand, where []string) {
	for _, id := range slices.Sorted(maps.Keys(n.Fields)) {
		out, where = append(out, n.Fields[id]), append(where, fmt.Sprintf("fields[%d]", id))
	}
	for i, o := range n.Items {
		out, where = append(out, o), append(where, fmt.Sprintf("items[%d]", i))
	}
	return out, where
}

// walkNode finds cycles, invalid references and exceeded bounds of the node at i. It goes no deeper than maxNodeDepth
// and visits each node once.
func (v *validator) walkNode(i, depth int) {
	g := &v.nodes
	if g.state[i] != nodeUnseen {
		return
	}
	if depth > maxNodeDepth {
		v.report(at("nodes", i), "more than %d nodes inside one another", maxNodeDepth)
		return
	}
	g.state[i], g.depth[i] = nodeOpen, 1
	list, where := Operands(&v.b.NodePool.Nodes[i])
	for j, o := range list {
		place := at("nodes", i) + "." + where[j]
		g.parts[i]++
		g.template[i] = g.template[i] || o.Kind == OperandReg
		if !v.reference(place, o) || o.Kind != OperandNodeRef {
			continue
		}
		child := int(*o.NodeRef)
		v.walkNode(child, depth+1)
		if g.state[child] == nodeOpen {
			v.report(place, "node %d contains itself", child)
			continue
		}
		g.depth[i] = max(g.depth[i], g.depth[child]+1)
		g.parts[i] = min(g.parts[i]+g.parts[child], maxNodeParts+1)
		g.template[i] = g.template[i] || g.template[child]
	}
	g.state[i] = nodeDone
	if g.parts[i] > maxNodeParts || g.depth[i] > maxNodeDepth {
		v.report(at("nodes", i), "written out it is more than %d deep or has more than %d parts", maxNodeDepth, maxNodeParts)
	}
}

// reference reports an operand with an invalid pool reference. Its field rules hold or are reported elsewhere.
func (v *validator) reference(where string, o Operand) bool {
	if o.Check() != nil {
		return false
	}
	reason := v.dangling(o)
	if reason != "" {
		v.report(where, "%s", reason)
	}
	return reason == ""
}

// dangling returns the fault of a pool reference; empty: none.
func (v *validator) dangling(o Operand) string {
	switch {
	case o.Kind == OperandConstRef && uint64(*o.ConstRef) >= uint64(len(v.b.ConstPool.Consts)):
		return fmt.Sprintf("constant %d, the pool has %d", *o.ConstRef, len(v.b.ConstPool.Consts))
	case o.Kind == OperandNodeRef && uint64(*o.NodeRef) >= uint64(len(v.b.NodePool.Nodes)):
		return fmt.Sprintf("node %d, the pool has %d", *o.NodeRef, len(v.b.NodePool.Nodes))
	}
	return ""
}

// nodeType checks a node against its type.
func (v *validator) nodeType(where string, n *Node) {
	if n.Kind == NodeList {
		v.listType(where, n)
		return
	}
	t := v.types[n.TypeID]
	if t == nil || t.Kind != TypeRecord {
		v.report(where, "a record's type %s is not a record type of the table", n.TypeID.Short())
		return
	}
	fields := v.fieldsOf(t)
	required := 0
	for _, id := range slices.Sorted(maps.Keys(n.Fields)) {
		f := fields.byID[id]
		if f == nil {
			v.report(where, "its type has no field %d", id)
			continue
		}
		if f.Required {
			required++
		}
		v.fits(-1, fmt.Sprintf("%s.fields[%d]", where, id), n.Fields[id], f.FieldTypeID)
	}
	if required < fields.required {
		v.missing(where, n, t)
	}
}

// missing reports the required fields that a record lacks.
func (v *validator) missing(where string, n *Node, t *TypeDef) {
	for _, f := range t.Fields {
		if len(v.findings) >= maxFindings {
			return
		}
		if _, ok := n.Fields[f.FieldID]; f.Required && !ok {
			v.report(where, "the required field %d is missing", f.FieldID)
		}
	}
}

// typeFields caches the fields of a record type, because many nodes may have a type with many fields.
type typeFields struct {
	byID     map[uint32]*FieldDef
	required int
}

func (v *validator) fieldsOf(t *TypeDef) typeFields {
	if fields, known := v.fields[t]; known {
		return fields
	}
	fields := typeFields{byID: make(map[uint32]*FieldDef, len(t.Fields))}
	for i := range t.Fields {
		f := &t.Fields[i]
		if fields.byID[f.FieldID] == nil && f.Required {
			fields.required++
		}
		fields.byID[f.FieldID] = f
	}
	if v.fields == nil {
		v.fields = make(map[*TypeDef]typeFields)
	}
	v.fields[t] = fields
	return fields
}

func (v *validator) listType(where string, n *Node) {
	if n.TypeID == TypeList {
		return
	}
	if _, ok := BuiltinName(n.TypeID); !ok && v.types[n.TypeID] == nil {
		v.report(where, "a list's type %s is neither in the table nor built in", n.TypeID.Short())
		return
	}
	for i, o := range n.Items {
		v.fits(-1, fmt.Sprintf("%s.items[%d]", where, i), o, n.TypeID)
	}
}

// fits reports an operand that cannot have the type. A register can have any type; so can an operand with another
// fault, which is reported elsewhere.
func (v *validator) fits(op int, where string, o Operand, typeID object.Hash) {
	if o.Check() != nil || o.Kind == OperandReg || typeID == TypeAny {
		return
	}
	if o.Kind == OperandNodeRef {
		v.nodeFits(op, where, *o.NodeRef, typeID)
		return
	}
	s, ok := o.Scalar(v.b.ConstPool.Consts)
	if !ok {
		return
	}
	if t := v.types[typeID]; t != nil && t.Kind == TypeEnum {
		if s.kind != KindU64 || s.num >= uint64(len(t.EnumTags)) {
			v.add(op, where, fmt.Sprintf("%s is not a tag of an enum of %d", s, len(t.EnumTags)))
		}
		return
	}
	if scalarType(s.kind) != typeID {
		v.add(op, where, fmt.Sprintf("a %s does not fit the type", kindNames[s.kind]))
	}
}

// nodeFits: a record has its own type; a list's type is that of its items, so a list fits TypeList and nothing else.
func (v *validator) nodeFits(op int, where string, ref uint32, typeID object.Hash) {
	if uint64(ref) >= uint64(len(v.b.NodePool.Nodes)) {
		return
	}
	n := &v.b.NodePool.Nodes[ref]
	is := n.TypeID
	if n.Kind == NodeList {
		is = TypeList
	}
	if is != typeID {
		v.add(op, where, fmt.Sprintf("node %d does not fit the type", ref))
	}
}

var kindNames = [...]string{KindI64: "i64", KindU64: "u64", KindBytes: "bytes", KindText: "text", KindHash: "hash", KindBool: "bool"}

// scalarType is the built-in type of a scalar of the kind.
func scalarType(kind uint8) object.Hash {
	return [...]object.Hash{
		KindI64: TypeI64, KindU64: TypeU64, KindBytes: TypeBytes, KindText: TypeText, KindHash: TypeHash, KindBool: TypeBool,
	}[kind]
}
