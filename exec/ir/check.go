package ir

import (
	"errors"
	"fmt"
	"slices"
)

// one reports whether exactly the wanted field is present.
func one(want uint8, present ...bool) bool {
	for i, p := range present {
		if p != (i+1 == int(want)) {
			return false
		}
	}
	return want >= 1 && int(want) <= len(present)
}

// Check checks a constant by its kind: exactly that field, at most MaxInline bytes [field-21].
func (c Const) Check() error {
	if !one(c.Kind, c.I64 != nil, c.U64 != nil, c.Bytes != nil, c.Text != nil, c.Hash != nil) {
		return fmt.Errorf("a constant of kind %d has exactly field %d beside its kind", c.Kind, c.Kind+1)
	}
	if n := len(c.Scalar().data); n > MaxInline {
		return fmt.Errorf("%d bytes inline, at most %d are allowed", n, MaxInline)
	}
	return nil
}

// Check checks an operand by its kind: exactly that field, and registers below 256 [field-22].
func (o Operand) Check() error {
	if o.Kind < OperandReg || o.Kind > OperandHash {
		return fmt.Errorf("operand kind %d is not known", o.Kind)
	}
	want := [...]bool{
		o.U64 != nil == (o.Kind == OperandReg || o.Kind == OperandU64),
		o.I64 != nil == (o.Kind == OperandI64),
		o.Hash != nil == (o.Kind == OperandHash),
		o.NodeRef != nil == (o.Kind == OperandNodeRef),
		o.ConstRef != nil == (o.Kind == OperandConstRef),
	}
	if slices.Contains(want[:], false) {
		return fmt.Errorf("an operand of kind %s has exactly the field of its kind", operandNames[o.Kind])
	}
	if o.Kind == OperandReg && *o.U64 > MaxRegister {
		return fmt.Errorf("register %d, the last one is %d", *o.U64, MaxRegister)
	}
	return nil
}

// Check checks a node by its kind: a record has fields, a list has items [field-23].
func (n Node) Check() error {
	if !one(n.Kind, n.Fields != nil, n.Items != nil) {
		return errors.New("a record (kind 1) has fields and no items, a list (kind 2) items and no fields")
	}
	return nil
}

// Check checks a type by its kind: a record has fields with distinct ids, an enum has distinct tags [field-24].
func (t TypeDef) Check() error {
	if !one(t.Kind, t.Fields != nil, t.EnumTags != nil) {
		return errors.New("a record (kind 1) has fields and no tags, an enum (kind 2) tags and no fields")
	}
	ids := make(map[uint32]bool, len(t.Fields))
	for _, f := range t.Fields {
		if ids[f.FieldID] {
			return fmt.Errorf("field %d is defined twice", f.FieldID)
		}
		ids[f.FieldID] = true
	}
	tags := make(map[string]bool, len(t.EnumTags))
	for _, tag := range t.EnumTags {
		if tags[tag] {
			return fmt.Errorf("tag %q is there twice", tag)
		}
		tags[tag] = true
	}
	return nil
}

// Check refuses unknown roots and empty paths [field-25].
func (p Path) Check() error {
	if p.Root != RootEpisode && p.Root != RootSignal {
		return fmt.Errorf("path root %d is not known", p.Root)
	}
	if len(p.Segments) == 0 || len(p.Segments) > MaxPath {
		return fmt.Errorf("a path has 1 to %d segments, not %d", MaxPath, len(p.Segments))
	}
	return nil
}
