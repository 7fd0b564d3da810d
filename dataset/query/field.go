package query

import (
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// kind says with which values a field can be compared.
type kind uint8

const (
	numU64   kind = iota // unsigned numbers
	numI64               // signed numbers
	numTime              // times
	numHash              // hashes
	numText              // texts, by hash
	numBytes             // bytes, by hash
	numAny               // a signal's value, a field by number: any kind
)

// field is a path with the kind of its value.
type field struct {
	path ir.Path
	kind kind
	node ast.Node
}

var (
	hashType    = reflect.TypeFor[object.Hash]()
	timeType    = reflect.TypeFor[object.Time]()
	episodeType = can.TypeOf(reflect.TypeFor[object.EpisodeRef]())
	signalType  = can.TypeOf(reflect.TypeFor[signal.Signal]())
)

// field resolves episode.a.b, signal.x, episode[2] to a path.
func (c *compiler) field(n ast.Node) (field, error) {
	var steps []ast.Node
	at := n
	for {
		m, ok := at.(*ast.MemberNode)
		if !ok {
			break
		}
		if m.Optional || m.Method {
			return field{}, c.fail(m, "a field is expected")
		}
		steps = append(steps, m.Property)
		at = m.Node
	}
	slices.Reverse(steps)
	root, ok := at.(*ast.IdentifierNode)
	switch {
	case !ok:
		return field{}, c.fail(n, "a field such as episode.time_observed or signal.reward is expected")
	case root.Value == "episode" && len(steps) > 0:
		return c.walk(n, field{path: ir.Path{Root: ir.RootEpisode}, node: n}, episodeType, steps)
	case root.Value == "signal" && len(steps) > 0:
		return c.signal(n, steps)
	case root.Value == "episode" || root.Value == "signal":
		return field{}, c.fail(root, "a field of it is expected, such as episode.time_observed or signal.reward")
	}
	return field{}, c.fail(root, "unknown name %q (there are status, has_tool, imported, episode and signal)", root.Value)
}

// signal resolves the special names; everything else is a field of Signal.
func (c *compiler) signal(n ast.Node, steps []ast.Node) (field, error) {
	f := field{path: ir.Path{Root: ir.RootSignal}, kind: numAny, node: n}
	name, _ := steps[0].(*ast.StringNode)
	if name == nil {
		return c.walk(n, f, signalType, steps)
	}
	switch t, err := signal.ParseType(name.Value); {
	case err == nil:
		f.path.Segments = []uint32{fieldValue, uint32(t)}
	case name.Value == "value":
		f.path.Segments = []uint32{fieldValue}
	case name.Value == "signer" && len(steps) == 1:
		f.path.Segments, f.kind = []uint32{fieldSigner, segHash}, numHash
		return f, nil
	default:
		return c.walk(n, f, signalType, steps)
	}
	if len(steps) == 1 {
		return f, nil
	}
	last, ok := steps[1].(*ast.StringNode)
	if !ok || last.Value != "digest" || len(steps) > 2 {
		return field{}, c.fail(steps[1], "a signal's value has no fields; there is its digest")
	}
	return f.digest(), nil
}

// digest is the field with the hash of f.
func (f field) digest() field {
	if len(f.path.Segments) == 1 && f.path.Root == ir.RootSignal && f.path.Segments[0] == fieldValue {
		f.path.Segments = append(f.path.Segments, 0) // of any type
	}
	f.path.Segments = append(slices.Clone(f.path.Segments), segHash)
	f.kind = numHash
	return f
}

// walk descends by names and numbers.
func (c *compiler) walk(n ast.Node, f field, t *can.Type, steps []ast.Node) (field, error) {
	for i, step := range steps {
		if len(f.path.Segments) == ir.MaxPath {
			return field{}, c.fail(step, "a path has at most %d fields", ir.MaxPath)
		}
		switch s := step.(type) {
		case *ast.StringNode:
			if s.Value == "digest" && i == len(steps)-1 && i > 0 {
				return f.digest(), nil
			}
			known, ok := fieldNamed(t, s.Value)
			if !ok {
				return field{}, c.fail(step, "there is no field %q here (%s)", s.Value, fieldNames(t))
			}
			f.path.Segments, t = append(f.path.Segments, uint32(known.Num)), known.Type
		case *ast.IntegerNode:
			if s.Value < 0 || s.Value > 1<<32-1 {
				return field{}, c.fail(step, "%d is not a field number", s.Value)
			}
			f.path.Segments, t = append(f.path.Segments, uint32(s.Value)), nil
		default:
			return field{}, c.fail(step, "the name or number of a field is expected")
		}
	}
	f.kind = kindOf(t)
	if f.kind == numNone {
		return field{}, c.fail(n, "a %s cannot be compared (%s)", typeName(t), fieldNames(t))
	}
	return f, nil
}

// numNone is the kind of a value that cannot be compared.
const numNone kind = 255

func kindOf(t *can.Type) kind {
	switch {
	case t == nil:
		return numAny
	case t.Go == hashType:
		return numHash
	case t.Go == timeType:
		return numTime
	}
	switch t.Kind {
	case can.KindInt:
		return numI64
	case can.KindUint:
		return numU64
	case can.KindText:
		return numText
	case can.KindBytes, can.KindArray:
		return numBytes
	}
	return numNone
}

func fieldNamed(t *can.Type, name string) (*can.StructField, bool) {
	if t == nil || t.Kind != can.KindStruct || t.Go == hashType {
		return nil, false
	}
	return t.FieldByName(name)
}

func fieldNames(t *can.Type) string {
	if t == nil || t.Kind != can.KindStruct || t.Go == hashType {
		return "it has no fields"
	}
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
	}
	return "there are " + strings.Join(names, ", ")
}

func typeName(t *can.Type) string {
	if name := t.Go.Name(); name != "" {
		return name
	}
	return "list or map"
}
