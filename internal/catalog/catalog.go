// Package catalog collects the struct descriptions of all packages, for code that treats all types alike.
package catalog

import (
	"slices"
	"strings"

	"github.com/mythos-project/mythos/caps"
	"github.com/mythos-project/mythos/caps/scope"
	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/signal"
	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/approval"
	"github.com/mythos-project/mythos/exec/cell"
	"github.com/mythos-project/mythos/exec/hold"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/exec/once"
	"github.com/mythos-project/mythos/exec/run"
	"github.com/mythos-project/mythos/exec/vm"
	"github.com/mythos-project/mythos/internal/gateway/bearer"
	"github.com/mythos-project/mythos/internal/gateway/wire"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/packet"
	"github.com/mythos-project/mythos/store"
)

// All returns every struct of the protocol, sorted by name.
func All() []object.Struct {
	all := slices.Concat(object.Structs, merkle.Structs, tree.Structs, caps.Structs, scope.Structs, store.Structs, ledger.Structs, packet.Structs, ir.Structs, vm.Structs, exec.Structs, approval.Structs, cell.Structs, hold.Structs, run.Structs, once.Structs,
		dataset.Structs, signal.Structs, model.Structs, wire.Structs, bearer.Structs)
	slices.SortFunc(all, func(a, b object.Struct) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lookup finds a struct by name; case does not matter.
func Lookup(name string) (object.Struct, bool) {
	for _, s := range All() {
		if strings.EqualFold(s.Name, name) {
			return s, true
		}
	}
	return object.Struct{}, false
}

// Names returns the names of all structs, sorted.
func Names() []string {
	var names []string
	for _, s := range All() {
		names = append(names, s.Name)
	}
	return names
}
