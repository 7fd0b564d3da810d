package ir

import "github.com/mythos-project/mythos/object"

// The built-in types. Their ids are SHA-256("type:mythos." + name); a bundle
// never defines them.
var (
	TypeAny   = object.SumText("type:mythos.any") // every value, null included
	TypeNull  = object.SumText("type:mythos.null")
	TypeBool  = object.SumText("type:mythos.bool")
	TypeU64   = object.SumText("type:mythos.u64")
	TypeI64   = object.SumText("type:mythos.i64")
	TypeBytes = object.SumText("type:mythos.bytes")
	TypeText  = object.SumText("type:mythos.text")
	TypeHash  = object.SumText("type:mythos.hash")
	TypeList  = object.SumText("type:mythos.list") // every list, whatever its items
)

// builtins lists the built-in types in the order of the documentation.
var builtins = []struct {
	Name string
	ID   object.Hash
}{
	{"any", TypeAny}, {"null", TypeNull}, {"bool", TypeBool}, {"u64", TypeU64}, {"i64", TypeI64},
	{"bytes", TypeBytes}, {"text", TypeText}, {"hash", TypeHash}, {"list", TypeList},
}

// BuiltinType finds a built-in type by name.
func BuiltinType(name string) (object.Hash, bool) {
	for _, b := range builtins {
		if b.Name == name {
			return b.ID, true
		}
	}
	return object.Hash{}, false
}

// BuiltinNames are the names of the built-in types.
func BuiltinNames() []string {
	names := make([]string, len(builtins))
	for i, b := range builtins {
		names[i] = b.Name
	}
	return names
}

// BuiltinName is the name of a built-in type.
func BuiltinName(id object.Hash) (string, bool) {
	for _, b := range builtins {
		if b.ID == id {
			return b.Name, true
		}
	}
	return "", false
}

// BuiltinTool is the id of a built-in effect, SHA-256("tool:mythos." + name).
func BuiltinTool(name string) object.Hash { return object.SumText("tool:mythos." + name) }

// Bounds of a bundle, checked by [Validate] before anything runs.
const (
	MaxBundle   = 16 << 20 // bytes of a bundle
	MaxInline   = 8 << 10  // bytes of a Bytes or Text constant
	MaxRegister = 255      // registers are r0 to r255
	MaxOps      = 1 << 20
	MaxArgs     = 256 // of a call or a task
)
