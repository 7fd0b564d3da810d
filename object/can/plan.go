package can

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Kind is the shape of a value that a [Type] maps.
type Kind uint8

// The kinds of Go type that map to CAN.
const (
	KindBool   Kind = iota + 1
	KindUint        // uint8 to uint64: unsigned, range checked
	KindInt         // int64: signed
	KindText        // string
	KindBytes       // []byte
	KindArray       // [N]byte: bytes of exactly that length
	KindList        // []T
	KindMap         // map[string]T or map[uint32]T
	KindStruct      // struct with field numbers
	KindRaw         // Raw: one value of any type, kept encoded
)

// Raw is one canonical value of any type, kept as it is encoded.
type Raw []byte

// Type is the compiled mapping of a Go type. It is immutable and shared.
type Type struct {
	Go     reflect.Type
	Kind   Kind
	Elem   *Type         // of KindList and KindMap
	Key    *Type         // of KindMap
	Fields []StructField // of KindStruct, ascending by encoded key

	bits     int   // of KindUint: 8 to 64
	byNum    []int // field number to index in Fields, -1 for none
	need     uint64
	optional bool // of KindStruct: some field is optional
	minSize  int  // the length of the type's shortest encoding
	flat     bool // values hold no pointers
	checked  bool // *Go is a Checker
	rules    bool // this value, or some value inside, may be a Checker
	rigid    *rigid
}

// Checker is a value with rules of its own (ranges, lengths, enumerations) beyond its Go type. Decoding calls Check,
// innermost values first, and turns its error into an [ErrInvalid]. For values made in Go, the function [Check] does
// the same.
type Checker interface{ Check() error }

// StructField is one field of a struct's [Type].
type StructField struct {
	Num      uint64
	Name     string // snake_case, as the JSON view has it
	Optional bool
	Type     *Type

	key     []byte // encoded field number
	offset  uintptr
	index   []int
	pointer bool // a *T: absent when nil
	omit    bool // absent when the Go value is zero
}

var plans struct {
	sync.Mutex // held while plans are made
	byType     atomic.Pointer[map[reflect.Type]*Type]
}

// TypeOf returns the compiled mapping of t, which is built once. It panics when
// t, or a type inside it, cannot be mapped: that is an error of the program.
func TypeOf(t reflect.Type) *Type {
	if known := plans.byType.Load(); known != nil {
		if p := (*known)[t]; p != nil {
			return p
		}
	}
	plans.Lock()
	defer plans.Unlock()
	all := make(map[reflect.Type]*Type)
	if known := plans.byType.Load(); known != nil {
		maps.Copy(all, *known)
	}
	p := compile(t, all)
	plans.byType.Store(&all)
	return p
}

var (
	rawType     = reflect.TypeFor[Raw]()
	checkerType = reflect.TypeFor[Checker]()
)

// compile builds the plan of t. all holds the plans known so far, unfinished ones included, so that a recursive type
// terminates.
func compile(t reflect.Type, all map[reflect.Type]*Type) *Type {
	if p := all[t]; p != nil {
		return p
	}
	p := &Type{Go: t, minSize: 2, flat: isFlat(t), checked: reflect.PointerTo(t).Implements(checkerType), rules: true}
	all[t] = p // true until known: a type that contains itself is walked
	switch k := t.Kind(); {
	case t == rawType:
		p.Kind, p.minSize = KindRaw, 1
	case k == reflect.Bool:
		p.Kind, p.minSize = KindBool, 1
	case k >= reflect.Uint8 && k <= reflect.Uint64:
		p.Kind, p.bits = KindUint, t.Bits()
	case k == reflect.Int64:
		p.Kind = KindInt
	case k == reflect.String:
		p.Kind = KindText
	case k == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		p.Kind = KindBytes
	case k == reflect.Array && t.Elem().Kind() == reflect.Uint8:
		p.Kind, p.minSize = KindArray, 1+varintLen(uint64(t.Len()))+t.Len()
	case k == reflect.Slice:
		p.Kind, p.Elem = KindList, compile(t.Elem(), all)
	case k == reflect.Map && (t.Key().Kind() == reflect.String || t.Key().Kind() == reflect.Uint32):
		p.Kind, p.Key, p.Elem = KindMap, compile(t.Key(), all), compile(t.Elem(), all)
	case k == reflect.Struct:
		p.Kind = KindStruct
		p.compileFields(all)
		p.rigid = rigidOf(p)
	default:
		panic("can: cannot map Go type " + t.String())
	}
	p.rules = p.checked || (p.Elem != nil && p.Elem.rules) ||
		slices.ContainsFunc(p.Fields, func(f StructField) bool { return f.Type.rules })
	return p
}

func (p *Type) compileFields(all map[reflect.Type]*Type) {
	highest := -1
	for i := range p.Go.NumField() {
		sf := p.Go.Field(i)
		tag, ok := sf.Tag.Lookup("can")
		if !ok {
			continue
		}
		f := p.parseTag(sf, tag)
		t := sf.Type
		if f.pointer = t.Kind() == reflect.Pointer; f.pointer {
			t, f.Optional = t.Elem(), true
		}
		f.Type = compile(t, all)
		p.Fields = append(p.Fields, f)
		highest = max(highest, int(f.Num))
	}
	slices.SortFunc(p.Fields, func(a, b StructField) int { return bytes.Compare(a.key, b.key) })
	p.byNum = make([]int, highest+1)
	for i := range p.byNum {
		p.byNum[i] = -1
	}
	for i, f := range p.Fields {
		if p.byNum[f.Num] >= 0 {
			panic(&FieldNumberError{p.Go.String(), f.Name, "number used twice"})
		}
		p.byNum[f.Num] = i
		p.optional = p.optional || f.Optional
		if !f.Optional {
			p.need |= 1 << i
			p.minSize += len(f.key) + f.Type.minSize
		}
	}
}

// parseTag reads `can:"NUM,name[,optional|omitzero]"`. A number is below 1024
// and a struct has at most 64 fields.
func (p *Type) parseTag(sf reflect.StructField, tag string) StructField {
	parts := strings.Split(tag, ",")
	num, err := strconv.ParseUint(parts[0], 10, 10)
	if err != nil || len(parts) < 2 || parts[1] == "" || !sf.IsExported() || len(p.Fields) == 64 {
		panic(&FieldNumberError{p.Go.String(), sf.Name, tag})
	}
	f := StructField{Num: num, Name: parts[1], key: AppendUint(nil, num), offset: sf.Offset, index: sf.Index}
	for _, opt := range parts[2:] {
		switch opt {
		case "optional":
			f.Optional = true
		case "omitzero":
			f.Optional, f.omit = true, true
		default:
			panic(&FieldNumberError{p.Go.String(), sf.Name, tag})
		}
	}
	return f
}

// FieldByNum finds a field by number.
func (p *Type) FieldByNum(num uint64) (*StructField, bool) {
	if num < uint64(len(p.byNum)) {
		if i := p.byNum[num]; i >= 0 {
			return &p.Fields[i], true
		}
	}
	return nil, false
}

// FieldByName finds a field by its snake_case name.
func (p *Type) FieldByName(name string) (*StructField, bool) {
	for i := range p.Fields {
		if p.Fields[i].Name == name {
			return &p.Fields[i], true
		}
	}
	return nil, false
}

// Value returns the Go field of the struct value v; a pointer when optional
// scalars are declared as pointers.
func (f *StructField) Value(v reflect.Value) reflect.Value { return v.FieldByIndex(f.index) }
