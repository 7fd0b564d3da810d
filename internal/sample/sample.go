// Package sample makes a valid object of every struct of the protocol, always the same one, for vectors, fuzz seeds and
// tests that treat all types alike.
package sample

import (
	"fmt"
	"reflect"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
	"github.com/mythos-project/mythos/object/sign"
)

// Key signs the samples.
var Key = sign.FromSeed(object.SumText("mythos golden key: alice").Sum, "alice")

// Options choose a sample.
type Options struct {
	Minimal bool // without optional fields
	Variant int  // another number gives other values in most fields
}

// Object returns the canonical bytes of a valid object of the struct: its field rules hold, its id matches its bytes,
// and it is signed by [Key] if the type is signed.
func Object(s object.Struct, o Options) ([]byte, error) {
	v := reflect.New(s.Type().Go)
	f := filler{o}
	f.fill(v.Elem(), s.Type(), s.Name, 0)
	if err := identify(s, v); err != nil {
		return nil, fmt.Errorf("sample %s: %w", s.Name, err)
	}
	raw, err := can.Marshal(v.Interface())
	if err != nil {
		return nil, fmt.Errorf("sample %s: %w", s.Name, err)
	}
	if err := s.Check(raw); err != nil {
		return nil, fmt.Errorf("sample %s: %w", s.Name, err)
	}
	return raw, nil
}

// identify sets the signer, the id and the signature that the type has.
func identify(s object.Struct, v reflect.Value) error {
	set := func(num uint64, value any) {
		f, ok := s.Type().FieldByNum(num)
		if !ok || num == 0 {
			return
		}
		at, x := f.Value(v.Elem()), reflect.ValueOf(value)
		if at.Kind() == reflect.Pointer {
			at.Set(reflect.New(x.Type()))
			at = at.Elem()
		}
		if at.Type() == x.Type() { // a list of signatures is not filled in here
			at.Set(x)
		}
	}
	set(s.Rule.Signer, Key.Agent())
	set(s.Rule.Cosigner, Key.Agent())
	if s.Rule.Mask == nil {
		return nil
	}
	id, err := s.Rule.IDOf(v.Interface())
	if err != nil {
		return err
	}
	set(s.Rule.IDField, id)
	sig, err := sign.ID(Key, id)
	if err != nil {
		return err
	}
	set(s.Rule.Sig, sig)
	set(s.Rule.Cosig, sig)
	return nil
}

// filler gives every field a value that is derived from its name.
type filler struct{ o Options }

const maxDepth = 6 // nested containers, of types that contain themselves

func (f filler) fill(v reflect.Value, t *can.Type, name string, depth int) {
	switch t.Kind {
	case can.KindBool:
		v.SetBool(f.o.Variant%2 == 0)
	case can.KindUint:
		v.SetUint(1)
		if t.Go.Bits() >= 32 {
			v.SetUint(uint64(1 + f.o.Variant))
		}
	case can.KindInt:
		v.SetInt(1_790_000_000_000_000 + int64(f.o.Variant))
	case can.KindText:
		v.SetString(f.text(name))
	case can.KindBytes:
		v.SetBytes([]byte(f.text(name)))
	case can.KindRaw:
		v.SetBytes(can.AppendUint(nil, uint64(f.o.Variant)))
	case can.KindArray:
		sum := object.SumText(f.text(name))
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(sum.Sum[i%32]))
		}
	case can.KindList:
		f.fillList(v, t, name, depth)
	case can.KindMap:
		v.Set(reflect.MakeMap(t.Go))
		key, elem := reflect.New(t.Key.Go).Elem(), reflect.New(t.Elem.Go).Elem()
		f.fill(key, t.Key, name, depth+1)
		f.fill(elem, t.Elem, name, depth+1)
		v.SetMapIndex(key, elem)
	case can.KindStruct:
		f.fillStruct(v, t, depth)
	}
}

func (f filler) text(name string) string {
	if f.o.Variant == 0 {
		return name
	}
	return fmt.Sprintf("%s_%d", name, f.o.Variant)
}

func (f filler) fillList(v reflect.Value, t *can.Type, name string, depth int) {
	n := 1
	if depth > maxDepth || (f.o.Minimal && depth > 1) {
		n = 0
	}
	v.Set(reflect.MakeSlice(t.Go, n, n))
	for i := range n {
		f.fill(v.Index(i), t.Elem, name, depth+1)
	}
}

func (f filler) fillStruct(v reflect.Value, t *can.Type, depth int) {
	for i := range t.Fields {
		field := &t.Fields[i]
		if field.Optional && (f.o.Minimal || depth > maxDepth) {
			continue
		}
		at := field.Value(v)
		if at.Kind() == reflect.Pointer {
			at.Set(reflect.New(field.Type.Go))
			at = at.Elem()
		}
		f.fill(at, field.Type, field.Name, depth+1)
	}
	if obey, ok := rules[t.Go]; ok {
		obey(v.Addr().Interface(), f.o)
	}
}
