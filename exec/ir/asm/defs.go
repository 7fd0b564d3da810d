package asm

import (
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
)

// ref is a hash, or the name of something with a hash.
type ref struct {
	token token
	kind  string // kind of a named thing; empty for a hash
}

// typeDef reads: NAME [id #hash] record { 1 x: TYPE, 2 y: TYPE? } or NAME enum { a, b }.
func (a *assembler) typeDef() error {
	t, err := a.want(tokWord)
	if err != nil {
		return err
	}
	i := len(a.b.Types.Types)
	a.at[part("types", i)] = t
	def := ir.TypeDef{}
	if def.Name, err = a.title(t); err != nil {
		return err
	}
	explicit, err := a.explicitID()
	if err != nil {
		return err
	}
	var refs []ref
	switch {
	case a.accept("record"):
		def.Kind, def.Fields = ir.TypeRecord, []ir.FieldDef{}
		err = a.list("{", "}", func() error {
			f, r, err := a.fieldDef()
			def.Fields, refs = append(def.Fields, f), append(refs, r)
			return err
		})
	case a.accept("enum"):
		def.Kind, def.EnumTags = ir.TypeEnum, []string{}
		err = a.list("{", "}", func() error {
			tag, err := a.nameOrString()
			def.EnumTags = append(def.EnumTags, tag)
			return err
		})
	default:
		err = a.peek().fail("expected record or enum, found %s", a.peek())
	}
	if err != nil {
		return err
	}
	a.b.Types.Types = append(a.b.Types.Types, def)
	return a.declare("type", t, func() (object.Hash, error) { return a.finishType(i, refs, explicit) })
}

func (a *assembler) fieldDef() (f ir.FieldDef, r ref, err error) {
	id, err := a.number(32)
	if err != nil {
		return f, r, err
	}
	f = ir.FieldDef{FieldID: uint32(id), Required: true}
	if !a.accept(":") {
		name, err := a.nameOrString()
		if err != nil {
			return f, r, err
		}
		f.Name = &name
		if err := a.expect(":"); err != nil {
			return f, r, err
		}
	}
	r, err = a.typeRef()
	f.Required = !a.accept("?")
	return f, r, err
}

func (a *assembler) finishType(i int, refs []ref, explicit *object.Hash) (id object.Hash, err error) {
	def := &a.b.Types.Types[i]
	for j, r := range refs {
		if def.Fields[j].FieldTypeID, err = a.hashOf(r); err != nil {
			return id, err
		}
	}
	if explicit != nil {
		def.TypeID = *explicit
		return *explicit, nil
	}
	def.TypeID, err = ir.TypeID(*def)
	return def.TypeID, err
}

// symbol reads: NAME (TYPE, ...) -> TYPE [entry @label] [module #hash].
func (a *assembler) symbol() error {
	t, err := a.want(tokWord)
	if err != nil {
		return err
	}
	i := len(a.b.Symbols.Symbols)
	a.at[part("symbols", i)] = t
	s := ir.SymbolSig{ModuleID: object.SumText("module:main"), ArgTypeIDs: []object.Hash{}}
	if s.Name, err = a.title(t); err != nil {
		return err
	}
	refs, result, err := a.signatureTypes()
	if err != nil {
		return err
	}
	if a.accept("entry") {
		if s.Entry, err = a.labelRef(); err != nil {
			return err
		}
	}
	if a.accept("module") {
		m, err := a.want(tokHash)
		if err != nil {
			return err
		}
		s.ModuleID = m.hash
	}
	a.b.Symbols.Symbols = append(a.b.Symbols.Symbols, s)
	return a.declare("sym", t, func() (id object.Hash, err error) {
		s := &a.b.Symbols.Symbols[i]
		s.ArgTypeIDs = make([]object.Hash, len(refs))
		for j, r := range refs {
			if s.ArgTypeIDs[j], err = a.hashOf(r); err != nil {
				return id, err
			}
		}
		if s.ReturnTypeID, err = a.hashOf(result); err != nil {
			return id, err
		}
		return ir.SymbolID(*s)
	})
}

// signatureTypes reads (TYPE, ...) -> TYPE.
func (a *assembler) signatureTypes() (args []ref, result ref, err error) {
	err = a.list("(", ")", func() error {
		r, err := a.typeRef()
		args = append(args, r)
		return err
	})
	if err == nil {
		err = a.expect("->")
	}
	if err != nil {
		return nil, ref{}, err
	}
	result, err = a.typeRef()
	return args, result, err
}

// labelRef reads @label as an op index that is known in phaseIndex.
func (a *assembler) labelRef() (*uint32, error) {
	t, err := a.want(tokLabel)
	if err != nil {
		return nil, err
	}
	n := new(uint32)
	a.fix(phaseIndex, func() error {
		i, ok := a.labels[t.text]
		if !ok {
			return t.fail("there is no label %q", t.text)
		}
		*n = uint32(i)
		return nil
	})
	return n, nil
}

// tool reads: NAME (TYPE) -> TYPE [module #hash] [id #hash]. Without a module the id is required.
func (a *assembler) tool() error {
	t, err := a.want(tokWord)
	if err != nil {
		return err
	}
	i := len(a.b.Tools.Tools)
	a.at[part("tools", i)] = t
	def := ir.ToolDef{}
	if def.Name, err = a.title(t); err != nil {
		return err
	}
	refs, result, err := a.signatureTypes()
	if err != nil {
		return err
	}
	if len(refs) != 1 {
		return t.fail("a tool takes one request, not %d", len(refs))
	}
	if a.accept("module") {
		m, err := a.want(tokHash)
		if err != nil {
			return err
		}
		def.Module = &m.hash
	}
	explicit, err := a.explicitID()
	if err != nil {
		return err
	}
	if def.Module == nil && explicit == nil {
		return t.fail("a tool has a module, or an id like #\"tool:%s\"", t.text)
	}
	a.b.Tools.Tools = append(a.b.Tools.Tools, def)
	return a.declare("tool", t, func() (object.Hash, error) { return a.finishTool(i, refs[0], result, explicit) })
}

func (a *assembler) finishTool(i int, request, response ref, explicit *object.Hash) (id object.Hash, err error) {
	def := &a.b.Tools.Tools[i]
	if def.RequestTypeID, err = a.hashOf(request); err != nil {
		return id, err
	}
	if def.ResponseTypeID, err = a.hashOf(response); err != nil {
		return id, err
	}
	if explicit != nil {
		def.ToolID = *explicit
		return *explicit, nil
	}
	def.ToolID, err = ir.ToolID(*def)
	return def.ToolID, err
}
