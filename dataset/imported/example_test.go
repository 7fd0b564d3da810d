package imported_test

import (
	"fmt"

	"github.com/mythos-project/mythos/dataset/imported"
	"github.com/mythos-project/mythos/ledger"
	"github.com/mythos-project/mythos/object"
)

// Receipts of imported evidence identify themselves.
func Example() {
	note := imported.Note("chat")
	r := &ledger.Receipt{ToolID: imported.ToolNamed("search"), Notes: &note, Evidence: []object.Hash{object.SumText("record")}}
	fmt.Println(imported.IsReceipt(r), note)
	// Output: true imported from chat: nobody who saw it signed it
}
