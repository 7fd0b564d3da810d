package object

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/mythos-project/mythos/object/can"
)

// ErrID means that the id an object carries is not the id of its bytes.
var ErrID = errors.New("id does not match the object's bytes")

// ErrInvalid means that an object breaks a field rule of the specification.
var ErrInvalid = can.ErrInvalid

// Struct describes a struct type of the protocol to code that treats all types
// alike: the command line, the conformance runner, fsck. Make one with Define.
type Struct struct {
	Name string // as in the specification, "Receipt"
	Rule Rule

	goType reflect.Type
}

// Type gives field numbers, names and types; nil for the zero Struct. It is compiled on first use, because a command
// needs few of all types.
func (s Struct) Type() *can.Type {
	if s.goType == nil {
		return nil
	}
	return can.TypeOf(s.goType)
}

// Rule says how objects of a type are identified and signed. A zero number means that the type has no such field.
type Rule struct {
	Mask    can.Mask // the fields that the id leaves out; nil: none
	IDField uint64   // the field that carries the object's own id
	Signer  uint64   // the field that names the signing agent
	Sig     uint64   // the field with the Signature over the id

	// For a type that a second agent may sign: the optional field that names this agent, and the optional field with
	// their Signature over the same id.
	Cosigner, Cosig uint64
}

// Define describes the protocol struct T, a Go struct with can tags.
func Define[T any](name string, rule Rule) Struct {
	return Struct{Name: name, Rule: rule, goType: reflect.TypeFor[T]()}
}

// ID computes the id of an object: the hash of its canonical bytes without the fields of the mask (spec/objects.md#ids)
// [obj-6].
func (r Rule) ID(raw []byte) (Hash, error) {
	if r.Mask == nil {
		return Sum(raw), nil
	}
	cut, err := can.Without(raw, r.Mask)
	if err != nil {
		return Hash{}, err
	}
	return Sum(cut), nil
}

// IDOf encodes a new object and computes its id. For received objects use [Rule.ID], which hashes the received bytes.
func (r Rule) IDOf(v any) (Hash, error) {
	raw, err := can.Marshal(v)
	if err != nil {
		return Hash{}, err
	}
	return r.ID(raw)
}

// Decode reads canonical bytes into a new T and checks its field rules. It does
// not check ids or signatures.
func Decode[T any](raw []byte) (*T, error) {
	v := new(T)
	if err := can.Unmarshal(raw, v); err != nil {
		return nil, err
	}
	return v, nil
}

// Open is Decode; it also checks that the object carries the id of its bytes, and returns the id.
func Open[T any](raw []byte, rule Rule) (*T, Hash, error) {
	v, err := Decode[T](raw)
	if err != nil {
		return nil, Hash{}, err
	}
	id, err := rule.CheckID(raw)
	return v, id, err
}

// CheckID computes the id of a canonical object. If the type has an id field, CheckID compares the two [obj-7].
func (r Rule) CheckID(raw []byte) (Hash, error) {
	id, err := r.ID(raw)
	if err != nil || r.IDField == 0 {
		return id, err
	}
	field, err := can.Field(raw, r.IDField)
	if err != nil {
		return Hash{}, err
	}
	var carried Hash
	if err := can.Unmarshal(field, &carried); err != nil {
		return Hash{}, err
	}
	if carried != id {
		return Hash{}, fmt.Errorf("%w: it carries %s, its bytes give %s", ErrID, carried, id)
	}
	return id, nil
}

// Fields decodes canonical bytes as the struct and checks every field rule, nested values included.
func (s Struct) Fields(raw []byte) error {
	return can.Unmarshal(raw, reflect.New(s.goType).Interface())
}

// Check is Fields; it also checks that the object carries the id of its bytes.
func (s Struct) Check(raw []byte) error {
	if err := s.Fields(raw); err != nil {
		return err
	}
	_, err := s.Rule.CheckID(raw)
	return err
}
