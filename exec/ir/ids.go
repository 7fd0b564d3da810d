package ir

import (
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// The rules for the ids of a bundle's objects (spec/ir.md#ids). They leave out names, the object's own id and
// signatures.
var (
	BundleRule   = object.Rule{Mask: can.Mask{1: {5: nil, 6: nil}}}
	TypeRule     = object.Rule{Mask: can.Mask{1: nil, 3: nil, 4: {2: nil}}, IDField: 1}
	SymbolRule   = object.Rule{Mask: can.Mask{2: nil}}
	ContractRule = object.Rule{Mask: can.Mask{1: nil, 2: nil}, IDField: 1}
	ToolRule     = object.Rule{Mask: can.Mask{1: nil, 2: nil}, IDField: 1}
	TaskRule     = object.Rule{Mask: can.Mask{1: nil}, IDField: 1}
)

// opaque marks ids that a sender may choose freely: the rule computes an id, but a struct with another one is valid.
func opaque(r object.Rule) object.Rule {
	r.IDField = 0
	return r
}

// Structs describes the structs of this package. Tasks may carry opaque ids, and so may tools without a module;
// [Validate] judges those ids.
var Structs = []object.Struct{
	object.Define[Bundle]("IRBundle", BundleRule),
	object.Define[ConstPool]("ConstPool", object.Rule{}),
	object.Define[NodePool]("NodePool", object.Rule{}),
	object.Define[TypeTable]("TypeTable", object.Rule{}),
	object.Define[SymbolTable]("SymbolTable", object.Rule{}),
	object.Define[ContractTable]("ContractTable", object.Rule{}),
	object.Define[ToolTable]("ToolTable", object.Rule{}),
	object.Define[OpList]("OpList", object.Rule{}),
	object.Define[TaskList]("TaskList", object.Rule{}),
	object.Define[Const]("Const", object.Rule{}),
	object.Define[Node]("Node", object.Rule{}),
	object.Define[TypeDef]("TypeDef", TypeRule),
	object.Define[FieldDef]("FieldDef", object.Rule{}),
	object.Define[SymbolSig]("SymbolSig", SymbolRule),
	object.Define[ContractDef]("ContractDef", ContractRule),
	object.Define[ToolDef]("ToolDef", opaque(ToolRule)),
	object.Define[Op]("Op", object.Rule{}),
	object.Define[Operand]("Operand", object.Rule{}),
	object.Define[TaskDef]("TaskDef", opaque(TaskRule)),
	object.Define[Budget]("Budget", object.Rule{}),
	object.Define[Expr]("Expr", object.Rule{}),
	object.Define[Path]("Path", object.Rule{}),
}

// BundleID is the artifact id of a bundle: the hash of its canonical bytes
// without Meta's artifact_id and signatures.
func BundleID(raw []byte) (object.Hash, error) { return BundleRule.ID(raw) }

// TypeID is the id of a type definition. Enum tags are part of it; names of the type and of its fields are not.
func TypeID(t TypeDef) (object.Hash, error) { return TypeRule.IDOf(&t) }

// SymbolID is the id by which CALL and TaskDef.entry_symbol name a symbol.
func SymbolID(s SymbolSig) (object.Hash, error) { return SymbolRule.IDOf(&s) }

// ContractID is the id of a contract.
func ContractID(c ContractDef) (object.Hash, error) { return ContractRule.IDOf(&c) }

// ToolID is the id of a tool; its module is part of it.
func ToolID(t ToolDef) (object.Hash, error) { return ToolRule.IDOf(&t) }

// TaskID is the id of a task.
func TaskID(t TaskDef) (object.Hash, error) { return TaskRule.IDOf(&t) }
