package vm

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Shapes of a node value, as Node.kind has them.
const (
	shapeRecord uint8 = 1
	shapeList   uint8 = 2
)

// Bounds on every value, so that shared nodes cannot grow without limit when they are expanded.
const (
	MaxValueSize  = 32 << 20           // bytes of encoding
	MaxValueDepth = can.MaxDepth       // containers inside one another
	nodeDepth     = 2                  // containers that a node adds: itself, and its fields or items
	nodeOverhead  = 2 + 2 + hashSize + // map of three: 1, type_id
		2 + 2 + 2 // 2, kind; 3 or 4
)

// valueLimitError says which bound a value would exceed.
type valueLimitError string

func (e valueLimitError) Error() string { return string(e) }

const (
	errTooLarge valueLimitError = "value exceeds 32 MiB"
	errTooDeep  valueLimitError = "value is nested too deeply"
)

// nodeValue is an immutable record or list. A record's fields are in the order
// of their encoded keys.
type nodeValue struct {
	typeID object.Hash
	shape  uint8
	ids    []uint32 // of a record: the number of each of vals
	vals   []Value
	size   int64 // of the encoding
	depth  int
}

// field is one field of a new record.
type field struct {
	id  uint32
	val Value
}

// newRecord makes a record; fields must be distinct and may be in any order.
func newRecord(typeID object.Hash, fields []field) (Value, error) {
	fields = slices.Clone(fields)
	slices.SortFunc(fields, func(a, b field) int { return compareKeys(a.id, b.id) })
	n := &nodeValue{typeID: typeID, shape: shapeRecord, ids: make([]uint32, len(fields)), vals: make([]Value, len(fields))}
	for i, f := range fields {
		n.ids[i], n.vals[i] = f.id, f.val
	}
	return n.finish()
}

// newList makes a list; it takes over items.
func newList(typeID object.Hash, items []Value) (Value, error) {
	return (&nodeValue{typeID: typeID, shape: shapeList, vals: items}).finish()
}

// finish computes size and depth and refuses what exceeds the bounds.
func (n *nodeValue) finish() (Value, error) {
	n.size = nodeOverhead + 1 + varintLen(uint64(len(n.vals)))
	for _, id := range n.ids {
		n.size += 1 + varintLen(uint64(id))
	}
	for _, v := range n.vals {
		n.size += v.Size()
		n.depth = max(n.depth, v.depth())
		if n.size > MaxValueSize {
			return Value{}, errTooLarge
		}
	}
	if n.depth += nodeDepth; n.depth > MaxValueDepth {
		return Value{}, errTooDeep
	}
	return Value{kind: ValNode, node: n}, nil
}

// sortedKeys are the keys of a record in the order of their encodings.
func sortedKeys[T any](fields map[uint32]T) []uint32 {
	return slices.SortedFunc(maps.Keys(fields), compareKeys)
}

// compareKeys orders field numbers by their encodings: LEB128 is little-endian, so 256 comes before 129.
func compareKeys(a, b uint32) int {
	var x, y [8]byte
	return bytes.Compare(can.AppendUint(x[:0], uint64(a)), can.AppendUint(y[:0], uint64(b)))
}

// find returns the index of a record's field, and whether the record has it.
func (n *nodeValue) find(id uint32) (int, bool) {
	return slices.BinarySearchFunc(n.ids, id, compareKeys)
}

// with is a copy of the record with the field set to the value.
func (n *nodeValue) with(id uint32, v Value) (Value, error) {
	c := &nodeValue{typeID: n.typeID, shape: n.shape}
	i, found := n.find(id)
	if found {
		c.ids, c.vals = n.ids, slices.Clone(n.vals)
		c.vals[i] = v
	} else {
		c.ids = slices.Insert(slices.Clone(n.ids), i, id)
		c.vals = slices.Insert(slices.Clone(n.vals), i, v)
	}
	return c.finish()
}

func (n *nodeValue) equal(o *nodeValue) bool { return n.same(o, Value.Equal) }

// same compares two nodes, and their content with equal.
func (n *nodeValue) same(o *nodeValue, equal func(a, b Value) bool) bool {
	if n == o {
		return true
	}
	if n.size != o.size || n.depth != o.depth || n.typeID != o.typeID || n.shape != o.shape || !slices.Equal(n.ids, o.ids) {
		return false
	}
	return slices.EqualFunc(n.vals, o.vals, equal)
}

func (n *nodeValue) append(dst []byte) []byte {
	dst = appendHeader(dst, can.TagMap, 3)
	dst = appendHash(can.AppendUint(dst, 1), n.typeID)
	dst = can.AppendUint(can.AppendUint(dst, 2), uint64(n.shape))
	if n.shape == shapeList {
		dst = appendHeader(can.AppendUint(dst, 4), can.TagList, len(n.vals))
		for _, v := range n.vals {
			dst = v.Append(dst)
		}
		return dst
	}
	dst = appendHeader(can.AppendUint(dst, 3), can.TagMap, len(n.vals))
	for i, v := range n.vals {
		dst = v.Append(can.AppendUint(dst, uint64(n.ids[i])))
	}
	return dst
}

// TypeID is a node's type; the zero Hash for any other kind.
func (v Value) TypeID() object.Hash {
	if v.kind != ValNode {
		return object.Hash{}
	}
	return v.node.typeID
}

// Field is a field of a record; null if v is not a record or does not have the field.
func (v Value) Field(id uint32) Value {
	if v.kind == ValNode {
		if i, ok := v.node.find(id); ok {
			return v.node.vals[i]
		}
	}
	return Value{}
}

// Fields calls fn for every field of a record, in the order of the encoding.
func (v Value) Fields(fn func(id uint32, val Value)) {
	if v.kind == ValNode {
		for i, id := range v.node.ids {
			fn(id, v.node.vals[i])
		}
	}
}

// Items are the values of a list, nil for any other kind. They must not be
// changed.
func (v Value) Items() []Value {
	if v.kind != ValNode || v.node.shape != shapeList {
		return nil
	}
	return v.node.vals
}

func nodeFromCAN(c can.Value) (Value, error) {
	if len(c.Pairs) != 3 {
		return Value{}, fmt.Errorf("%w: a map of %d fields", errValue, len(c.Pairs))
	}
	for i, want := range []uint64{1, 2, c.Pairs[1].Value.Uint + 2} { // kind 1 has field 3, kind 2 has field 4
		if k := c.Pairs[i].Key; k.Tag != can.TagUint || k.Uint != want {
			return Value{}, fmt.Errorf("%w: a map that is neither hash nor node", errValue)
		}
	}
	id, err := hashFromCAN(c.Pairs[0].Value)
	if err != nil {
		return Value{}, err
	}
	body := c.Pairs[2].Value
	switch {
	case c.Pairs[1].Value.Uint == uint64(shapeRecord) && body.Tag == can.TagMap:
		return recordFromCAN(id.Hash(), body.Pairs)
	case c.Pairs[1].Value.Uint == uint64(shapeList) && body.Tag == can.TagList:
		return listFromCAN(id.Hash(), body.List)
	}
	return Value{}, fmt.Errorf("%w: node of an unknown kind", errValue)
}

func recordFromCAN(typeID object.Hash, pairs []can.Pair) (Value, error) {
	fields := make([]field, len(pairs))
	for i, p := range pairs {
		if p.Key.Tag != can.TagUint || p.Key.Uint > 1<<32-1 {
			return Value{}, fmt.Errorf("%w: a field number out of range", errValue)
		}
		v, err := fromCAN(p.Value)
		if err != nil {
			return Value{}, err
		}
		fields[i] = field{uint32(p.Key.Uint), v}
	}
	return newRecord(typeID, fields)
}

func listFromCAN(typeID object.Hash, list []can.Value) (Value, error) {
	items := make([]Value, len(list))
	for i, e := range list {
		v, err := fromCAN(e)
		if err != nil {
			return Value{}, err
		}
		items[i] = v
	}
	return newList(typeID, items)
}
