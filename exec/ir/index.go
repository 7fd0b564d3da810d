package ir

import "github.com/mythos-project/mythos/object"

// index finds the parts of a validated bundle by id.
type index struct {
	types   map[object.Hash]*TypeDef
	symbols map[object.Hash]*SymbolSig // by the id of the received bytes
}

// Symbol finds a symbol of a validated bundle by its SymbolID; nil if the table does not have it.
func (b *Bundle) Symbol(id object.Hash) *SymbolSig { return b.index.symbols[id] }

// Entry is the op index at which a symbol of a validated bundle starts: 0 for a symbol without an entry and for one
// that is not in the table.
func (b *Bundle) Entry(symbol object.Hash) int {
	if s := b.index.symbols[symbol]; s != nil && s.Entry != nil {
		return int(*s.Entry)
	}
	return 0
}

// Type finds a type of a validated bundle; nil if the table does not have it.
func (b *Bundle) Type(id object.Hash) *TypeDef { return b.index.types[id] }

// Contract finds a contract by id; nil if the table does not have it.
func (b *Bundle) Contract(id object.Hash) *ContractDef {
	return find(b.Contracts.Contracts, func(c *ContractDef) bool { return c.ContractID == id })
}

// Tool finds a tool by id; nil if the table does not have it.
func (b *Bundle) Tool(id object.Hash) *ToolDef {
	return find(b.Tools.Tools, func(t *ToolDef) bool { return t.ToolID == id })
}

// Task finds a task by id; nil if the bundle does not have it.
func (b *Bundle) Task(id object.Hash) *TaskDef {
	return find(b.Tasks.Tasks, func(t *TaskDef) bool { return t.TaskID == id })
}

// find returns the first matching element of a list; nil: none.
func find[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}
